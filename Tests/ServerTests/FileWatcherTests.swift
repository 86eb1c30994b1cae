import Foundation
import Glibc
import Testing

@testable import Server

/// A folder to change files in, and a watcher of one of them.
private final class Folder {
    let path = NSTemporaryDirectory() + "postern-watch-\(UUID().uuidString)"
    let watcher: FileWatcher
    var watched: String

    init(_ name: String) throws {
        watched = path + "/" + name
        watcher = try FileWatcher()
        try make("")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func make(_ name: String) throws {
        try FileManager.default.createDirectory(
            atPath: path + "/" + name, withIntermediateDirectories: true)
    }

    func write(_ text: String, _ name: String, atomically: Bool = false) throws {
        try text.write(toFile: path + "/" + name, atomically: atomically, encoding: .utf8)
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: path + "/" + name, withDestinationPath: target)
    }

    func move(_ old: String, _ new: String) {
        let status = unsafe rename(path + "/" + old, path + "/" + new)
        #expect(status == 0)
    }

    func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: path + "/" + name)
    }

    /// Whether `change` is noticed, and what follows then: a new look at the folders.
    func notices(_ change: () throws -> Void) throws -> Bool {
        watcher.watch([watched])
        _ = watcher.drain()
        try change()
        // inotify queues an event before the call that causes it returns.
        return watcher.drain()
    }
}

@Suite struct FileWatcherTests {
    @Test("writing in place, renaming over, deleting and making anew are noticed")
    func plainFile() throws {
        let folder = try Folder("a/file")
        try folder.make("a")
        try folder.write("1", "a/file")
        #expect(try folder.notices { try folder.write("2", "a/file") })
        #expect(
            try folder.notices {
                try folder.write("3", "a/.file.new")
                folder.move("a/.file.new", "a/file")
            })
        #expect(try folder.notices { try folder.remove("a/file") })
        #expect(try folder.notices { try folder.write("4", "a/file") })
        #expect(try folder.notices { try folder.write("5", "a/file") })
    }

    @Test("other files of the folder are none of its business") func others() throws {
        let folder = try Folder("file")
        try folder.write("1", "file")
        #expect(try !folder.notices { try folder.write("x", "other") })
        #expect(try !folder.notices { try folder.remove("other") })
        #expect(try !folder.notices {})
    }

    @Test("whatever comes into a watched folder, goes or changes is noticed") func folder() throws {
        let folder = try Folder("lists")
        #expect(try folder.notices { try folder.make("lists") })
        #expect(try folder.notices { try folder.write("1", "lists/a") })
        #expect(try folder.notices { try folder.write("2", "lists/a") })
        #expect(try folder.notices { try folder.remove("lists/a") })
        #expect(try !folder.notices { try folder.write("x", "other") })
    }

    @Test("a swap of the link that a folder hangs on is noticed, time and again")
    func linkedFolder() throws {
        // What Kubernetes makes of a secret: file → ..data/file, ..data → ..1
        let folder = try Folder("file")
        try folder.make("..1")
        try folder.write("1", "..1/file")
        try folder.link("..data", to: "..1")
        try folder.link("file", to: "..data/file")
        for round in 2..<5 {
            let swapped = try folder.notices {
                try folder.make("..\(round)")
                try folder.write("\(round)", "..\(round)/file")
                try folder.link("..data_tmp", to: "..\(round)")
                folder.move("..data_tmp", "..data")
            }
            #expect(swapped)
            #expect(try folder.notices { try folder.write("x", "..\(round)/file") })
            #expect(try !folder.notices { try folder.write("x", "..\(round - 1)/file") })
        }
    }

    @Test("a folder that is replaced, or comes into being, is noticed") func replacedFolder() throws
    {
        let folder = try Folder("a/b/file")
        #expect(try folder.notices { try folder.make("a/b") })
        #expect(try folder.notices { try folder.write("1", "a/b/file") })
        try folder.make("c/b")
        try folder.write("2", "c/b/file")
        #expect(
            try folder.notices {
                folder.move("a", "old")
                folder.move("c", "a")
            })
        #expect(try folder.notices { try folder.write("3", "a/b/file") })
        #expect(try !folder.notices { try folder.write("4", "old/b/file") })
        #expect(try folder.notices { try folder.remove("a") })
    }

    @Test("more events than the kernel keeps are taken for a change") func overflow() throws {
        let folder = try Folder("file")
        let limit = try String(
            contentsOfFile: "/proc/sys/fs/inotify/max_queued_events", encoding: .utf8)
        let count = Int(limit.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 16_384
        guard count <= 65_536 else { return }
        let noticed = try folder.notices {
            for index in 0...count / 2 {
                let path = folder.path + "/\(index)"
                let descriptor = unsafe open(path, O_CREAT | O_WRONLY, 0o600)
                #expect(descriptor >= 0)
                close(descriptor)
                _ = unsafe unlink(path)
            }
        }
        #expect(noticed)
    }

    @Test("a path leads through the names of its links, and a circle of them ends")
    func names() throws {
        let folder = try Folder("file")
        try folder.link("file", to: "here/../there")
        try folder.link("there", to: folder.path + "/end")
        try folder.link("round", to: "round")
        let below = { (name: String) in FileWatcher.Name(folder: folder.path, name: name) }
        let found = FileWatcher.names(of: folder.watched)
        #expect(
            found.filter { $0.folder == folder.path }.map(\.name)
                == ["file", "here", "there", "end"])
        #expect(FileWatcher.names(of: folder.path + "/round").contains(below("round")))
        #expect(FileWatcher.names(of: "/").isEmpty)
        #expect(FileWatcher.absolute("/a") == "/a")
        #expect(FileWatcher.absolute("a").hasSuffix("/a"))
    }
}
