import Core
import Glibc

/// Bytes that end at an unmapped page: reading one byte too many faults at once.
@safe
final class GuardedBytes {
    private let map: UnsafeMutableRawPointer
    private let mapSize: Int
    private let start: UnsafeMutablePointer<UInt8>
    let count: Int

    init(_ bytes: [UInt8]) {
        let page = Int(getpagesize())
        let pages = (bytes.count + page - 1) / page + 1
        mapSize = pages * page
        guard
            let memory = unsafe mmap(
                nil, mapSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            unsafe memory != MAP_FAILED
        else { fatalError("mmap failed") }
        unsafe map = memory
        let guardPage = unsafe memory + (mapSize - page)
        precondition(unsafe mprotect(guardPage, page, PROT_NONE) == 0)
        unsafe start = (guardPage - bytes.count).assumingMemoryBound(to: UInt8.self)
        count = bytes.count
        for (index, byte) in bytes.enumerated() { unsafe start[index] = byte }
    }

    deinit { unsafe munmap(map, mapSize) }

    /// All the bytes; valid as long as this object.
    var view: ByteView { unsafe ByteView(base: start, count: count) }
}

/// Runs `body` with `text` placed before an unmapped page.
func withGuarded<Result>(_ text: String, _ body: (ByteView) throws -> Result) rethrows -> Result {
    try withGuarded(Array(text.utf8), body)
}

func withGuarded<Result>(
    _ bytes: [UInt8], _ body: (ByteView) throws -> Result
) rethrows -> Result {
    let guarded = GuardedBytes(bytes)
    return try withExtendedLifetime(guarded) { try body(guarded.view) }
}

/// Runs `body` with an empty buffer of `capacity` bytes.
func withBuffer<Result>(
    _ capacity: Int = 32_768, _ body: (inout Buffer) throws -> Result
) rethrows -> Result {
    let pool = BufferPool(chunkSize: capacity, limit: 1)
    guard var buffer = pool.take() else { fatalError("no buffer") }
    defer {
        pool.give(buffer)
        pool.destroy()
    }
    return try body(&buffer)
}

extension SegmentList {
    /// All segments joined.
    var text: String {
        var bytes: [UInt8] = []
        for index in 0..<count { bytes += self[index].array }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A list of one segment.
    init(_ view: ByteView) {
        self.init()
        append(view)
    }
}
