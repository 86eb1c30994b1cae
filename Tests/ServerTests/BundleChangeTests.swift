import Core
import Crypto
import GatewayConfiguration
import TLS
import Testing

@testable import Server

@Suite("S20 what a fetched bundle may change") struct BundleChangeTests {
    private static let now: Int64 = 1_790_000_000
    private static let roots: [TrustBundle.Certificate] = {
        (try? (0..<30).map { try authority("Root \($0)") }) ?? []
    }()

    private static func root(_ name: String, notAfter: Int64 = now + 60) throws -> String {
        try CertificateAuthority.root(
            .authority(name, notBefore: now - 600, notAfter: notAfter), key: CertificateKey(.p256)
        ).pem
    }

    private static func authority(_ name: String) throws -> TrustBundle.Certificate {
        let root = try root(name)
        return try #require(
            TrustBundle(
                Array((root + root).utf8), named: "test",
                rules: TrustStoreOptions(sources: []), at: now
            ).certificates.first)
    }

    @Test("S20 a bundle that drops more than half is refused, whatever it adds")
    func shrinking() {
        let roots = Self.roots
        let policy = RemoteSource.TrustPolicy()
        func refusal(_ before: Range<Int>, _ after: Range<Int>) -> String? {
            BundleChange(from: Array(roots[before]), to: Array(roots[after]))
                .refusal(of: before.count, digest: "d1", policy)
        }
        #expect(refusal(0..<4, 0..<2) == nil)
        #expect(refusal(0..<4, 2..<10) == nil)
        #expect(refusal(0..<0, 0..<1) == nil)
        #expect(refusal(0..<2, 0..<3) == nil)
        #expect(
            refusal(0..<4, 3..<20)
                == "it drops 3 of 4 certificates; if that is meant, set acceptedDigest: d1")
        #expect(refusal(0..<1, 1..<2) != nil)
        var accepting = policy
        accepting.acceptedDigest = "d1"
        let change = BundleChange(from: Array(roots[0..<4]), to: Array(roots[3..<4]))
        #expect(change.refusal(of: 4, digest: "d1", accepting) == nil)
        #expect(change.refusal(of: 4, digest: "d2", accepting) != nil)
    }

    @Test("the log has each certificate with its fingerprint, and no more than twenty")
    func lines() {
        let roots = Self.roots
        let change = BundleChange(from: Array(roots[0..<3]), to: Array(roots[1..<4]))
        func text(_ index: Int) -> String {
            let digest = Hex.lower(roots[index].fingerprint.bytes)
            return "CN=Root \(index) (sha256:\(String(decoding: digest, as: UTF8.self)))"
        }
        #expect(change.lines == ["added: \(text(3))", "removed: \(text(0))"])
        #expect(BundleChange(from: roots, to: roots.reversed()).lines.isEmpty)
        let many = BundleChange(from: Array(roots[25...]), to: Array(roots[..<25])).lines
        #expect(many.count == 21 && many[0] == "added: \(text(0))")
        #expect(many.last == "and 10 more: 25 added, 5 removed in all")
    }

    @Test("a bundle has an anchor that has not expired, by its store's rules")
    func anchors() throws {
        let valid = try Self.root("valid", notAfter: Self.now)
        let expired = try Self.root("expired", notAfter: Self.now - 1)
        func problem(_ text: String) -> String? {
            do throws(TLSConfigurationError) {
                let bundle = try TrustBundle(
                    Array(text.utf8), named: "s3://b/k", rules: TrustStoreOptions(sources: ["x"]),
                    at: Self.now)
                return bundle.certificates.isEmpty ? "empty" : nil
            } catch { return "\(error.subject): \(error.reason)" }
        }
        #expect(problem(valid + expired) == nil)
        #expect(problem(expired) == "s3://b/k: all anchors have expired")
        #expect(problem("") == "s3://b/k: contains no certificate")
    }
}
