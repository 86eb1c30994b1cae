internal import COpenSSL

/// Why a TLS context could not be made; meant for the person who wrote the configuration.
public struct TLSConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file or setting at fault.
    public let subject: String
    /// What is wrong with it.
    public let reason: String
    /// What to do about it.
    public let advice: String

    init(_ subject: String, _ reason: String, advice: String) {
        self.subject = subject
        self.reason = reason
        self.advice = advice
    }

    /// One line: subject, reason, advice.
    public var description: String { "\(subject): \(reason); \(advice)" }
}

/// Why a TLS connection failed. It cannot be used any more.
public struct TLSError: Error, Equatable, Sendable {
    /// What went wrong, coarsely: for metrics.
    public enum Kind: String, Sendable {
        /// The peer's certificate was refused, or is missing.
        case certificate
        /// The peer sent a fatal alert.
        case peerAlert
        /// The peer broke the protocol, or nothing in common was found.
        case protocolViolation
        /// Too many KeyUpdate messages in a minute.
        case keyUpdateFlood
        /// No virtual host answers to the name, or a name is missing.
        case serverName
        /// A fault on our side.
        case `internal`
    }

    /// What went wrong, coarsely.
    public let kind: Kind
    /// What went wrong, in words.
    public let reason: String
    /// The fatal alert that was sent, or received for `peerAlert` (RFC 8446 §6).
    public var alert: UInt8?
    /// Position of the failed certificate, 0 for the leaf.
    public var depth: Int?
    /// Subject of the failed certificate, RFC 2253 style, escaped to printable ASCII.
    public var subjectOfFailedCertificate: String?
    /// OpenSSL's `X509_V_ERR_…`.
    public var x509Code: Int32?
    /// libssl's `SSL_R_…`, when the handshake failed for another reason.
    public var libraryReason: Int32?
    private var presented: Presented?

    // A class, so that results that may hold an error stay small.
    private final class Presented: Sendable, Equatable {
        let certificate: PeerCertificate

        init(_ certificate: PeerCertificate) { self.certificate = certificate }

        static func == (left: Presented, right: Presented) -> Bool {
            left.certificate == right.certificate
        }
    }

    /// The leaf that the peer presented, if it came that far. It has not shown that it has the key.
    public var certificate: PeerCertificate? {
        get { presented?.certificate }
        set { presented = newValue.map(Presented.init) }
    }

    init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    init(_ refusal: ChainVerifier.Refusal) {
        self.init(.certificate, refusal.reason)
        depth = refusal.depth
        x509Code = refusal.code
        subjectOfFailedCertificate = refusal.subject
        certificate = refusal.leaf
    }
}

/// The thread's OpenSSL error queue.
enum ErrorQueue {
    /// Empties the queue, cheaply when it is empty already.
    @inline(__always)
    static func clear() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    /// Empties the queue; returns the text of its oldest entry, which is the cause.
    static func drain() -> (code: UInt, text: String)? {
        let code = ERR_get_error()
        guard code != 0 else { return nil }
        ERR_clear_error()
        if let text = unsafe ERR_reason_error_string(code) {
            return unsafe (code, String(cString: text))
        }
        return (code, "OpenSSL error \(String(code, radix: 16))")
    }

    /// Empties the queue; returns the text of its oldest entry, or `fallback`.
    static func drainedText(_ fallback: String = "unknown OpenSSL error") -> String {
        drain()?.text ?? fallback
    }
}
