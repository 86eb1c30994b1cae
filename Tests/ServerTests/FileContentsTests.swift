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

    @Test("a trusted folder is its certificates, and what comes into it changes the fingerprint")
    func folder() throws {
        let manager = FileManager.default
        try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? manager.removeItem(atPath: path) }
        let read = { [path] in FileContents(reading: [path], trusted: [path, "/none"]) }
        let empty = read()
        #expect(empty.listing(path) == [] && empty.failure(path) == nil)
        for name in ["b.pem", "a.crt", ".c.pem", "note.txt"] {
            try name.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
        }
        let filled = read()
        #expect(filled.listing(path) == [path + "/a.crt", path + "/b.pem"])
        #expect(filled.bytes(path + "/a.crt") == Array("a.crt".utf8))
        #expect(Set(filled.paths) == [path, path + "/a.crt", path + "/b.pem"])
        #expect(filled.listing("/none") == nil && filled.fingerprint != empty.fingerprint)
    }

    @Test("only a file can be read twice") func regular() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try write("1")
        #expect(FileContents.isRegular(path))
        #expect(!FileContents.isRegular("/dev/null") && !FileContents.isRegular("/tmp"))
        #expect(FileContents(reading: ["/tmp"]).failure("/tmp") == "Is a directory")
    }
}
