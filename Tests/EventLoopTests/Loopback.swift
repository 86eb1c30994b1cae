import Core
import Foundation
import Testing

@testable import EventLoop

/// Which backend a parameterised test runs on.
enum Kind: String, CaseIterable, CustomTestStringConvertible {
    case uring
    case epoll

    var testDescription: String { rawValue }
}

/// Makes the backend, runs `body`, shuts the backend down.
func withBackend(
    _ kind: Kind, options: LoopOptions = LoopOptions(), _ body: any Script
) throws {
    switch kind {
    case .uring: try run(try UringBackend(options: options), body)
    case .epoll: try run(try EpollBackend(options: options), body)
    }
}

/// A test body that is generic over the backend.
protocol Script {
    func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws
}

private func run<B: Backend & ~Copyable>(_ backend: consuming B, _ script: any Script) throws {
    var loop = Loopback(backend: backend)
    defer { loop.backend.shutdown() }
    try script.run(&loop)
}

/// What happened, with the bytes copied.
struct Event: Equatable {
    var operation: EventLoop.Operation
    var owner: UInt64
    var result: Int32
    var bytes: [UInt8] = []
}

/// A backend with the helpers that tests share.
struct Loopback<B: Backend & ~Copyable>: ~Copyable {
    var backend: B

    /// Runs turns until `done` or five seconds have passed; returns all events.
    @discardableResult
    mutating func run(
        seconds: Double = 5, until done: ([Event]) -> Bool
    ) -> [Event] {
        var events: [Event] = []
        let deadline = Clock.monotonic() + .milliseconds(UInt64(seconds * 1_000))
        while !done(events) && Clock.monotonic() < deadline {
            backend.wait(until: Clock.monotonic() + .milliseconds(20))
            while let completion = backend.nextCompletion() {
                events.append(
                    Event(
                        operation: completion.operation, owner: completion.owner,
                        result: completion.result, bytes: completion.bytes.array))
            }
        }
        return events
    }

    /// Runs turns for a while and returns what happened.
    mutating func idle(milliseconds: Int) -> [Event] {
        run(seconds: Double(milliseconds) / 1_000) { _ in false }
    }

    /// A listener on a free port of 127.0.0.1.
    mutating func listen(owner: UInt64) throws -> (SocketHandle, SocketAddress) {
        let descriptor = try Sockets.makeListener(.ipv4(0x7f00_0001, port: 0), backlog: 2_048)
        let address = try Sockets.localAddress(descriptor)
        return (backend.listen(descriptor, owner: owner), address)
    }

    /// A connected pair: a socket of the backend, and the descriptor of its blocking peer.
    mutating func pair(owner: UInt64, sendBuffer: Int32? = nil) throws -> (SocketHandle, Int32) {
        var descriptors: [Int32] = [0, 0]
        let result = unsafe socketpair(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &descriptors)
        try #require(result == 0)
        let flags = fcntl(descriptors[0], F_GETFL)
        try #require(fcntl(descriptors[0], F_SETFL, flags | O_NONBLOCK) == 0)
        if let sendBuffer { try Sockets.setSendBuffer(descriptors[0], sendBuffer) }
        let handleResult = backend.adopt(descriptors[0], owner: owner)
        let handle = try #require(handleResult)
        return (handle, descriptors[1])
    }
}

/// Bytes at a fixed address, for sends.
@safe
final class Bytes: Sendable {
    nonisolated(unsafe) let buffer: UnsafeMutableRawBufferPointer

    init(_ bytes: [UInt8]) {
        unsafe buffer = .allocate(byteCount: bytes.count, alignment: 1)
        unsafe buffer.copyBytes(from: bytes)
    }

    convenience init(_ text: String) { self.init([UInt8](text.utf8)) }

    deinit { unsafe buffer.deallocate() }

    var view: ByteView { unsafe ByteView(UnsafeRawBufferPointer(buffer)) }
}

/// `count` bytes that differ by position.
func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}

/// Writes all bytes to a blocking descriptor.
func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
        let count = unsafe bytes.withUnsafeBytes {
            unsafe send(
                descriptor, $0.baseAddress.map { unsafe $0 + sent }, bytes.count - sent,
                Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { return }
        sent += count
    }
}

/// Reads `count` bytes, or fewer when the stream ends.
func readExactly(_ descriptor: Int32, _ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
        let received = unsafe bytes.withUnsafeMutableBytes {
            unsafe recv(descriptor, $0.baseAddress.map { unsafe $0 + filled }, count - filled, 0)
        }
        guard received > 0 else { break }
        filled += received
    }
    return Array(bytes.prefix(filled))
}

/// Open descriptors of the process.
func openDescriptors() -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? -1
}

extension [Event] {
    func received(by owner: UInt64) -> [UInt8] {
        filter { $0.owner == owner && $0.operation == .receive }.flatMap(\.bytes)
    }

    func has(_ operation: EventLoop.Operation, _ owner: UInt64) -> Bool {
        contains { $0.operation == operation && $0.owner == owner }
    }

    func results(_ operation: EventLoop.Operation, _ owner: UInt64) -> [Int32] {
        filter { $0.operation == operation && $0.owner == owner }.map(\.result)
    }

    func ended(_ owner: UInt64) -> Bool {
        contains { $0.operation == .receive && $0.owner == owner && $0.result <= 0 }
    }
}
