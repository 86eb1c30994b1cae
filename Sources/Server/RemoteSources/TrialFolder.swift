import GatewayConfiguration
import Glibc
import TLS

/// A folder with copies of a gateway's mirrors, for commands that ask what the gateway would do and
/// must not change what a running one has. Goes with this object.
final class TrialFolder: Sendable {
    let path: String

    /// Copies the mirrors that `settings` name, as far as they can be read.
    init(_ settings: GatewaySettings) throws(GatewayError) {
        var template = Array("/tmp/postern-sources-XXXXXX".utf8CString)
        guard let made = unsafe mkdtemp(&template) else {
            throw GatewayError(unsafe "/tmp: \(String(cString: strerror(errno)))")
        }
        path = unsafe String(cString: made)
        for mirror in settings.remoteSources.map(\.path) {
            let name = mirror.split(separator: "/").last.map(String.init) ?? ""
            for suffix in ["", ".state"] {
                // A copy that is missing, or half there, is as good as none.
                let bytes = try? FileBytes.read(mirror + suffix, limit: SourceContents.largest)
                if let bytes { try? Mirror.replace("\(path)/\(name)\(suffix)", by: bytes) }
            }
        }
    }

    deinit {
        for name in (try? FileBytes.names(in: path)) ?? [] { Mirror.remove("\(path)/\(name)") }
        _ = unsafe rmdir(path)
    }
}
