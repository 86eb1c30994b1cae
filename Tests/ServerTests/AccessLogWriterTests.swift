import Core
import Foundation
import Telemetry
import Testing

@testable import Server

@Suite struct AccessLogWriterTests {
    private func queue(_ lines: Int) -> AccessLogQueue {
        let queue = AccessLogQueue(capacity: 4_096)
        for _ in 0..<lines { _ = queue.append(ByteView("a line\n")) }
        return queue
    }

    @Test("what is queued is written before it ends") func last() throws {
        let path = NSTemporaryDirectory() + "postern-log-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let queues = [queue(3), queue(0), queue(2)]
        let writer = try AccessLogWriter(path: path, queues: queues)
        try writer.start()
        #expect(writer.stop(within: .seconds(5)))
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text == String(repeating: "a line\n", count: 5))
        #expect(queues.allSatisfy { $0.dropped == 0 })
    }

    @Test("lines that a full disk takes no more are counted") func full() throws {
        let queues = [queue(3), queue(2)]
        let writer = try AccessLogWriter(path: "/dev/full", queues: queues)
        try writer.start()
        #expect(writer.stop(within: .seconds(5)))
        #expect(queues.map(\.dropped) == [3, 2])
    }

    @Test("a pipe that nobody reads does not hold up the end") func stuck() throws {
        let pipe = Pipe()
        let queue = AccessLogQueue(capacity: 1 << 20)
        let line = String(repeating: "x", count: 1_023) + "\n"
        for _ in 0..<200 {
            let bytes = Array(line.utf8)
            _ = unsafe bytes.withUnsafeBytes { unsafe queue.append(ByteView($0)) }
        }
        let descriptor = pipe.fileHandleForWriting.fileDescriptor
        let writer = try AccessLogWriter(path: "/dev/fd/\(descriptor)", queues: [queue])
        try writer.start()
        #expect(!writer.stop(within: .milliseconds(200)))
        // Lets the thread end.
        let all = pipe.fileHandleForReading.readData(ofLength: 200 * 1_024)
        #expect(all.count == 200 * 1_024)
    }
}
