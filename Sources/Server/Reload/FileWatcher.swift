import EventLoop
import Glibc

/// Tells when files, or folders of files, may have changed, by inotify on the folders that lead to
/// them.
///
/// Files are replaced by renaming (editors) or by swapping a symbolic link two folders up
/// (Kubernetes' `..data`), so a watch on the file itself would watch what is gone. Watched are
/// the folder of every component of a path and of every link on the way, for these names alone.
final class FileWatcher {
    /// A name, `anyName` for all of them, and the folder whose entries say what it is.
    struct Name: Hashable {
        let folder: String
        let name: String
    }

    let descriptor: Int32
    private var names: Set<Name> = []
    /// What is watched for, by watch descriptor.
    private var watches: [Int32: Set<String>] = [:]
    private var buffer = [UInt8](repeating: 0, count: 16_384)

    private static let mask = UInt32(
        IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB
            | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
    /// Events that say that the watch itself is not what it was.
    private static let lost = UInt32(
        IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_Q_OVERFLOW)
    /// No file has this name.
    static let anyName = "/"
    private static let linkLimit = 40
    private static let settleLimit = 5
    /// The rest of a flood is for the next call.
    private static let readLimit = 256

    /// A watcher of nothing.
    init() throws(SystemError) {
        descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError(errno: errno, operation: "inotify_init1") }
    }

    deinit { close(descriptor) }

    /// Watches `paths`, absolute ones, and nothing else. Called again after each change, since
    /// other folders may lead to them now. What happened before is for the caller to look at.
    func watch(_ paths: [String]) {
        // A link that changes between being read and being watched would go unseen.
        for _ in 0..<Self.settleLimit {
            let found = Set(paths.flatMap(Self.names))
            var next: [Int32: Set<String>] = [:]
            for name in found {
                let watch = unsafe inotify_add_watch(descriptor, name.folder, Self.mask)
                // A folder that does not exist (yet) appears as a name in the one above.
                if watch >= 0 { next[watch, default: []].insert(name.name) }
            }
            for watch in watches.keys where next[watch] == nil {
                inotify_rm_watch(descriptor, watch)
            }
            watches = next
            names = found
            if Set(paths.flatMap(Self.names)) == found { return }
        }
    }

    /// Takes the events that have come.
    ///
    /// - Returns: whether one of them may mean that a watched path leads to something else.
    func drain() -> Bool {
        var isRelevant = false
        for _ in 0..<Self.readLimit {
            let count = unsafe read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            isRelevant = scan(count) || isRelevant
        }
        return isRelevant
    }

    private func scan(_ count: Int) -> Bool {
        let headerSize = MemoryLayout<inotify_event>.size
        var isRelevant = false
        var offset = 0
        while offset + headerSize <= count {
            let event = unsafe buffer.withUnsafeBytes {
                unsafe $0.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
            }
            let start = offset + headerSize
            let end = min(start + Int(event.len), count)
            offset = end
            if event.mask & Self.lost != 0 {
                // The watch that was removed above is not one of ours any more.
                isRelevant = isRelevant || event.wd < 0 || watches[event.wd] != nil
                continue
            }
            let name = String(decoding: buffer[start..<end].prefix { $0 != 0 }, as: UTF8.self)
            let watched = watches[event.wd] ?? []
            isRelevant =
                isRelevant || watched.contains(name)
                || (!name.isEmpty && watched.contains(Self.anyName))
        }
        return isRelevant
    }

    // MARK: Paths

    /// The names that decide what `path` leads to, and what is in it if that is a folder.
    static func names(of path: String) -> [Name] {
        var found: [Name] = []
        var rest = Array(path.split(separator: "/").map(String.init).reversed())
        var folder: [String] = []
        var links = 0
        while let component = rest.popLast() {
            if component == "." { continue }
            if component == ".." {
                _ = folder.popLast()
                continue
            }
            found.append(Name(folder: "/" + folder.joined(separator: "/"), name: component))
            folder.append(component)
            guard links < linkLimit, let target = link("/" + folder.joined(separator: "/"))
            else { continue }
            links += 1
            if target.hasPrefix("/") { folder = [] } else { folder.removeLast() }
            rest += target.split(separator: "/").map(String.init).reversed()
        }
        let end = "/" + folder.joined(separator: "/")
        if !found.isEmpty, isFolder(end) { found.append(Name(folder: end, name: anyName)) }
        return found
    }

    /// Where the symbolic link at `path` points; nil when there is none.
    private static func link(_ path: String) -> String? {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe target.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            return unsafe readlink(path, base.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        return count > 0 ? String(decoding: target[..<count], as: UTF8.self) : nil
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// `path` from the root, however it was given.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(folder) }
        return unsafe String(cString: folder) + "/" + path
    }
}
