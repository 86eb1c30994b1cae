import Core
import Testing

@testable import EventLoop

@Suite struct HeldBytesTests {
    @Test("what was prepended comes first, chunk by chunk") func order() {
        var pool = HeldPool(chunkSize: 5)
        var held = HeldBytes()
        let parts = ["cdefghijkl", "mnop", "ab"].map { Bytes($0) }
        pool.append(parts[0].view, to: &held)
        pool.append(parts[1].view, to: &held)
        pool.prepend(parts[2].view, to: &held)
        #expect(pool.heldBytes == 16)
        var got: [UInt8] = []
        while !held.isEmpty {
            got += pool.lend(from: &held).array
            pool.reclaim()
        }
        #expect(got == Array("abcdefghijklmnop".utf8))
        #expect(pool.heldBytes == 0)
    }

    @Test("bytes are moved out across chunks, and what is lent stays as it is")
    func moveOut() {
        var pool = HeldPool(chunkSize: 5)
        var lentFrom = HeldBytes()
        var held = HeldBytes()
        let text = Bytes("lent!")
        pool.append(text.view, to: &lentFrom)
        for number in 0..<1_000 as Range<Int32> {
            unsafe withUnsafeBytes(of: number) { pool.append(unsafe ByteView($0), to: &held) }
        }
        let lent = pool.lend(from: &lentFrom)
        var got: [Int32] = []
        var number: Int32 = -1
        while unsafe withUnsafeMutableBytes(of: &number, { unsafe pool.move(to: $0, from: &held) })
        {
            got.append(number)
        }
        #expect(got == Array(0..<1_000))
        #expect(lent.array == Array("lent!".utf8))
        #expect(held.isEmpty && pool.heldBytes == 0)
        pool.reclaim()
    }

    @Test("connections kept for a paused listener survive buffers of any size")
    func heldConnections() throws {
        var options = LoopOptions()
        options.socketLimit = 4
        var table = SocketTable(options: options, chunkSize: 4_099)
        let socket = Socket(owner: 9, descriptor: -1, flags: [.isListener, .wantsInput])
        let inserted = table.insert(socket)
        let listener = try #require(inserted)
        // Numbers no descriptor has: nothing is closed here.
        for number in 0..<5_000 as Range<Int32> { table.holdConnection(listener, 1 << 30 | number) }
        var got: [Int32] = []
        while let completion = table.takeHeldConnection(listener) { got.append(completion.result) }
        #expect(got == (0..<5_000).map { 1 << 30 | $0 })
        _ = table.remove(listener)
    }
}
