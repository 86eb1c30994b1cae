import COpenSSL
import Core
import Foundation
import Testing

@testable import TLS

/// Makes chains with anything wrong in them, and asks our server and OpenSSL about each.
final class Forge {
    let authority: TestAuthority
    let root: ForgedCertificate
    let now: Int64
    private var keys: [ForgedKey] = []

    init() throws {
        authority = try TestAuthority()
        now = authority.now
        for _ in 0..<6 { keys.append(try .curve("P-256")) }
        root = try Self.authority("Root", keys[0], below: nil, at: now).make()
    }

    /// One of a few keys: making one is the slowest part.
    func key(_ index: Int) -> ForgedKey { keys[index % keys.count] }

    /// What an authority should be.
    static func authority(
        _ name: String, _ key: ForgedKey, below issuer: ForgedCertificate?, at now: Int64
    ) -> Forgery {
        Forgery(
            subject: name, key: key, issuer: issuer, notBefore: now - 86_400,
            notAfter: now + 86_400,
            extensions: [
                NID_basic_constraints: "critical,CA:TRUE", NID_key_usage: "critical,keyCertSign",
                NID_subject_key_identifier: "hash",
            ])
    }

    /// An intermediate, good unless `change` makes it bad.
    func intermediate(
        _ name: String, below issuer: ForgedCertificate? = nil, key: ForgedKey? = nil,
        _ change: (inout Forgery) throws -> Void = { _ in }
    ) throws -> ForgedCertificate {
        var forgery = Self.authority(name, key ?? self.key(1), below: issuer ?? root, at: now)
        try change(&forgery)
        return try forgery.make()
    }

    /// A client's certificate, good unless `change` makes it bad.
    func leaf(
        _ name: String, below issuer: ForgedCertificate, key: ForgedKey? = nil,
        _ change: (inout Forgery) throws -> Void = { _ in }
    ) throws -> ForgedCertificate {
        var forgery = Forgery(
            subject: name, key: key ?? self.key(2), issuer: issuer, notBefore: now - 86_400,
            notAfter: now + 86_400,
            extensions: [
                NID_basic_constraints: "critical,CA:FALSE",
                NID_key_usage: "critical,digitalSignature", NID_ext_key_usage: "clientAuth",
            ])
        try change(&forgery)
        return try forgery.make()
    }

    /// A server that trusts `root`, or `anchors`, and has no memory yet.
    func server(
        _ libraries: CryptoLibraries = EnginePair.libraries, sessions: SessionStore? = nil,
        anchors: [ForgedCertificate]? = nil, mode: ClientCertificateMode = .required,
        _ change: (inout ServerTLSOptions) throws -> Void = { _ in }
    ) throws -> ServerTLSContext {
        var options = ServerTLSOptions(virtualHosts: [authority.host(["safe.test"], mode)])
        let file = try authority.file((anchors ?? [root]).map(\.pem).joined())
        options.virtualHosts[0].trust = TrustStoreOptions(file: file)
        try change(&options)
        let context = try ServerTLSContext(
            options, libraries: libraries, sessions: sessions, at: now)
        context.setTime(Now(monotonic: Instant(nanoseconds: 1), wallSeconds: now))
        return context
    }

    /// A client that presents `list`, whatever it is, and signs with `key`, or the first's.
    func client(
        _ list: [ForgedCertificate], key: ForgedKey? = nil, _ version: TLSVersion = .tls13,
        _ change: (inout ClientTLSOptions) -> Void = { _ in }
    ) throws -> ClientTLSContext {
        var options = authority.clientOptions(version)
        options.cipherSuites12 += ":@SECLEVEL=0"
        change(&options)
        let client = try ClientTLSContext(options)
        let context = unsafe client.context.pointer
        guard let leaf = list.first else { return client }
        #expect(unsafe SSL_CTX_use_certificate(context, leaf.pointer) == 1)
        #expect(unsafe SSL_CTX_use_PrivateKey(context, (key ?? leaf.key).pointer) == 1)
        for certificate in list.dropFirst() {
            #expect(unsafe COpenSSL_SSL_CTX_add1_chain_cert(context, certificate.pointer) == 1)
        }
        return client
    }

    /// What `server` makes of a client that presents `list`.
    func connect(
        _ list: [ForgedCertificate], to server: ServerTLSContext, key: ForgedKey? = nil,
        _ version: TLSVersion = .tls13
    ) throws -> (chain: ValidatedChain?, error: TLSError?) {
        var pair = EnginePair(server, try client(list, key: key, version))
        // The client's own certificates upset OpenSSL as well: its errors do not count.
        while try pair.clientError == nil && pair.step(.client) {
            ERR_clear_error()
            while try pair.serverError == nil && pair.step(.server) {}
            #expect(ERR_peek_error() == 0)
        }
        #expect((pair.serverError == nil) == pair.server.isEstablished)
        return (pair.server.peer?.validated, pair.serverError)
    }

    /// OpenSSL's verdict on `list`, as `openssl verify -purpose sslclient` finds it.
    func isValid(
        _ list: [ForgedCertificate], anchors: [ForgedCertificate]? = nil, level: Int32 = 2,
        depth: Int32 = 2
    ) throws -> Bool {
        let store = unsafe X509_STORE_new()
        let context = unsafe try #require(unsafe X509_STORE_CTX_new())
        let stack = unsafe OPENSSL_sk_new_null()
        defer {
            unsafe X509_STORE_CTX_free(context)
            unsafe OPENSSL_sk_free(stack)
            unsafe X509_STORE_free(store)
            ERR_clear_error()
        }
        for anchor in anchors ?? [root] {
            #expect(unsafe X509_STORE_add_cert(store, anchor.pointer) == 1)
        }
        for certificate in list.dropFirst() {
            unsafe OPENSSL_sk_push(stack, UnsafeRawPointer(certificate.pointer))
        }
        #expect(unsafe X509_STORE_CTX_init(context, store, list[0].pointer, stack) == 1)
        #expect(unsafe X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) == 1)
        let parameters = unsafe X509_STORE_CTX_get0_param(context)
        unsafe X509_VERIFY_PARAM_set_depth(parameters, depth)
        unsafe X509_VERIFY_PARAM_set_auth_level(parameters, level)
        unsafe X509_STORE_CTX_set_time(context, 0, Int(now))
        return unsafe X509_verify_cert(context) == 1
    }

    /// The verdict of the program `openssl` on `list`.
    func isValidByProgram(_ list: [ForgedCertificate]) throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "openssl", "verify", "-no-CApath", "-no-CAstore", "-purpose", "sslclient",
            "-auth_level", "2", "-verify_depth", "2", "-attime", "\(now)", "-CAfile",
            try authority.file(root.pem),
        ]
        if list.count > 1 {
            let others = try authority.file(list.dropFirst().map(\.pem).joined())
            process.arguments? += ["-untrusted", others]
        }
        process.arguments?.append(try authority.file(list[0].pem))
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
