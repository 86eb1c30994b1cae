import Crypto
import Glibc
import TLS

/// The files that a configuration names, each read once: whatever is made of them, by whichever
/// worker, is made of the same bytes, and a chain fits its key.
struct FileContents: Sendable {
    /// Bundles are kilobytes; more than this is not one.
    static let sizeLimit = 16 << 20

    private var results: [String: Result<[UInt8], FileBytes.Unreadable>] = [:]
    private var listings: [String: [String]] = [:]
    /// Those that count for nothing for now (S20).
    var suspended: Set<String> = []

    /// Nothing read.
    init() {}

    /// Reads the files at `paths`; of those that are among `trusted` and folders, the certificates
    /// in them. Those of `suspended` count for nothing.
    init(reading paths: [String], trusted: [String] = [], suspended: Set<String> = []) {
        self.suspended = suspended
        for path in trusted {
            listings[path] = (try? FileBytes.names(in: path))?
                .filter(TrustStoreOptions.isCertificate).map { path + "/" + $0 }
        }
        for path in paths.flatMap({ listings[$0] ?? [$0] }) where results[path] == nil {
            do throws(FileBytes.Unreadable) {
                results[path] = .success(try FileBytes.read(path, limit: Self.sizeLimit))
            } catch {
                results[path] = .failure(error)
            }
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
        var digests = (listings.keys.sorted() + suspended.sorted())
            .flatMap { SHA256.hash(Array($0.utf8)) }
        for (path, result) in results.sorted(by: { $0.key < $1.key }) {
            digests += SHA256.hash(Array(path.utf8))
            switch result {
            case .success(let bytes): digests += SHA256.hash(bytes) + [1]
            case .failure(let unreadable): digests += SHA256.hash(Array(unreadable.reason.utf8))
            }
        }
        return SHA256.hash(digests)
    }

    /// The same, of the files at `paths` alone.
    func only(_ paths: [String]) -> FileContents {
        var part = FileContents()
        for path in paths { part.results[path] = results[path] }
        part.suspended = suspended.intersection(paths)
        return part
    }

    /// The same with `newer`, files and what of them counts for nothing, in their place.
    func with(_ newer: FileContents) -> FileContents {
        var whole = self
        whole.results.merge(newer.results) { $1 }
        whole.suspended = newer.suspended
        return whole
    }

    /// Whether `path` leads to a file, and not to a pipe or a device.
    static func isRegular(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
