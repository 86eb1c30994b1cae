import Core
import Testing

@testable import Server

@Suite("handshakes are served in order of arrival, a few in each turn")
struct HandshakeQueueTests {
    private func handle(_ slot: Int) -> SlabHandle {
        SlabHandle(slot: UInt32(slot), generation: 1)
    }

    /// The slots that one turn serves; those of `closed` turn out to be closed.
    private func turn(_ queue: inout HandshakeQueue, closed: Set<UInt32> = []) -> [UInt32] {
        queue.beginTurn()
        var served: [UInt32] = []
        while let handle = queue.next() {
            if closed.contains(handle.slot) {
                queue.nextWasClosed()
            } else {
                served.append(handle.slot)
            }
        }
        return served
    }

    @Test("first come, first served, no more than two in a turn, and none is lost") func order() {
        var queue = HandshakeQueue(limit: 16)
        var served = turn(&queue)
        #expect(served == [])
        for slot in 0..<5 { queue.append(handle(slot)) }
        served = turn(&queue)
        #expect(served == [0, 1])
        queue.append(handle(9))
        queue.append(handle(0))
        served = turn(&queue)
        #expect(served == [2, 3])
        let count = queue.count
        #expect(count == 3)
        served = turn(&queue) + turn(&queue)
        #expect(served == [4, 9, 0])
        let isEmpty = queue.isEmpty
        #expect(isEmpty)
        served = turn(&queue)
        #expect(served == [])
    }

    @Test("what is added during a turn has its share of that turn only") func duringTurn() {
        var queue = HandshakeQueue(limit: 16)
        queue.append(handle(0))
        queue.beginTurn()
        var served = [queue.next()]
        for slot in 1..<4 { queue.append(handle(slot)) }
        served += [queue.next(), queue.next()]
        #expect(served == [handle(0), handle(1), nil])
        let later = turn(&queue)
        #expect(later == [2, 3])
    }

    @Test("handshakes that were closed meanwhile cost no step") func closed() {
        var queue = HandshakeQueue(limit: 16)
        for slot in 0..<10 { queue.append(handle(slot)) }
        var served = turn(&queue, closed: [0, 1, 2, 4, 5])
        #expect(served == [3, 6])
        served = turn(&queue, closed: [7, 8, 9])
        let isEmpty = queue.isEmpty
        #expect(served == [] && isEmpty)
    }

    @Test("without a turn nothing is served") func budget() {
        var queue = HandshakeQueue(limit: 4)
        queue.append(handle(0))
        let next = queue.next()
        let count = queue.count
        #expect(next == nil && count == 1)
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
            queue.beginTurn()
            _ = queue.next()
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
