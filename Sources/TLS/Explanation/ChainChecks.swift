internal import COpenSSL
internal import Core

/// Gathers what is found of a chain, check by check. Decides nothing: `ChainVerifier` does.
struct ChainChecks {
    private let options: TrustStoreOptions
    private let now: Int64
    private(set) var checks: [ChainCheck]
    /// What revocation needs to know of a chain that OpenSSL found valid.
    private(set) var members: [ChainMember]?

    init(_ options: TrustStoreOptions, _ now: Int64) {
        self.options = options
        self.now = now
        checks = ChainCheck.Name.allCases.map {
            ChainCheck(name: $0, result: .notReached, details: [])
        }
    }

    private mutating func note(_ name: ChainCheck.Name, _ detail: String) {
        guard let index = checks.firstIndex(where: { $0.name == name }) else { return }
        checks[index].details.append(detail)
    }

    private mutating func set(_ name: ChainCheck.Name, _ result: ChainCheck.Result) {
        guard let index = checks.firstIndex(where: { $0.name == name }) else { return }
        // What failed once stays failed.
        if checks[index].result != .failed { checks[index].result = result }
    }

    private mutating func fail(_ name: ChainCheck.Name, _ detail: String) {
        note(name, detail)
        set(name, .failed)
    }

    /// The bytes of the Certificate message.
    mutating func compareSize(_ size: Int, with limit: Int) {
        note(.listSize, "\(size) bytes with TLS 1.3, at most \(limit)")
        set(.listSize, size > limit ? .failed : .passed)
    }

    /// What OpenSSL found, and what the policy says of a chain that it found nothing wrong with.
    ///
    /// - Returns: the chain that was built.
    mutating func collect(
        _ stack: OpaquePointer?, _ findings: [TrialVerification.Finding], _ policy: ChainPolicy
    ) -> [CertificateSummary] {
        guard let stack = unsafe stack else { return [] }
        var chain: [CertificateSummary] = []
        for index in unsafe 0..<COpenSSL_sk_X509_num(stack) {
            guard let certificate = unsafe COpenSSL_sk_X509_value(stack, index),
                let summary = unsafe CertificateSummary(certificate)
            else { break }
            chain.append(summary)
        }
        let isTooLong = findings.contains { $0.code == X509_V_ERR_CERT_CHAIN_TOO_LONG }
        describe(chain, goesOn: isTooLong)
        for finding in findings {
            let name = ChainCheck.Name(FailureDiagnosis(verdict: finding.code).cause)
            // A search that was given up found no anchor either.
            if isTooLong, name == .anchor { continue }
            let text = unsafe String(cString: X509_verify_cert_error_string(Int(finding.code)))
            fail(name, "certificate \(finding.depth): \(text) (\(finding.code))")
        }
        let parts: [ChainCheck.Name] = [
            .length, .signatures, .validity, .securityLevel, .usage, .constraints,
        ]
        for name in parts { set(name, .passed) }
        if !isTooLong { set(.anchor, .passed) }
        guard findings.isEmpty else { return chain }
        members = unsafe ChainMember.chain(chain.map(\.certificate)) { index in
            unsafe COpenSSL_sk_X509_value(stack, Int32(index))
        }
        let refused = unsafe policy.findings(of: stack, chain.map(\.certificate))
        for finding in refused {
            let name: ChainCheck.Name =
                switch finding.code {
                case X509_V_ERR_CA_MD_TOO_WEAK: .algorithms
                case X509_V_ERR_INVALID_PURPOSE: .usage
                case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: .anchor
                default: .keys
                }
            fail(name, "certificate \(finding.depth): \(finding.reason)")
        }
        for name in [ChainCheck.Name.keys, .algorithms] { set(name, .passed) }
        return chain
    }

    /// The values that are compared.
    private mutating func describe(_ chain: [CertificateSummary], goesOn: Bool) {
        if let last = chain.last {
            note(.anchor, "the chain ends at \(last.certificate.printableSubject)")
        }
        note(
            .length,
            "\(goesOn ? "more than " : "")\(chain.count) certificates, "
                + "at most \(options.maximumChainLength)")
        for (index, member) in chain.enumerated() {
            let certificate = member.certificate
            let relation =
                now < certificate.notBefore
                ? "not yet valid" : now > certificate.notAfter ? "expired" : "valid"
            note(.validity, "certificate \(index): \(relation)")
        }
        note(.securityLevel, "level \(options.securityLevel)")
        note(.usage, "\(options.extendedKeyUsage.rawValue), for client authentication")
        note(
            .keys,
            "RSA \(options.minimumRSABits) bits, elliptic curves \(options.minimumECBits) bits")
        let algorithms = options.signatureAlgorithms
        let allowed = options.mode == .apiGateway ? "SHA-256 or better" : "all"
        note(
            .algorithms,
            algorithms.isEmpty
                ? "\(allowed) that the security level allows" : algorithms.joined(separator: ", "))
    }

    /// What revocation says of a chain that leads to an anchor.
    mutating func judgeRevocation(of members: [ChainMember], _ revocation: RevocationSet) {
        for (index, member) in members.enumerated() {
            for line in revocation.standing(of: member, wallSeconds: now) {
                note(.revocation, "certificate \(index): \(line)")
            }
        }
        switch revocation.judge(members, wallSeconds: now) {
        case .good: set(.revocation, .passed)
        case .revoked(let index, let reason):
            fail(.revocation, "certificate \(index) is revoked (\(reason))")
        case .stale(let index, let issuer):
            fail(.revocation, "certificate \(index): issuer '\(issuer)' has no list in force")
        }
    }
}
