import Foundation
import Testing

@testable import Server

@Suite("the last good copy of a source is whole, or none") struct MirrorTests {
    private let folder = NSTemporaryDirectory() + "postern-mirror-\(UUID().uuidString)"
    private var mirror: Mirror { Mirror(path: folder + "/copy", source: "s3://b/k", limit: 100) }
    private let old = Array("old bytes".utf8)
    private let new = Array("new bytes".utf8)

    private func state(_ bytes: [UInt8], checked: Int64) -> Mirror.State {
        Mirror.State(
            digest: Mirror.digest(bytes), tag: "\"a b\"", modified: "Mon", version: "v",
            checked: checked)
    }

    @Test("what was stored comes back, and a confirmation moves its time") func whole() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(throws: Mirror.Unusable.self) {
            try mirror.store(old, state(old, checked: 1), previous: nil)
        }
        try Mirror.prepare(folder)
        try Mirror.prepare(folder)
        #expect(
            throws: Mirror.Unusable(
                reason: "\(folder)/copy cannot be read (No such file or directory)", isMissing: true
            )
        ) { try mirror.load() }
        try mirror.store(old, state(old, checked: 1), previous: nil)
        #expect(try mirror.load().bytes == old)
        #expect(try mirror.load().state == state(old, checked: 1))
        try mirror.confirm(state(old, checked: 7))
        #expect(try mirror.load().state == state(old, checked: 7))
        try mirror.store(new, state(new, checked: 9), previous: state(old, checked: 7))
        #expect(try mirror.load().bytes == new)
        #expect(try mirror.load().state == state(new, checked: 9))
        let left = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(left == ["copy", "copy.state"])
    }

    @Test("a write that was cut off leaves the bytes before, with nothing said of the new ones")
    func cutOff() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Mirror.prepare(folder)
        try mirror.store(old, state(old, checked: 1), previous: nil)
        try mirror.store(new, state(new, checked: 9), previous: state(old, checked: 1))
        // The state got there, the bytes did not.
        try Mirror.replace(folder + "/copy", by: old)
        let (bytes, state) = try mirror.load()
        #expect(bytes == old)
        #expect(state == Mirror.State(digest: Mirror.digest(old), checked: 1))
    }

    @Test("other bytes, another source's state and a broken state are refused")
    func corrupt() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Mirror.prepare(folder)
        try mirror.store(old, state(old, checked: 1), previous: nil)
        let other = Mirror(path: folder + "/copy", source: "s3://b/other", limit: 100)
        #expect(throws: Mirror.Unusable(reason: "\(folder)/copy.state is broken")) {
            try other.load()
        }
        let small = Mirror(path: folder + "/copy", source: "s3://b/k", limit: 3)
        #expect(throws: Mirror.Unusable.self) { try small.load() }
        try Mirror.replace(folder + "/copy", by: new)
        #expect(
            throws: Mirror.Unusable(
                reason: "\(folder)/copy is corrupt: its digest is another")
        ) { try mirror.load() }
        let text = try String(contentsOfFile: folder + "/copy.state", encoding: .utf8)
        let others = [("postern source 1", "postern source 2"), ("checked 1", "checked -1")]
        for broken in ["", "x"] + others.map({ text.replacing($0, with: $1) }) {
            try Mirror.replace(folder + "/copy.state", by: Array(broken.utf8))
            #expect(throws: Mirror.Unusable(reason: "\(folder)/copy.state is broken")) {
                try mirror.load()
            }
        }
    }
}
