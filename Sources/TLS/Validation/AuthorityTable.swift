internal import COpenSSL

/// Certificates above the leaf that stand in validated chains, decoded once for all of them.
///
/// Only what an anchor vouches for enters, so few do; a table that is full begins anew.
@safe
final class AuthorityTable {
    /// A decoded certificate and what it says.
    @safe
    final class Authority {
        // Invariant: an `X509` this object owns, its public key decoded.
        let certificate: OpaquePointer
        let parsed: PeerCertificate

        init(_ certificate: OpaquePointer, _ parsed: PeerCertificate) {
            unsafe X509_up_ref(certificate)
            unsafe self.certificate = unsafe certificate
            self.parsed = parsed
        }

        deinit { unsafe X509_free(certificate) }
    }

    private static let capacity = 256
    private var byEncoding: [[UInt8]: Authority] = [:]

    /// The authority of that encoding, when it is known.
    subscript(der: [UInt8]) -> Authority? { byEncoding[der] }

    /// Remembers `certificate`.
    func insert(_ certificate: OpaquePointer, _ parsed: PeerCertificate) {
        if byEncoding.count == Self.capacity { byEncoding.removeAll() }
        byEncoding[parsed.der] = unsafe Authority(certificate, parsed)
    }
}
