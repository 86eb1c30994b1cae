internal import Glibc

/// Files and folders read whole, for what is loaded off the loop.
public enum FileBytes {
    /// Why a path has nothing to read.
    public enum Unreadable: Error, Equatable, Sendable {
        /// The system says so: its `errno`.
        case system(Int32)
        /// The file has more bytes than that.
        case larger(than: Int)

        /// What is wrong, in words.
        public var reason: String {
            switch self {
            case .system(let code): unsafe String(cString: strerror(code))
            case .larger(let limit): "larger than \(limit >> 20) MiB"
            }
        }
    }

    /// The bytes of the file at `path`, at most `limit`.
    public static func read(_ path: String, limit: Int) throws(Unreadable) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(errno) }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= limit else { throw .larger(than: limit) }
        }
    }

    /// The names in the folder at `path`, sorted, those that are hidden left out.
    public static func names(in path: String) throws(Unreadable) -> [String] {
        guard let folder = unsafe opendir(path) else { throw .system(errno) }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

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
}

extension FileBytes {
    /// The bytes of the file at `path`, at most `limit`; the error says what to do.
    static func contents(
        of path: String, limit: Int
    ) throws(TLSConfigurationError) -> [UInt8] {
        do throws(Unreadable) { return try read(path, limit: limit) } catch {
            throw TLSConfigurationError(path, error)
        }
    }

    /// The paths of what stands in the folder at `path`, in order of name.
    static func paths(in path: String) throws(TLSConfigurationError) -> [String] {
        do throws(Unreadable) { return try names(in: path).map { "\(path)/\($0)" } } catch {
            throw TLSConfigurationError(path, error)
        }
    }
}

extension TLSConfigurationError {
    /// The file or folder at `path` cannot be read.
    init(_ path: String, _ unreadable: FileBytes.Unreadable) {
        switch unreadable {
        case .system:
            self.init(
                path, "cannot be read (\(unreadable.reason))",
                advice: "check the path and its permissions")
        case .larger:
            self.init(path, unreadable.reason, advice: "name a smaller file")
        }
    }
}
