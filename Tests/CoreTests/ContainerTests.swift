import Core
import Testing

@Suite struct ContainerTests {
    @Test("a stale handle is detected, a slot is reused with a new generation") func slab() throws {
        var slab = Slab<String>(capacity: 2)
        #expect(slab.nextHandle == SlabHandle(slot: 0, generation: 1))
        let first = slab.insert("a")
        _ = slab.insert("b")
        let isFull = slab.isFull && slab.nextHandle == nil
        #expect(isFull)
        let removed = slab.remove(first)
        let isGone = !slab.contains(first)
        #expect(removed == "a" && isGone)
        let predicted = slab.nextHandle
        let second = slab.insert("c")
        #expect(predicted == second && second.slot == first.slot && second != first)
        slab[second] += "!"
        let element = slab[second]
        #expect(element == "c!")
    }

    @Test("a pool hands out at most its limit, and knows what is out") func pool() throws {
        let pool = BufferPool(chunkSize: 8, limit: 2)
        var first = try #require(pool.take())
        let second = try #require(pool.take())
        #expect(pool.take() == nil && pool.outstanding == 2)
        #expect(first.append(ByteView("0123456789")) == 8 && first.available == 0)
        first.removeFirst(3)
        #expect(first.filled.string == "34567")
        first.truncate(to: 1)
        var window = first.room(upTo: 4)
        window.append(ByteView("abcdef"))
        first.advance(by: window.count)
        #expect(first.filled.string == "3abcd")
        pool.give(first)
        pool.give(second)
        #expect(pool.outstanding == 0 && pool.allocated == 2)
        pool.destroy()
    }

    @Test("a queue is first in, first out, around its end") func queue() {
        var queue = FixedQueue<Int>(capacity: 3)
        for round in 0..<5 {
            queue.append(round)
            queue.append(round + 100)
            let popped = [queue.popFirst(), queue.popFirst()]
            #expect(popped == [round, round + 100])
        }
        let isEmpty = queue.isEmpty && queue.popFirst() == nil
        #expect(isEmpty)
    }

    @Test("time saturates instead of wrapping") func time() {
        let late = Instant(nanoseconds: .max - 1)
        #expect(late + .seconds(1) == .distantFuture)
        #expect(Instant(nanoseconds: 1).since(late) == .zero)
        #expect(Nanoseconds(.milliseconds(1_500)) == .milliseconds(1_500))
        #expect(Nanoseconds(.seconds(-1)) == .zero)
    }

    @Test("segments are counted, empty ones left out") func segments() {
        var list = SegmentList()
        list.append(.empty)
        list.append(ByteView("ab"))
        list.append(ByteView("cde"))
        #expect(list.count == 2 && list.totalBytes == 5 && list[1].string == "cde")
    }
}
