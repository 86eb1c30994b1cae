import Core
import Foundation
import Synchronization
import Testing

@testable import EventLoop

@Suite(.serialized) struct MailboxTests {
    @Test("refuses when it is full, and again when it is closed", arguments: Kind.allCases)
    func bound(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let mailbox = Mailbox<Int>(capacity: 3, wake: loop.backend.wakeHandle())
                #expect((0..<5).map { mailbox.post($0) } == [true, true, true, false, false])
                #expect(loop.run { $0.has(.wake, 0) }.count == 1)
                #expect(mailbox.drain() == [0, 1, 2])
                #expect(mailbox.drain().isEmpty)
                #expect(mailbox.post(7))
                mailbox.close()
                #expect(!mailbox.post(8))
                #expect(mailbox.drain() == [7])
            }
        }
        try withBackend(kind, Body())
    }

    @Test(
        "loses nothing it took, in the order of each thread, and wakes for all of it",
        arguments: Kind.allCases)
    func threads(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let mailbox = Mailbox<(thread: Int, number: Int)>(
                    capacity: 16, wake: loop.backend.wakeHandle())
                let refused = Counter()
                for thread in 0..<4 {
                    let poster = Thread {
                        for number in 0..<2_000 {
                            while !mailbox.post((thread, number)) {
                                refused.value.wrappingAdd(1, ordering: .relaxed)
                                usleep(50)
                            }
                        }
                    }
                    poster.start()
                }
                var next = [0, 0, 0, 0]
                var isOrdered = true
                let deadline = Clock.monotonic() + .seconds(20)
                // The long deadline of the wait shows that no message stays without its wake.
                while next != [2_000, 2_000, 2_000, 2_000], Clock.monotonic() < deadline {
                    loop.backend.wait(until: deadline)
                    while let completion = loop.backend.nextCompletion() {
                        #expect(completion.operation == .wake)
                        for message in mailbox.drain() {
                            isOrdered = isOrdered && message.number == next[message.thread]
                            next[message.thread] += 1
                        }
                    }
                }
                #expect(next == [2_000, 2_000, 2_000, 2_000] && isOrdered)
                #expect(refused.value.load(ordering: .relaxed) > 0, "the bound was never met")
            }
        }
        try withBackend(kind, Body())
    }
}

private final class Counter: Sendable {
    let value = Atomic<Int>(0)
}
