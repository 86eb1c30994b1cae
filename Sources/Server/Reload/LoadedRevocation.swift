import Core
import Crypto
import EventLoop
import TLS

/// What is revoked, as loaded, and what it was loaded from.
struct LoadedRevocation: Sendable {
    let set: RevocationSet
    /// Changes with the options, and with every byte of the files they name.
    let fingerprint: [UInt8]

    /// Loads what `options` name, unless that is what `earlier` was loaded from.
    ///
    /// What `earlier` knew stays in force where a source is bad (`RevocationSet.load`).
    init(
        _ options: RevocationOptions, after earlier: LoadedRevocation?, isForced: Bool = false
    ) throws(TLSConfigurationError) {
        let fingerprint = Self.fingerprint(options)
        if let earlier, earlier.fingerprint == fingerprint, !isForced {
            self = earlier
            return
        }
        self.fingerprint = fingerprint
        set = try RevocationSet.load(
            options, generation: (earlier?.set.generation ?? 0) + 1,
            now: Clock.now().wallSeconds, previous: earlier?.set)
    }

    /// What `options` and their files are like.
    static func fingerprint(_ options: RevocationOptions) -> [UInt8] {
        var digests = SHA256.hash(Array("\(options)".utf8))
        for path in paths(options) {
            digests += SHA256.hash(Array(path.utf8))
            digests += (try? FileBytes.read(path, limit: sizeLimit)).map(SHA256.hash) ?? []
        }
        return SHA256.hash(digests)
    }

    /// The files and folders that `options` name, and what is in the folders.
    static func paths(_ options: RevocationOptions) -> [String] {
        let named =
            options.denyListFiles + options.issuers.flatMap { [$0.certificate] + $0.lists }
        return named
            + named.flatMap { path in
                ((try? FileBytes.names(in: path)) ?? []).map { path + "/" + $0 }
            }
    }

    /// A larger file is refused by who loads it.
    private static let sizeLimit = 64 << 20
}
