import Crypto
import Glibc
import TLS

/// The files that a configuration names, each read once: whatever is made of them, by whichever
/// worker, is made of the same bytes, and a chain fits its key.
struct FileContents: Sendable {
    /// Bundles are kilobytes; more than this is not one.
    static let sizeLimit = 16 << 20

    /// Why a file has no bytes.
    struct Unreadable: Error {
        let reason: String
    }

    private var results: [String: Result<[UInt8], Unreadable>] = [:]
    private var listings: [String: [String]] = [:]

    /// Nothing read.
    init() {}

    /// Reads the files at `paths`; of those that are among `trusted` and folders, the certificates
    /// in them.
    init(reading paths: [String], trusted: [String] = []) {
        for path in trusted {
            listings[path] = Self.names(in: path)?.filter(TrustStoreOptions.isCertificate)
                .map { path + "/" + $0 }
        }
        for path in paths.flatMap({ listings[$0] ?? [$0] }) where results[path] == nil {
            results[path] = Self.read(path)
        }
    }

    /// The files of the folder at `path`, if it was read as one.
    func listing(_ path: String) -> [String]? { listings[path] }

    /// Every path that was read.
    var paths: [String] { Array(results.keys) + Array(listings.keys) }

    /// What is in the file at `path`, if it was read.
    func bytes(_ path: String) -> [UInt8]? { try? results[path]?.get() }

    /// Why the file at `path` could not be read; nil when it was.
    func failure(_ path: String) -> String? {
        if case .failure(let unreadable) = results[path] { return unreadable.reason }
        return nil
    }

    /// Changes whenever a file's bytes, or whether it can be read, have changed, or what is in a
    /// folder.
    var fingerprint: [UInt8] {
        var digests = listings.keys.sorted().flatMap { SHA256.hash(Array($0.utf8)) }
        for (path, result) in results.sorted(by: { $0.key < $1.key }) {
            digests += SHA256.hash(Array(path.utf8))
            switch result {
            case .success(let bytes): digests += SHA256.hash(bytes) + [1]
            case .failure(let unreadable): digests += SHA256.hash(Array(unreadable.reason.utf8))
            }
        }
        return SHA256.hash(digests)
    }

    /// The names in the folder at `path`, sorted; nil when it is none, or cannot be read.
    static func names(in path: String) -> [String]? {
        guard let folder = unsafe opendir(path) else { return nil }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            names.append(
                unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names.sorted()
    }

    /// Whether `path` leads to a file, and not to a pipe or a device.
    static func isRegular(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// The bytes of the file at `path`, at most `limit`.
    static func read(
        _ path: String, limit: Int = sizeLimit
    ) -> Result<[UInt8], Unreadable> {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(failure(errno)) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .failure(failure(errno)) }
            guard count > 0 else { return .success(bytes) }
            bytes += chunk[..<count]
            guard bytes.count <= limit else {
                return .failure(Unreadable(reason: "larger than \(limit >> 20) MiB"))
            }
        }
    }

    private static func failure(_ code: Int32) -> Unreadable {
        unsafe Unreadable(reason: String(cString: strerror(code)))
    }
}
