import Core
import Foundation
import Testing

@testable import EventLoop

/// One-socket behaviour, the same on both backends.
@Suite(.serialized) struct BackendTests {
    @Test("accepts, connects and echoes", arguments: Kind.allCases)
    func echo(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let (_, address) = try loop.listen(owner: 1)
                let client = try loop.backend.connect(to: address, owner: 2).get()
                let opening = loop.run { $0.has(.accept, 1) && $0.has(.connect, 2) }
                #expect(opening.results(.connect, 2) == [0])
                let accepted = try #require(opening.results(.accept, 1).first)
                #expect(fcntl(accepted, F_GETFL) & O_NONBLOCK != 0)
                #expect(fcntl(accepted, F_GETFD) & FD_CLOEXEC != 0)
                let serverResult = loop.backend.adopt(accepted, owner: 3)
                let server = try #require(serverResult)
                loop.backend.startReceiving(server)
                loop.backend.startReceiving(client)
                let ping = Bytes("ping")
                loop.backend.send(client, ping.view)
                let first = loop.run { $0.received(by: 3).count == 4 && $0.has(.send, 2) }
                #expect(first.received(by: 3) == Array("ping".utf8))
                #expect(first.results(.send, 2) == [4])
                var list = SegmentList()
                let parts = [Bytes("po"), Bytes("n"), Bytes("g!")]
                for part in parts { list.append(part.view) }
                loop.backend.send(server, list)
                let second = loop.run { $0.received(by: 2).count == 5 && $0.has(.send, 3) }
                #expect(second.received(by: 2) == Array("pong!".utf8))
                #expect(second.results(.send, 3) == [5])
                loop.backend.shutdownWrite(client)
                #expect(loop.run { $0.ended(3) }.results(.receive, 3) == [0])
                loop.backend.close(server, reset: false)
                let third = loop.run { $0.has(.close, 3) && $0.ended(2) }
                #expect(third.results(.close, 3) == [0] && third.results(.receive, 2) == [0])
                withExtendedLifetime((ping, parts)) {}
            }
        }
        try withBackend(kind, Body())
    }

    @Test("continues sends the kernel takes in part", arguments: Kind.allCases, [false, true])
    func partialSends(kind: Kind, gathered: Bool) throws {
        struct Body: Script {
            let gathered: Bool
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let (socket, peer) = try loop.pair(owner: 1, sendBuffer: 4_096)
                let bytes = pattern(4 << 20)
                let memory = Bytes(bytes)
                if gathered {
                    var list = SegmentList()
                    let step = bytes.count / 16
                    for index in 0..<16 {
                        list.append(memory.view.dropFirst(index * step).prefix(step))
                    }
                    loop.backend.send(socket, list)
                } else {
                    loop.backend.send(socket, memory.view)
                }
                let reader = Collector(peer, count: bytes.count)
                let events = loop.run(seconds: 20) { $0.has(.send, 1) }
                #expect(events.results(.send, 1) == [Int32(bytes.count)])
                #expect(reader.wait() == bytes)
                #expect(loop.backend.statistics.sentBytes == UInt64(bytes.count))
                Sockets.close(peer)
                withExtendedLifetime(memory) {}
            }
        }
        try withBackend(kind, Body(gathered: gathered))
    }

    @Test("holds, pauses and resumes in order, the end last", arguments: Kind.allCases)
    func holdKeepsOrder(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let (socket, peer) = try loop.pair(owner: 1)
                loop.backend.startReceiving(socket)
                writeAll(peer, Array("abcdef".utf8))
                var consumed: [UInt8] = []
                while consumed.isEmpty {
                    loop.backend.wait(until: Clock.monotonic() + .seconds(5))
                    while let completion = loop.backend.nextCompletion() {
                        consumed += completion.bytes.prefix(2).array
                        loop.backend.hold(completion.bytes.dropFirst(2), for: socket)
                    }
                }
                #expect(loop.backend.statistics.heldBytes == 4)
                let more = pattern(100_000)
                writeAll(peer, Array("gh".utf8))
                #expect(loop.idle(milliseconds: 40).isEmpty)
                writeAll(peer, more)
                Sockets.close(peer)
                #expect(loop.idle(milliseconds: 60).isEmpty, "nothing while paused")
                loop.backend.resumeReceiving(socket)
                let events = loop.run { $0.ended(1) }
                #expect(events.first?.bytes.starts(with: Array("cdef".utf8)) == true)
                #expect(events.received(by: 1) == Array("cdefgh".utf8) + more)
                #expect(events.last?.result == 0)
                #expect(events.filter { $0.result <= 0 }.count == 1)
                loop.backend.resumeReceiving(socket)
                #expect(loop.idle(milliseconds: 30).isEmpty, "the end is delivered once")
                #expect(loop.backend.statistics.heldBytes == 0)
            }
        }
        try withBackend(kind, Body())
    }

    @Test("a remainder can be held again and again", arguments: Kind.allCases)
    func holdRepeatedly(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let (socket, peer) = try loop.pair(owner: 1)
                loop.backend.startReceiving(socket)
                let bytes = pattern(50_000)
                let writer = Thread { writeAll(peer, bytes) }
                writer.start()
                var consumed: [UInt8] = []
                let deadline = Clock.monotonic() + .seconds(10)
                while consumed.count < bytes.count && Clock.monotonic() < deadline {
                    loop.backend.wait(until: Clock.monotonic() + .milliseconds(50))
                    while let completion = loop.backend.nextCompletion() {
                        let taken = min(997, completion.bytes.count)
                        consumed += completion.bytes.prefix(taken).array
                        loop.backend.hold(completion.bytes.dropFirst(taken), for: socket)
                        loop.backend.resumeReceiving(socket)
                    }
                }
                #expect(consumed == bytes)
                Sockets.close(peer)
            }
        }
        try withBackend(kind, Body())
    }

    @Test("close with a send in flight ends with one completion", arguments: Kind.allCases)
    func closeWhileSending(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let (socket, peer) = try loop.pair(owner: 1, sendBuffer: 4_096)
                let memory = Bytes(pattern(1 << 20))
                loop.backend.startReceiving(socket)
                loop.backend.send(socket, memory.view)
                #expect(loop.idle(milliseconds: 30).isEmpty)
                writeAll(peer, [1, 2, 3])
                loop.backend.close(socket, reset: true)
                loop.backend.close(socket, reset: true)
                let events = loop.run { $0.has(.close, 1) } + loop.idle(milliseconds: 30)
                #expect(events == [Event(operation: .close, owner: 1, result: 0)])
                Sockets.close(peer)
                withExtendedLifetime(memory) {}
            }
        }
        try withBackend(kind, Body())
    }

    @Test("stale handles do nothing", arguments: Kind.allCases)
    func staleHandles(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let (old, oldPeer) = try loop.pair(owner: 1)
                loop.backend.close(old, reset: false)
                loop.run { $0.has(.close, 1) }
                let (new, peer) = try loop.pair(owner: 2)
                #expect(new.index == old.index && new != old)
                let memory = Bytes("x")
                loop.backend.startReceiving(old)
                loop.backend.send(old, memory.view)
                loop.backend.hold(memory.view, for: old)
                loop.backend.close(old, reset: true)
                loop.backend.startReceiving(new)
                writeAll(peer, [9])
                #expect(loop.run { $0.has(.receive, 2) }.map(\.bytes) == [[9]])
                for descriptor in [oldPeer, peer] { Sockets.close(descriptor) }
            }
        }
        try withBackend(kind, Body())
    }

    @Test("a reset is reported once, as an error", arguments: Kind.allCases)
    func reset(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let (_, address) = try loop.listen(owner: 1)
                let client = try loop.backend.connect(to: address, owner: 2).get()
                let opening = loop.run { $0.has(.accept, 1) && $0.has(.connect, 2) }
                let descriptor = try #require(opening.results(.accept, 1).first)
                let serverResult = loop.backend.adopt(descriptor, owner: 3)
                let server = try #require(serverResult)
                loop.backend.startReceiving(server)
                loop.backend.close(client, reset: true)
                let events = loop.run { $0.ended(3) && $0.has(.close, 2) }
                #expect(events.results(.receive, 3) == [-ECONNRESET])
            }
        }
        try withBackend(kind, Body())
    }

    @Test("a refused connect fails", arguments: Kind.allCases)
    func refused(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let descriptor = try Sockets.makeListener(
                    .ipv4(0x7f00_0001, port: 0), backlog: 1)
                let address = try Sockets.localAddress(descriptor)
                Sockets.close(descriptor)
                let socket = try loop.backend.connect(to: address, owner: 1).get()
                #expect(loop.run { $0.has(.connect, 1) }.results(.connect, 1) == [-ECONNREFUSED])
                loop.backend.close(socket, reset: false)
                #expect(loop.run { $0.has(.close, 1) }.count == 1)
                let missing = SocketAddress.unix(path: "/tmp/postern-\(getpid())-missing")
                _ = try loop.backend.connect(to: missing, owner: 2).get()
                #expect(loop.run { $0.has(.connect, 2) }.results(.connect, 2) == [-ENOENT])
                let long = SocketAddress.unix(path: String(repeating: "x", count: 200))
                let tooLong = loop.backend.connect(to: long, owner: 3)
                #expect(throws: SystemError.self) { try tooLong.get() }
            }
        }
        try withBackend(kind, Body())
    }

    @Test("wakes from another thread", arguments: Kind.allCases)
    func wakes(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let handle = loop.backend.wakeHandle()
                for _ in 0..<3 {
                    let thread = Thread {
                        usleep(20_000)
                        handle.wake()
                        handle.wake()
                    }
                    thread.start()
                    #expect(loop.run { $0.has(.wake, 0) }.has(.wake, 0))
                }
                _ = loop.idle(milliseconds: 50)
                #expect(loop.idle(milliseconds: 30).isEmpty)
            }
        }
        try withBackend(kind, Body())
    }

    @Test("waits no longer than the deadline", arguments: Kind.allCases)
    func deadline(kind: Kind) throws {
        struct Body: Script {
            func run<B: Backend & ~Copyable>(_ loop: inout Loopback<B>) throws {
                let start = Clock.monotonic()
                loop.backend.wait(until: start + .milliseconds(30))
                let waited = Clock.monotonic().since(start)
                #expect(waited >= .milliseconds(30) && waited < .seconds(2))
                #expect(loop.backend.now.monotonic >= start + .milliseconds(30))
                #expect(loop.backend.nextCompletion() == nil)
            }
        }
        try withBackend(kind, Body())
    }
}

/// Reads from a descriptor on a thread of its own.
final class Collector: @unchecked Sendable {
    private let done = DispatchSemaphore(value: 0)
    private var bytes: [UInt8] = []

    init(_ descriptor: Int32, count: Int) {
        let thread = Thread { [self] in
            bytes = readExactly(descriptor, count)
            done.signal()
        }
        thread.start()
    }

    func wait() -> [UInt8] {
        _ = done.wait(timeout: .now() + 20)
        return bytes
    }
}
