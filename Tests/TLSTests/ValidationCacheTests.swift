import Core
import Crypto
import Foundation
import Testing

@testable import TLS

@Suite struct ValidationCacheTests {
    static let versions: [TLSVersion] = [.tls12, .tls13]
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    /// A server whose clock stands at `now`.
    private func server(
        _ options: ServerTLSOptions? = nil, at now: Int64? = nil
    ) throws -> ServerTLSContext {
        let now = now ?? authority.now
        let context = try ServerTLSContext(
            options ?? authority.serverOptions(), libraries: EnginePair.libraries, at: now)
        context.setTime(Now(monotonic: Instant(nanoseconds: 1), wallSeconds: now))
        return context
    }

    private func set(_ context: ServerTLSContext, to now: Int64) {
        context.setTime(Now(monotonic: Instant(nanoseconds: 1), wallSeconds: now))
    }

    /// The chain that the server validated, or nil when it refused.
    private func connect(
        _ server: ServerTLSContext, _ version: TLSVersion, _ files: CertificateFiles?,
        name: String = "safe.test"
    ) throws -> (chain: ValidatedChain?, error: TLSError?) {
        let client = try ClientTLSContext(authority.clientOptions(version, files))
        var pair = EnginePair(server, client, name: name)
        try pair.run()
        #expect((pair.serverError == nil) == pair.server.isEstablished)
        return (pair.server.peer?.validated, pair.serverError)
    }

    @Test("a chain is verified once, and its connections share what was found", arguments: versions)
    func hit(version: TLSVersion) throws {
        let server = try server()
        let client = try authority.client()
        let first = try #require(try connect(server, version, client).chain)
        let second = try #require(try connect(server, version, client).chain)
        #expect(first === second)
        #expect(first.certificates.count == 3)
        #expect(first.certificates.last == authority.root.der)
        #expect(server.validationStatistics.hits == 1)
        #expect(server.validationStatistics.misses == 1)
    }

    @Test("a context that replaces one of the same trust goes on with its cache")
    func adopted() throws {
        let (first, second) = (try server(), try server())
        let client = try authority.client()
        let chain = try #require(try connect(first, .tls13, client).chain)
        #expect(second.adoptCaches(of: first) == ValidationCacheStatistics())
        #expect(try connect(second, .tls13, client).chain === chain)
        #expect(second.validationStatistics.hits == 1)
    }

    @Test(
        "S06 a context of other trust, rules or size begins with an empty cache", arguments: 0..<3)
    func notAdopted(difference: Int) throws {
        let exceptions = try authority.file(authority.intermediate.pem)
        var options = authority.serverOptions()
        for host in options.virtualHosts.indices {
            options.virtualHosts[host].trust?.extendedKeyUsageExceptions = [exceptions]
        }
        let first = try server(options)
        let client = try authority.client()
        let chain = try #require(try connect(first, .tls13, client).chain)
        for host in options.virtualHosts.indices {
            switch difference {
            case 0: options.virtualHosts[host].trust?.maximumChainLength = 5
            case 1: try authority.write(authority.root.pem, to: exceptions)
            default: options.validationCache.capacity = 7
            }
        }
        let second = try server(options)
        #expect(second.adoptCaches(of: first) == first.validationStatistics)
        #expect(try connect(second, .tls13, client).chain !== chain)
        #expect(second.validationStatistics.hits == 0)
    }

    @Test("S06 the same leaf on a host with another trust store is judged by that store")
    func otherStore() throws {
        let stranger = try TestAuthority()
        var options = authority.serverOptions()
        options.virtualHosts[0] = authority.host(["open.test"], .required)
        options.virtualHosts[0].trust = TrustStoreOptions(file: stranger.clientTrust)
        let server = try server(options)
        let client = try authority.client()
        for version in Self.versions {
            #expect(try connect(server, version, client).chain != nil)
            let refused = try connect(server, version, client, name: "open.test")
            #expect(refused.error?.kind == .certificate)
            #expect(try connect(server, version, client).chain != nil)
        }
    }

    @Test("S06 a cached certificate without its key is found and still fails")
    func stolen() throws {
        let server = try server()
        let files = try authority.client()
        #expect(try connect(server, .tls12, files).chain != nil)
        let client = try ClientTLSContext(authority.clientOptions(.tls12, files))
        var pair = EnginePair(server, client)
        try pair.step(.client)
        try pair.step(.server)
        try pair.step(.client)
        let spoiled = pair.spoilCertificateVerify()
        #expect(spoiled)
        try pair.step(.server)
        #expect(server.validationStatistics.hits == 1)
        #expect(pair.serverError?.kind == .protocolViolation)
        #expect(pair.server.peer == nil)
    }

    @Test("S06 a digest alone is no hit: the whole encoding is compared")
    func wholeEncoding() throws {
        let server = try server()
        let chain = try #require(try connect(server, .tls13, try authority.client()).chain)
        let cache = try #require(server.hosts[1].trust?.cache)
        var other = chain.leaf.der
        other[other.count - 1] ^= 1
        unsafe other.withUnsafeBytes { bytes in
            let found = unsafe cache.find(
                chain.fingerprint, der: ByteView(bytes), at: authority.now)
            #expect(found == nil)
        }
    }

    @Test("S07 what is refused or not verified is never remembered, what is optional is")
    func onlyVerified() throws {
        let stranger = try TestAuthority()
        let server = try server(authority.serverOptions(.optional))
        let cache = try #require(server.hosts[1].trust?.cache)
        for version in Self.versions {
            for _ in 0..<2 {
                #expect(try connect(server, version, try stranger.client()).error != nil)
            }
            let anonymous = try connect(server, version, nil)
            #expect(anonymous.chain == nil && anonymous.error == nil)
        }
        #expect(cache.count == 0)
        let client = try authority.client()
        for version in Self.versions {
            #expect(try connect(server, version, client).chain != nil)
        }
        #expect(cache.count == 1)
        #expect(server.validationStatistics.hits == 1)
    }

    @Test("S08 a cached leaf is good with other, junk or expired intermediates, and with none")
    func otherIntermediates() throws {
        let leaf = try authority.intermediate.issue(
            authority.clientRequest(), key: CertificateKey(.p256))
        let key = try authority.file(leaf.key.pem)
        let expired = try authority.root.issue(
            .authority(
                "Intermediate", notBefore: authority.now - 9_000, notAfter: authority.now - 5_000),
            key: CertificateKey(.p256))
        let junk = try TestAuthority().intermediate
        let presented = try [
            leaf.chainPEM, leaf.pem + junk.pem, leaf.pem + expired.pem, leaf.pem,
            leaf.chainPEM + junk.pem + expired.pem,
        ].map { CertificateFiles(chain: try authority.file($0), key: key) }
        for version in Self.versions {
            let server = try server()
            // Without its intermediate it is refused as long as nobody has shown that.
            #expect(try connect(server, version, presented[3]).error?.kind == .certificate)
            for files in presented {
                let chain = try #require(try connect(server, version, files).chain)
                #expect(chain.certificates[1] == authority.intermediate.der)
            }
        }
    }

    @Test("a chain is verified again when its lifetime is over, or the clock goes backwards")
    func lifetime() throws {
        let server = try server()
        let client = try authority.client()
        func misses(at offset: Int64) throws -> UInt64 {
            set(server, to: authority.now + offset)
            let before = server.validationStatistics.misses
            #expect(try connect(server, .tls13, client).chain != nil)
            return server.validationStatistics.misses - before
        }
        #expect(try misses(at: 0) == 1)
        #expect(try misses(at: 599) == 0)
        #expect(try misses(at: 600) == 1)
        #expect(try misses(at: 599) == 1)
        #expect(try misses(at: 599) == 0)
        #expect(server.validationStatistics.expired == 2)
    }

    @Test(
        "a leaf, an intermediate or an anchor that expires while it is cached is refused",
        arguments: versions)
    func expiry(version: TLSVersion) throws {
        let now = authority.now
        for short in 0..<3 {
            func end(_ level: Int) -> Int64 { now + (level == short ? 60 : 6_000) }
            let root = try CertificateAuthority.root(
                .authority("Short", notBefore: now - 100, notAfter: end(0)),
                key: CertificateKey(.p256))
            let middle = try root.issue(
                .authority("Middle", notBefore: now - 100, notAfter: end(1)),
                key: CertificateKey(.p256))
            let leaf = try middle.issue(
                .client([.init("CN", "brief")], notBefore: now - 100, notAfter: end(2)),
                key: CertificateKey(.p256))
            var options = authority.serverOptions()
            options.virtualHosts[1].trust = TrustStoreOptions(file: try authority.file(root.pem))
            let server = try server(options)
            let files = try authority.files(leaf)
            for offset: Int64 in [0, 59, 60] {
                set(server, to: now + offset)
                #expect(try connect(server, version, files).chain != nil, "\(short) \(offset)")
            }
            set(server, to: now + 61)
            #expect(try connect(server, version, files).error?.kind == .certificate, "\(short)")
        }
    }

    @Test("capacity is kept: what was used stays, what was not goes") func eviction() throws {
        var options = authority.serverOptions()
        options.validationCache.capacity = 4
        let server = try server(options)
        let cache = try #require(server.hosts[1].trust?.cache)
        let clients = try (0..<12).map { try authority.client(authority.clientRequest("c\($0)")) }
        for index in 0..<12 {
            #expect(try connect(server, .tls13, clients[index]).chain != nil)
            // The first is used again and again.
            #expect(try connect(server, .tls13, clients[0]).chain != nil)
            #expect(cache.count <= 4)
        }
        #expect(server.validationStatistics.misses == 12)
        #expect(server.validationStatistics.evictions == 8)
        #expect(server.validationStatistics.hits == 12)
    }

    @Test("with capacity 0 every chain is verified") func off() throws {
        var options = authority.serverOptions()
        options.validationCache.capacity = 0
        let server = try server(options)
        let client = try authority.client()
        let first = try connect(server, .tls13, client).chain
        let second = try connect(server, .tls13, client).chain
        #expect(first != nil && second != nil && first !== second)
        #expect(server.validationStatistics == ValidationCacheStatistics())
    }

    @Test("chains of every kind of key, cold and cached", arguments: versions)
    func kinds(version: TLSVersion) throws {
        let (from, until) = (authority.now - 86_400, authority.now + 86_400)
        for kind in [CertificateKey.Kind.p256, .p384, .rsa(bits: 2_048), .ed25519] {
            let root = try CertificateAuthority.root(
                .authority("Root", notBefore: from, notAfter: until), key: CertificateKey(kind))
            let middle = try root.issue(
                .authority("Middle", notBefore: from, notAfter: until), key: CertificateKey(kind))
            let files = try authority.files(
                middle.issue(authority.clientRequest(), key: CertificateKey(kind)))
            var options = authority.serverOptions()
            options.virtualHosts[1].trust = TrustStoreOptions(file: try authority.file(root.pem))
            let server = try server(options)
            for _ in 0..<3 {
                #expect(try connect(server, version, files).chain != nil, "\(kind)")
            }
            #expect(server.validationStatistics.hits == 2, "\(kind)")
        }
    }
}
