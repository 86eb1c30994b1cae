import Foundation
import Testing

@testable import Server

@Suite struct FileContentsTests {
    private let path = NSTemporaryDirectory() + "postern-contents-\(UUID().uuidString)"

    private func write(_ text: String) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    @Test("a fingerprint changes with the bytes, and with nothing else") func fingerprint() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let missing = FileContents(reading: [path])
        #expect(missing.failure(path) == "No such file or directory")
        #expect(missing.bytes(path) == nil)
        try write("")
        let empty = FileContents(reading: [path])
        try write("1")
        let one = FileContents(reading: [path, path])
        #expect(one.bytes(path) == Array("1".utf8) && one.failure(path) == nil)
        #expect(Set([missing, empty, one, FileContents()].map(\.fingerprint)).count == 4)
        try write("2")
        // What was read stays as it was read.
        #expect(one.bytes(path) == Array("1".utf8))
        try write("1")
        #expect(FileContents(reading: [path]).fingerprint == one.fingerprint)
    }

    @Test("only a file can be read twice") func regular() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try write("1")
        #expect(FileContents.isRegular(path))
        #expect(!FileContents.isRegular("/dev/null") && !FileContents.isRegular("/tmp"))
        #expect(FileContents(reading: ["/tmp"]).failure("/tmp") == "Is a directory")
    }
}
