import COpenSSL
import Core
import Crypto
import Testing

@testable import TLS

@Suite("a failed handshake has a cause and a hint")
struct FailureDiagnosisTests {
    static let verdicts: [(Int32, FailureCause, String)] = [
        (X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, .untrusted, "send its intermediate"),
        (X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, .untrusted, "send its intermediate"),
        (X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, .untrusted, "partialChain"),
        (X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, .untrusted, "self-signed"),
        (X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, .untrusted, "add it to the trust store"),
        (X509_V_ERR_CERT_SIGNATURE_FAILURE, .badSignature, "another key"),
        (X509_V_ERR_CERT_HAS_EXPIRED, .expired, "renew"),
        (X509_V_ERR_CERT_NOT_YET_VALID, .notYetValid, "wait"),
        (X509_V_ERR_CERT_REVOKED, .revoked, "new certificate"),
        (X509_V_ERR_CRL_HAS_EXPIRED, .revocationStale, "newest revocation list"),
        (X509_V_ERR_INVALID_PURPOSE, .wrongPurpose, "clientAuth"),
        (X509_V_ERR_EE_KEY_TOO_SMALL, .weakKey, "longer key"),
        (X509_V_ERR_CA_KEY_TOO_SMALL, .weakKey, "longer key"),
        (X509_V_ERR_CA_MD_TOO_WEAK, .weakSignature, "SHA-256"),
        (X509_V_ERR_CERT_CHAIN_TOO_LONG, .chainTooLong, "chainLength"),
        (X509_V_ERR_PATH_LENGTH_EXCEEDED, .chainTooLong, "pathlen"),
        (X509_V_ERR_INVALID_CA, .constraints, "may not issue"),
        (X509_V_ERR_PERMITTED_VIOLATION, .constraints, "name constraints"),
        (X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, .badCertificate, "critical extension"),
        (X509_V_ERR_APPLICATION_VERIFICATION, .internal, "report"),
        (X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, .badCertificate, "RFC 5280"),
    ]

    @Test("by OpenSSL's verdict on the chain", arguments: verdicts)
    func verdict(code: Int32, cause: FailureCause, words: String) {
        var error = TLSError(.certificate, "text")
        error.x509Code = code
        #expect(error.diagnosis.cause == cause)
        #expect(error.diagnosis.hint.contains(words), "\(error.diagnosis.hint)")
    }

    static let reasons: [(Int32, FailureCause)] = [
        (SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, .noCertificate),
        (SSL_R_EXCESSIVE_MESSAGE_SIZE, .listTooLarge),
        (SSL_R_BAD_SIGNATURE, .badSignature),
        (SSL_R_WRONG_CURVE, .weakKey),
        (SSL_R_UNSUPPORTED_PROTOCOL, .noSharedParameters),
        (SSL_R_NO_SHARED_CIPHER, .noSharedParameters),
        (SSL_R_NO_SUITABLE_KEY_SHARE, .noSharedParameters),
        (SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, .noSharedParameters),
        (SSL_R_WRONG_VERSION_NUMBER, .notTLS),
        (SSL_R_HTTP_REQUEST, .notTLS),
        (SSL_R_BAD_LENGTH, .protocolError),
    ]

    @Test("by libssl's reason", arguments: reasons)
    func reason(code: Int32, cause: FailureCause) {
        var error = TLSError(.protocolViolation, "text")
        error.libraryReason = code
        #expect(error.diagnosis.cause == cause)
    }

    @Test("by the alert, when there is no reason, and by the client's")
    func alerts() {
        var error = TLSError(.protocolViolation, "text")
        error.alert = 51
        #expect(error.diagnosis.cause == .badSignature)
        error.alert = 70
        #expect(error.diagnosis.cause == .noSharedParameters)
        error.alert = 50
        #expect(error.diagnosis.cause == .protocolError)
        var refused = TLSError(.peerAlert, "text")
        refused.alert = 48
        #expect(refused.diagnosis.cause == .peerAlert)
        #expect(refused.diagnosis.hint.contains("does not trust our certificate's authority"))
        #expect(TLSError(.serverName, "text").diagnosis.cause == .unknownServerName)
        #expect(TLSError(.internal, "text").diagnosis.cause == .internal)
    }

    @Test("every hint is one short line of ASCII")
    func form() {
        var hints: [String] = []
        for code in Int32(1)...94 { hints.append(FailureDiagnosis(verdict: code).hint) }
        for code in Int32(100)...420 {
            hints.append(
                FailureDiagnosis(libraryReason: code, alert: nil, .protocolViolation).hint)
        }
        for alert in UInt8(0)...120 { hints.append(FailureDiagnosis(alert: alert).hint) }
        for hint in hints {
            #expect(hint.utf8.allSatisfy { (0x20...0x7e).contains($0) }, "\(hint)")
            #expect(hint.utf8.count <= 120 && !hint.hasSuffix("."), "\(hint)")
        }
    }
}

@Suite("what a failed handshake says of the client's certificate")
struct FailedHandshakeCertificateTests {
    static let versions: [TLSVersion] = [.tls12, .tls13]
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    private func failure(
        _ server: ServerTLSOptions, _ client: ClientTLSOptions, name: String? = "safe.test"
    ) throws -> TLSError? {
        var pair = try EnginePair(server, client, name: name)
        try pair.run()
        return pair.serverError
    }

    @Test("a refused leaf is there, with the certificate at fault", arguments: versions)
    func refused(version: TLSVersion) throws {
        let leaf = try authority.intermediate.issue(
            authority.clientRequest("late", days: -3 ... -2), key: CertificateKey(.p256))
        let error = try #require(
            try failure(
                authority.serverOptions(),
                authority.clientOptions(version, authority.files(leaf))))
        #expect(error.diagnosis.cause == .expired)
        #expect(error.certificate?.der == leaf.der)
        #expect(error.certificate?.printableSubject == "CN=late")
        #expect(error.certificate?.printableIssuer == "CN=Intermediate")
        #expect(error.depth == 0 && error.subjectOfFailedCertificate == "CN=late")
    }

    @Test("names are escaped to printable ASCII and cut")
    func names() throws {
        let evil = "é\r\n\"\u{1b}[31m" + String(repeating: "x", count: 40)
        var request = authority.clientRequest(evil, days: -3 ... -2)
        request.subject += (0..<20).map {
            .init("OU", String(repeating: "y", count: 60) + "\($0)")
        }
        let error = try #require(
            try failure(
                authority.serverOptions(),
                authority.clientOptions(.tls13, authority.client(request))))
        let subject = try #require(error.certificate?.printableSubject)
        #expect(subject.utf8.count == 512)
        #expect(subject.utf8.allSatisfy { (0x20...0x7e).contains($0) })
    }

    @Test("no certificate, too many, no key, and none that was asked for", arguments: versions)
    func others(version: TLSVersion) throws {
        let none = try failure(authority.serverOptions(), authority.clientOptions(version))
        #expect(none?.diagnosis.cause == .noCertificate && none?.certificate == nil)
        var small = authority.serverOptions()
        small.certificateListLimit = 600
        let large = try failure(
            small, authority.clientOptions(version, authority.client()))
        #expect(large?.diagnosis.cause == .listTooLarge)
        var pair = try EnginePair(
            authority.serverOptions(), authority.clientOptions(version, authority.client()),
            name: "unknown.test")
        try pair.run()
        #expect(pair.serverError?.diagnosis.cause == .unknownServerName)
    }

    @Test("a stolen certificate without its key: the proof fails, and the leaf is named")
    func stolen() throws {
        var pair = try EnginePair(
            authority.serverOptions(),
            authority.clientOptions(.tls12, authority.client(authority.clientRequest("victim"))))
        try pair.step(.client)
        try pair.step(.server)
        try pair.step(.client)
        #expect(pair.spoilCertificateVerify() == true)
        try pair.step(.server)
        let error = pair.serverError
        #expect(error?.diagnosis.cause == .badSignature)
        #expect(error?.certificate?.printableSubject == "CN=victim")
    }

    @Test("a client that refuses our certificate", arguments: versions)
    func refusedByClient(version: TLSVersion) throws {
        let stranger = try TestAuthority()
        var options = authority.clientOptions(version, try authority.client())
        options.trust = TrustStoreOptions(file: stranger.clientTrust)
        let error = try #require(try failure(authority.serverOptions(), options))
        #expect(error.kind == .peerAlert && error.alert == 48)
        #expect(error.diagnosis.hint.contains("does not trust our certificate's authority"))
    }

    @Test("nothing in common")
    func versionsApart() throws {
        var server = authority.serverOptions()
        server.minimumVersion = .tls13
        let error = try failure(server, authority.clientOptions(.tls12, authority.client()))
        #expect(error?.diagnosis.cause == .noSharedParameters)
        var suites = authority.serverOptions()
        suites.cipherSuites13 = "TLS_AES_256_GCM_SHA384"
        var client = authority.clientOptions(.tls13, try authority.client())
        client.cipherSuites13 = "TLS_AES_128_GCM_SHA256"
        #expect(try failure(suites, client)?.diagnosis.cause == .noSharedParameters)
    }

    @Test("what is no TLS")
    func noTLS() throws {
        for text in ["GET / HTTP/1.1\r\n\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"] {
            var pair = try EnginePair(authority.serverOptions(), authority.clientOptions(.tls13))
            pair.toServer = Array(text.utf8)
            try pair.step(.server)
            #expect(pair.serverError?.diagnosis.cause == .notTLS, "\(text)")
        }
    }
}
