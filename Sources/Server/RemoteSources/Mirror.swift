import Core
import Crypto
import Glibc
import TLS

/// The copy of a source on disk, and what is known of it beside: `PATH` and `PATH.state`.
///
/// Both are replaced by renaming. The state names the bytes by their digest and is written first,
/// with the digest of those that are still there: so whenever a write is cut off, bytes and state
/// fit, and anything else is corrupt.
struct Mirror: Sendable {
    /// What the source said last.
    struct State: Equatable, Sendable {
        /// SHA-256 of the bytes, 64 digits.
        var digest: String
        /// Its `ETag`; empty without.
        var tag = ""
        /// Its `Last-Modified`; empty without.
        var modified = ""
        /// The object's version; empty without.
        var version = ""
        /// When the source said so, seconds since 1970.
        var checked: Int64
    }

    /// Why there is no copy to go by.
    struct Unusable: Error, Equatable {
        let reason: String
        /// Whether there just is none yet.
        var isMissing = false
    }

    let path: String
    let source: String
    let limit: Int

    private static let heading = "postern source 1"
    private static let stateLimit = 65_536

    /// The bytes that are kept, and what was said of them.
    func load() throws(Unusable) -> (bytes: [UInt8], state: State) {
        let bytes = try read(path, limit)
        let text = String(decoding: try read(path + ".state", Self.stateLimit), as: UTF8.self)
        var values: [String: String] = [:]
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for line in lines.dropFirst() {
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
        }
        guard lines.first.map(String.init) == Self.heading, values["source"] == source,
            let digest = values["sha256"],
            let checked = values["checked"].flatMap({ Int64($0) }), checked >= 0
        else { throw Unusable(reason: "\(path).state is broken") }
        let present = Self.digest(bytes)
        if present == digest {
            return (
                bytes,
                State(
                    digest: digest, tag: values["tag"] ?? "", modified: values["modified"] ?? "",
                    version: values["version"] ?? "", checked: checked)
            )
        }
        // The newer bytes did not get here. What was said of them says nothing of these.
        guard present == values["previous"],
            let earlier = values["previousChecked"].flatMap({ Int64($0) }), earlier >= 0
        else { throw Unusable(reason: "\(path) is corrupt: its digest is another") }
        return (bytes, State(digest: present, checked: earlier))
    }

    /// Whether the copy, and what is known of it, are where they were put.
    var isThere: Bool {
        unsafe access(path, R_OK) == 0 && access(path + ".state", R_OK) == 0
    }

    private func read(_ path: String, _ limit: Int) throws(Unusable) -> [UInt8] {
        do throws(FileBytes.Unreadable) {
            return try FileBytes.read(path, limit: limit)
        } catch {
            throw Unusable(
                reason: "\(path) cannot be read (\(error.reason))",
                isMissing: error == .system(ENOENT))
        }
    }

    /// Keeps `bytes`, of which the source said `state`, in place of those of `previous`.
    func store(
        _ bytes: [UInt8], _ state: State, previous: State?
    ) throws(Unusable) {
        try write(state, previous)
        try Self.replace(path, by: bytes)
    }

    /// Notes that the source has said the same again.
    func confirm(_ state: State) throws(Unusable) { try write(state, nil) }

    private func write(_ state: State, _ previous: State?) throws(Unusable) {
        var text = "\(Self.heading)\nsource \(source)\nsha256 \(state.digest)\n"
        text += "tag \(state.tag)\nmodified \(state.modified)\nversion \(state.version)\n"
        text += "checked \(state.checked)\n"
        if let previous {
            text += "previous \(previous.digest)\npreviousChecked \(previous.checked)\n"
        }
        try Self.replace(path + ".state", by: Array(text.utf8))
    }

    static func digest(_ bytes: [UInt8]) -> String {
        String(decoding: Hex.lower(SHA256.hash(bytes)), as: UTF8.self)
    }

    // MARK: Files

    /// Makes `folder`, for its owner alone, unless it is there.
    static func prepare(_ folder: String) throws(Unusable) {
        guard unsafe mkdir(folder, 0o700) != 0, errno != EEXIST else { return }
        throw failure(folder, "cannot be made")
    }

    /// Replaces the file at `path` whole: whoever reads it finds the old bytes or the new ones,
    /// also after a loss of power.
    static func replace(_ path: String, by bytes: [UInt8]) throws(Unusable) {
        let temporary = "\(path).\(getpid()).new"
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
        let descriptor = unsafe open(temporary, flags, 0o600)
        guard descriptor >= 0 else { throw failure(path, "cannot be written") }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        let isWhole = rest.isEmpty && fsync(descriptor) == 0
        let error = failure(path, "cannot be written")
        close(descriptor)
        guard isWhole, unsafe rename(temporary, path) == 0 else {
            _ = unsafe unlink(temporary)
            throw error
        }
        syncFolder(of: path)
    }

    static func remove(_ path: String) { _ = unsafe unlink(path) }

    /// The new name is on disk when this returns, where the file system can do that.
    private static func syncFolder(of path: String) {
        let folder = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
        let descriptor = unsafe open(String(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        close(descriptor)
    }

    private static func failure(_ path: String, _ what: String) -> Unusable {
        Unusable(reason: unsafe "\(path) \(what) (\(String(cString: strerror(errno))))")
    }
}
