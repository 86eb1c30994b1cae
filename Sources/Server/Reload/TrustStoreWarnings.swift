import Core
import EventLoop
import GatewayConfiguration
import TLS

extension Assembly {
    /// More than this many warnings of one store help nobody.
    private static let warningLimit = 100

    /// What the owners of the trust stores should know of the certificates in them, each at the
    /// key that names its file.
    func trustStoreWarnings() -> [Diagnostic] {
        let now = Clock.now().wallSeconds
        return settings.trustStores.sorted { $0.key < $1.key }.flatMap { name, options in
            let found = withContents(options).warnings(at: now)
            var lines = found.prefix(Self.warningLimit).map { warning in
                diagnostic(settings.naming("\(warning)"), on: warning.path, of: name)
            }
            if let last = lines.last, found.count > lines.count {
                let more = "\(found.count - lines.count) more warnings of this store are left out"
                lines.append(
                    Diagnostic(
                        origin: last.origin, path: last.path, message: more, severity: .warning))
            }
            return lines
        }
    }

    private func diagnostic(_ message: String, on path: String, of store: String) -> Diagnostic {
        let keys = "trustStores.\(store)."
        let named = settings.files.first { file in
            file.key.hasPrefix(keys)
                && (file.path == path || files.listing(file.path)?.contains(path) ?? false)
        }
        return Diagnostic(
            origin: named?.origin ?? Origin(source: path), path: named?.key ?? keys + "sources",
            message: message, severity: .warning)
    }
}
