import Core
import Foundation
import Testing

@testable import TLS

/// Memory over many handshakes: `TLS_SOAK=20000 swift test --filter MemorySoak` prints it.
@Suite struct MemorySoakTests {
    static let handshakes = ProcessInfo.processInfo.environment["TLS_SOAK"].flatMap { Int($0) }

    /// Bytes of this process in memory.
    private var resident: Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return (Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0) * 4_096
    }

    @Test("memory does not grow with handshakes", .enabled(if: handshakes != nil)) func soak()
        throws
    {
        let total = try #require(Self.handshakes)
        let forge = try Forge()
        let intermediate = try forge.intermediate("Intermediate")
        var small = SessionOptions()
        small.capacity = 500
        let store = try #require(SessionStore(small))
        let server = try forge.server(sessions: store) { $0.validationCache.capacity = 300 }
        let leaves = try (0..<1_000).map { try forge.leaf("client \($0)", below: intermediate) }
        // Contexts of clients are as few as the test allows: it is the server that is measured.
        let clients = try leaves.map { leaf in
            try forge.client([leaf, intermediate]) { $0.keepsSessions = true }
        }
        var sessions: [ClientSession?] = Array(repeating: nil, count: clients.count)
        var random = SeededGenerator(seed: 1)
        var marks: [Int] = []
        var resumed = 0
        for step in 0..<total {
            if step % (total / 10) == 0 { marks.append(resident) }
            let index = Int(random.next() % UInt64(clients.count))
            let session = random.next() % 2 == 0 ? sessions[index] : nil
            sessions[index] = nil
            // One in 16 hangs up in the middle.
            var pair = EnginePair(server, clients[index], resuming: session)
            if step % 16 == 0 {
                try pair.step(.client)
                try pair.step(.server)
                continue
            }
            try pair.run()
            _ = try pair.read(.client)
            try #require(pair.server.peer?.leaf.der == leaves[index].der)
            resumed += pair.server.isResumed ? 1 : 0
            sessions[index] = pair.client.takeSession()
        }
        marks.append(resident)
        let statistics = server.validationStatistics
        print("resident KB: \(marks.map { $0 / 1_024 })")
        print("\(total) handshakes, \(resumed) resumed, \(store.count) sessions, \(statistics)")
        // What the second half adds is noise of the allocator.
        #expect(marks[10] - marks[5] < 4 << 20)
    }
}
