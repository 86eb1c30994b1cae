import Core
import Foundation
import Testing

@testable import EventLoop

/// Many sockets on a loop whose queues and buffers are far too few: nothing is lost, nothing spins.
@Suite(.serialized) struct PressureTests {
    @Test(
        "two receive buffers serve many sockets in order", arguments: Kind.allCases,
        [LoopOptions().completionEntries, 8])
    func fewBuffers(kind: Kind, completionEntries: UInt32) throws {
        struct Body: Script {
            let kind: Kind
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let bytes = pattern(50_000 + socketCount)
                let sent = (0..<socketCount).map { Array(bytes[$0..<$0 + 50_000]) }
                var pairs: [Pair] = []
                for owner in 0..<socketCount { pairs.append(try loop.pair(owner: UInt64(owner))) }
                for (index, pair) in pairs.enumerated() {
                    loop.backend.startReceiving(pair.socket)
                    writeAll(pair.peer, sent[index])
                }
                var got = [[UInt8]](repeating: [], count: socketCount)
                var received = 0
                var paused: [SocketHandle] = []
                let deadline = Clock.monotonic() + .seconds(20)
                while got.contains(where: { $0.count < 50_000 }), Clock.monotonic() < deadline {
                    loop.backend.wait(until: Clock.monotonic() + .milliseconds(20))
                    while let completion = loop.backend.nextCompletion() {
                        let owner = Int(completion.owner)
                        received += 1
                        // Every third is held in part, and its socket paused until the next turn.
                        let taken =
                            received % 3 == 0 ? completion.bytes.count / 2 : completion.bytes.count
                        got[owner] += completion.bytes.prefix(taken).array
                        if taken < completion.bytes.count {
                            let rest = completion.bytes.dropFirst(taken)
                            loop.backend.hold(rest, for: pairs[owner].socket)
                            paused.append(pairs[owner].socket)
                        }
                    }
                    for socket in paused { loop.backend.resumeReceiving(socket) }
                    paused.removeAll()
                }
                // Compared outside of the macro, which would print all of it.
                let isSame = got == sent
                #expect(isSame)
                #expect(loop.backend.statistics.heldBytes == 0)
                #expect((loop.backend.statistics.bufferExhaustions > 0) == (kind == .uring))
                expectQuiet(&loop)
                for pair in pairs { Sockets.close(pair.peer) }
            }
        }
        var options = Self.tiny
        options.completionEntries = completionEntries
        if completionEntries == 8 { options.submissionEntries = 4 }
        try withBackend(kind, options: options, Body(kind: kind))
    }

    @Test("sockets paused for want of a consumer cost nothing", arguments: Kind.allCases)
    func pausedSockets(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let bytes = pattern(50_000)
                var pairs: [Pair] = []
                for owner in 0..<socketCount {
                    let pair: Pair = try loop.pair(owner: UInt64(owner))
                    pairs.append(pair)
                    loop.backend.startReceiving(pair.socket)
                    loop.backend.wait(until: Clock.monotonic())
                    loop.backend.pauseReceiving(pair.socket)
                    writeAll(pair.peer, bytes)
                }
                #expect(loop.idle(milliseconds: 100).isEmpty)
                // What the kernel delivered before it heard of the pause: a few buffers' worth.
                #expect(loop.backend.statistics.heldBytes <= 2 * 4_096 * UInt64(socketCount))
                expectQuiet(&loop)
                for pair in pairs { loop.backend.resumeReceiving(pair.socket) }
                for pair in pairs { Sockets.close(pair.peer) }
                let events = loop.run(seconds: 20) { events in
                    events.count { $0.result == 0 } == socketCount
                }
                for owner in 0..<socketCount {
                    let isSame = events.received(by: UInt64(owner)) == bytes
                    #expect(isSame, "socket \(owner)")
                }
            }
        }
        try withBackend(kind, options: Self.tiny, Body())
    }

    @Test("a completion queue that overflows delivers everything", arguments: Kind.allCases)
    func completionOverflow(kind: Kind) throws {
        struct Body: Script {
            let kind: Kind
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let (_, address) = try loop.listen(owner: 1_000)
                for owner in 0..<socketCount {
                    _ = try loop.backend.connect(to: address, owner: UInt64(owner)).get()
                }
                let opening = loop.run { events in
                    events.count { $0.operation == .accept } == socketCount
                        && events.count { $0.operation == .connect } == socketCount
                }
                #expect(opening.allSatisfy { $0.operation == .accept || $0.result == 0 })
                var servers: [SocketHandle] = []
                for (index, descriptor) in opening.results(.accept, 1_000).enumerated() {
                    let adopted = loop.backend.adopt(descriptor, owner: UInt64(2_000 + index))
                    servers.append(try #require(adopted))
                }
                #expect(servers.count == socketCount)
                let memory = Bytes(pattern(100))
                for server in servers {
                    loop.backend.startReceiving(server)
                    loop.backend.send(server, memory.view)
                }
                let sends = loop.run { events in
                    events.count { $0.operation == .send } == socketCount
                }
                #expect(sends.allSatisfy { $0.result == 100 })
                for server in servers { loop.backend.close(server, reset: true) }
                let closes = loop.run { events in events.count == socketCount }
                #expect(closes.count { $0.operation == .close } == socketCount)
                let statistics = loop.backend.statistics
                #expect((statistics.completionOverflows > 0) == (kind == .uring))
                #expect(statistics.staleEvents == 0 || kind == .epoll)
                expectQuiet(&loop)
                withExtendedLifetime(memory) {}
            }
        }
        var options = LoopOptions()
        options.submissionEntries = 4
        options.completionEntries = 8
        try withBackend(kind, options: options, Body(kind: kind))
    }

    @Test("received bytes survive a completion queue that overflows", arguments: Kind.allCases)
    func receivesOverflow(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                var peers: [Int32] = []
                for owner in 0..<socketCount {
                    let (socket, peer) = try loop.pair(owner: UInt64(owner))
                    loop.backend.startReceiving(socket)
                    peers.append(peer)
                }
                loop.backend.wait(until: Clock.monotonic())
                for round in 0..<5 {
                    for (index, peer) in peers.enumerated() {
                        writeAll(peer, [UInt8(round), UInt8(index)])
                    }
                }
                for peer in peers { Sockets.close(peer) }
                let events = loop.run { events in
                    events.count { $0.operation == .receive && $0.result == 0 } == socketCount
                }
                for owner in 0..<socketCount {
                    let expected = (0..<5).flatMap { [UInt8($0), UInt8(owner)] }
                    #expect(events.received(by: UInt64(owner)) == expected)
                }
            }
        }
        var options = LoopOptions()
        options.submissionEntries = 4
        options.completionEntries = 8
        try withBackend(kind, options: options, Body())
    }

    @Test("a submission queue that is full loses nothing", arguments: Kind.allCases)
    func submissionOverflow(kind: Kind) throws {
        struct Body: Script {
            let kind: Kind
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let memory = Bytes(pattern(1_000))
                var pairs: [Pair] = []
                for owner in 0..<socketCount {
                    let pair: Pair = try loop.pair(owner: UInt64(owner))
                    pairs.append(pair)
                    loop.backend.startReceiving(pair.socket)
                    loop.backend.send(pair.socket, memory.view)
                    loop.backend.pauseReceiving(pair.socket)
                    loop.backend.resumeReceiving(pair.socket)
                }
                let sends = loop.run { events in events.count == socketCount }
                let isSent = sends.count { $0.result == 1_000 } == socketCount
                try #require(isSent, "the peers block until they have read all")
                for pair in pairs { #expect(readExactly(pair.peer, 1_000).count == 1_000) }
                for pair in pairs { loop.backend.close(pair.socket, reset: false) }
                let closes = loop.run { events in events.count == socketCount }
                #expect(closes.count { $0.operation == .close } == socketCount)
                #expect((loop.backend.statistics.submissionOverflows > 0) == (kind == .uring))
                for pair in pairs { Sockets.close(pair.peer) }
                withExtendedLifetime(memory) {}
            }
        }
        var options = LoopOptions()
        options.submissionEntries = 2
        try withBackend(kind, options: options, Body(kind: kind))
    }

    @Test("operations the kernel refuses to take wait outside the ring, in order")
    func spill() throws {
        final class Box: @unchecked Sendable {
            var loop: Loopback<UringBackend>
            init(_ options: LoopOptions) throws {
                loop = Loopback(backend: try UringBackend(options: options))
            }
        }
        var options = LoopOptions()
        options.submissionEntries = 4
        let box = try Box(options)
        defer { box.loop.backend.shutdown() }
        let memory = Bytes(pattern(1_000))
        var pairs: [Pair] = []
        for owner in 0..<socketCount { pairs.append(try box.loop.pair(owner: UInt64(owner))) }
        let handles = pairs.map(\.socket)
        let done = DispatchSemaphore(value: 0)
        // The ring takes submissions from its own thread alone, so that on another one the queue
        // stays full. Nothing else could make a healthy kernel refuse.
        let thread = Thread {
            for socket in handles {
                box.loop.backend.startReceiving(socket)
                box.loop.backend.send(socket, memory.view)
            }
            done.signal()
        }
        thread.start()
        done.wait()
        for pair in pairs { writeAll(pair.peer, [7]) }
        let events = box.loop.run { events in events.count == 2 * socketCount }
        // Required: the peers block until they have read all.
        try #require(events.count { $0.operation == .send && $0.result == 1_000 } == socketCount)
        #expect(events.count { $0.operation == .receive && $0.bytes == [7] } == socketCount)
        for pair in pairs { #expect(readExactly(pair.peer, 1_000) == pattern(1_000)) }
        expectQuiet(&box.loop)
        for pair in pairs { Sockets.close(pair.peer) }
    }

    @Test("a paused listener accepts nothing, and everything afterwards", arguments: Kind.allCases)
    func pausedListener(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let (listener, address) = try loop.listen(owner: 1_000)
                loop.backend.wait(until: Clock.monotonic())
                loop.backend.pauseAccepting(listener)
                for owner in 0..<socketCount {
                    _ = try loop.backend.connect(to: address, owner: UInt64(owner)).get()
                }
                let waiting = loop.idle(milliseconds: 100)
                #expect(waiting.count { $0.operation == .connect && $0.result == 0 } == socketCount)
                #expect(!waiting.has(.accept, 1_000))
                expectQuiet(&loop)
                // Changing one's mind within a turn must not lose or repeat anything.
                for _ in 0..<3 {
                    loop.backend.resumeAccepting(listener)
                    loop.backend.pauseAccepting(listener)
                }
                #expect(!loop.idle(milliseconds: 40).has(.accept, 1_000))
                loop.backend.resumeAccepting(listener)
                let events = loop.run { $0.results(.accept, 1_000).count == socketCount }
                let descriptors = events.results(.accept, 1_000)
                #expect(descriptors.count == socketCount && Set(descriptors).count == socketCount)
                for descriptor in descriptors { Sockets.close(descriptor) }
                let late = try loop.backend.connect(to: address, owner: 500).get()
                let last = loop.run { $0.has(.accept, 1_000) && $0.has(.connect, 500) }
                for descriptor in last.results(.accept, 1_000) { Sockets.close(descriptor) }
                loop.backend.close(late, reset: true)
                #expect(loop.run { $0.has(.close, 500) }.has(.close, 500))
            }
        }
        try withBackend(kind, Body())
    }

    @Test("a listener that had accepted when it was paused goes on", arguments: Kind.allCases)
    func resumedAfterAccepting(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let (listener, address) = try loop.listen(owner: 1_000)
                loop.backend.wait(until: Clock.monotonic())
                for owner in 0..<3 {
                    let client = try loop.backend.connect(to: address, owner: UInt64(owner)).get()
                    // io_uring accepts in this turn; the pause comes before anyone has heard of it.
                    loop.backend.wait(until: Clock.monotonic() + .milliseconds(20))
                    loop.backend.pauseAccepting(listener)
                    #expect(!loop.idle(milliseconds: 30).has(.accept, 1_000))
                    loop.backend.resumeAccepting(listener)
                    let events = loop.run { $0.has(.accept, 1_000) }
                    try #require(events.results(.accept, 1_000).count == 1)
                    for accepted in events.results(.accept, 1_000) { Sockets.close(accepted) }
                    loop.backend.close(client, reset: true)
                }
                #expect(loop.run { $0.has(.close, 2) }.has(.close, 2))
            }
        }
        try withBackend(kind, Body())
    }

    @Test("closing a paused listener closes what it had accepted", arguments: Kind.allCases)
    func closedWhilePaused(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let (listener, address) = try loop.listen(owner: 1_000)
                loop.backend.wait(until: Clock.monotonic())
                var clients: [SocketHandle] = []
                for owner in 0..<socketCount {
                    let client = loop.backend.connect(to: address, owner: UInt64(owner))
                    clients.append(try client.get())
                }
                // io_uring accepts in this turn; the pause comes before anyone has heard of it.
                loop.backend.wait(until: Clock.monotonic() + .milliseconds(20))
                loop.backend.pauseAccepting(listener)
                let opening = loop.idle(milliseconds: 60)
                #expect(!opening.has(.accept, 1_000))
                #expect(opening.count { $0.operation == .connect } == socketCount)
                loop.backend.close(listener, reset: false)
                for client in clients { loop.backend.startReceiving(client) }
                let events = loop.run { events in
                    events.count { $0.operation == .receive } == socketCount
                        && events.has(.close, 1_000)
                }
                #expect(events.results(.close, 1_000) == [0])
                #expect(events.count { $0.operation == .receive } == socketCount)
                #expect(events.allSatisfy { $0.result == 0 || $0.result == -ECONNRESET })
                #expect(loop.backend.statistics.heldBytes == 0)
            }
        }
        try withBackend(kind, Body())
    }

    private static var tiny: LoopOptions {
        var options = LoopOptions()
        options.receiveBufferCount = 2
        options.receiveBufferSize = 4_096
        options.epollReadSize = 4_096
        return options
    }
}

private let socketCount = 100

private typealias Pair = (socket: SocketHandle, peer: Int32)

/// A loop with nothing to do sleeps: its turns are those that the deadline of `idle` ends.
private func expectQuiet<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) {
    _ = loop.idle(milliseconds: 40)
    let before = loop.backend.statistics.turns
    #expect(loop.idle(milliseconds: 200).isEmpty)
    #expect(loop.backend.statistics.turns - before <= 20, "the loop spins")
}
