internal import Glibc

/// Files read whole, for what is loaded off the loop.
enum FileBytes {
    /// What stands at a path.
    enum Kind {
        case missing
        case file
        case folder
    }

    /// What stands at `path`; a file when that cannot be told, so that reading it says why.
    static func kind(of path: String) -> Kind {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return errno == ENOENT ? .missing : .file }
        return status.st_mode & S_IFMT == S_IFDIR ? .folder : .file
    }

    /// The bytes of the file at `path`, at most `limit`.
    static func read(_ path: String, limit: Int) throws(TLSConfigurationError) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path, errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path, errno) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= limit else {
                throw TLSConfigurationError(
                    path, "larger than \(limit >> 20) MiB", advice: "name a smaller file")
            }
        }
    }

    /// Paths of what the folder at `path` holds, sorted, without hidden names; at most `limit`.
    static func list(_ path: String, limit: Int) throws(TLSConfigurationError) -> [String] {
        guard let folder = unsafe opendir(path) else { throw unreadable(path, errno) }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { characters in
                unsafe String(
                    cString: UnsafeRawPointer(characters).assumingMemoryBound(to: CChar.self))
            }
            guard !name.hasPrefix(".") else { continue }
            guard names.count < limit else {
                throw TLSConfigurationError(
                    path, "holds more than \(limit) files", advice: "remove some")
            }
            names.append(name)
        }
        return names.sorted().map { "\(path)/\($0)" }
    }

    private static func unreadable(_ path: String, _ code: Int32) -> TLSConfigurationError {
        let text = unsafe String(cString: strerror(code))
        return TLSConfigurationError(
            path, "cannot be read (\(text))", advice: "check the path and its permissions")
    }
}
