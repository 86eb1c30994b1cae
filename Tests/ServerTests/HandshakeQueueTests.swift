import Core
import Testing

@testable import Server

@Suite("handshakes are served in order of arrival")
struct HandshakeQueueTests {
    private func handle(_ slot: Int) -> SlabHandle {
        SlabHandle(slot: UInt32(slot), generation: 1)
    }

    @Test("first come, first served, and none is lost") func order() {
        var queue = HandshakeQueue(limit: 16)
        var served = [queue.popFirst()]
        for slot in 0..<3 { queue.append(handle(slot)) }
        served += [queue.popFirst()]
        queue.append(handle(9))
        queue.append(handle(0))
        let count = queue.count
        #expect(count == 4)
        for _ in 0..<4 { served.append(queue.popFirst()) }
        let isEmpty = queue.isEmpty
        #expect(isEmpty)
        served.append(queue.popFirst())
        #expect(served == [nil, handle(0), handle(1), handle(2), handle(9), handle(0), nil])
    }

    @Test("it has a maximum") func full() {
        var queue = HandshakeQueue(limit: 4)
        for slot in 0..<8 {
            let isFull = queue.isFull
            #expect(!isFull)
            queue.append(handle(slot))
        }
        let isFull = queue.isFull
        #expect(isFull)
    }

    @Test(
        "accepting stops while it is long, and goes on when half of that is done",
        arguments: [(1, 1), (2, 1), (16, 8), (256, 128), (1_024, 128)])
    func accepting(limit: Int, longest: Int) {
        var queue = HandshakeQueue(limit: limit)
        func change(_ queue: inout HandshakeQueue) -> [Bool?] {
            [queue.acceptingChange(), queue.holdsBackAccepting]
        }
        for slot in 0..<longest {
            let before = change(&queue)
            #expect(before == [nil, false])
            queue.append(handle(slot))
        }
        let held = change(&queue) + change(&queue)
        #expect(held == [false, true, nil, true])
        while queue.count > longest / 2 {
            let during = change(&queue)
            #expect(during == [nil, true])
            _ = queue.popFirst()
        }
        let after = change(&queue) + change(&queue)
        #expect(after == [true, false, nil, false])
    }

    @Test("S26 a ClientHello is known by its bytes when all of it is there") func hello() {
        func areWhole(_ bytes: [UInt8]) -> Bool {
            unsafe bytes.withUnsafeBytes { unsafe ClientHelloBytes.areWhole(ByteView($0)) }
        }
        let message: [UInt8] = [1, 0, 1, 4] + [UInt8](repeating: 7, count: 260)
        let record: [UInt8] = [22, 3, 1, 1, 8] + message
        #expect(areWhole(record) && areWhole(record + [20, 3, 3]))
        for count in 0..<record.count { #expect(!areWhole(Array(record.prefix(count)))) }
        #expect(!areWhole([22, 3, 1, 1, 8, 2] + message.dropFirst()), "another message")
        #expect(!areWhole([23, 3, 1, 1, 8] + message), "another record")
        #expect(!areWhole([22, 3, 1, 1, 7] + message), "its last byte is in another record")
    }
}
