internal import COpenSSL
internal import Core

/// What a virtual host would make of a client's certificates, without the client.
///
/// The verdict is that of the handshake's own verification. Whether the client holds the key is
/// the one thing that it cannot say.
public struct ChainExplanation: Sendable {
    /// The verdict.
    public enum Verdict: Sendable {
        /// The chain is valid, if the client proves that it holds the key.
        case valid(ValidatedChain)
        /// The handshake fails with this error.
        case refused(TLSError)
    }

    /// The verdict.
    public let verdict: Verdict
    /// What the client presents, the leaf first.
    public let presented: [CertificateSummary]
    /// The chain that OpenSSL built of it, the leaf first; it may not reach an anchor.
    public let chain: [CertificateSummary]
    /// Every check, in order.
    public let checks: [ChainCheck]
    /// Digest of the trust store and its rules: the validation cache belongs to one of these.
    public let trustDigest: Fingerprint
    /// SHA-256 of the leaf: under which the validation cache remembers the chain.
    public let leafFingerprint: Fingerprint

    /// Judges the certificates in the PEM file at `path` as the virtual host at `host` does.
    ///
    /// - Parameters:
    ///   - options: The listener's.
    ///   - now: Seconds since 1970; not 0.
    /// - Throws: when a file cannot be read, or the host asks for no certificate.
    public init(
        certificates path: String, host: Int, of options: ServerTLSOptions,
        revocation: RevocationSet, at now: Int64
    ) throws(TLSConfigurationError) {
        precondition(now != 0 && options.virtualHosts.indices.contains(host))
        guard let settings = options.virtualHosts[host].trust else {
            throw TLSConfigurationError(
                options.virtualHosts[host].name, "trusts no certificates",
                advice: "name a trust store")
        }
        let certificates = try PEMFile(path: path).certificates()
        let trust = try TrustContext(settings, role: .clients)
        let trial = try TrialVerification(certificates, trust, options)
        let outcome = try trial.judge(revocation, at: now)
        var presented: [CertificateSummary] = []
        for index in 0..<certificates.count {
            guard let summary = unsafe CertificateSummary(certificates[index]) else {
                throw TLSConfigurationError(
                    path, "certificate \(index + 1) cannot be read", advice: "replace it")
            }
            presented.append(summary)
        }
        self.presented = presented
        var list = ChainChecks(settings, now)
        let size = Self.listSize(presented)
        list.compareSize(size, with: options.certificateListLimit)
        chain = unsafe try trial.findings(at: now) { stack, findings in
            unsafe list.collect(stack, findings, trust.policy)
        }
        if case .valid(let valid) = outcome {
            list.judgeRevocation(of: valid.members, revocation)
        } else if let members = list.members {
            list.judgeRevocation(of: members, revocation)
        }
        checks = list.checks
        if size > options.certificateListLimit {
            verdict = .refused(.listTooLarge)
        } else {
            switch outcome {
            case .valid(let chain): verdict = .valid(chain)
            case .refused(let refusal): verdict = .refused(TLSError(refusal))
            }
        }
        trustDigest = trust.digest
        leafFingerprint = Fingerprint(of: presented[0].certificate.der)
    }

    /// Bytes of TLS 1.3's Certificate message (RFC 8446 §4.4.2), which libssl limits: a context,
    /// the list's length, and for each certificate its own and that of no extensions.
    private static func listSize(_ presented: [CertificateSummary]) -> Int {
        presented.reduce(4) { $0 + $1.certificate.der.count + 5 }
    }
}

extension TLSError {
    /// What libssl says of a Certificate message over its limit.
    fileprivate static var listTooLarge: TLSError {
        var error = TLSError(.certificate, "excessive message size")
        error.libraryReason = SSL_R_EXCESSIVE_MESSAGE_SIZE
        return error
    }
}
