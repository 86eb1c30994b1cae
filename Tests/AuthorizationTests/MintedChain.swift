import Crypto
import Foundation
import TLS
import Testing

/// Chains that are really validated, of certificates made for a test: root, intermediate, leaf.
final class MintedChain {
    static let now = Int64(Date().timeIntervalSince1970)
    private static let day: Int64 = 86_400

    let root: CertificateAuthority
    let intermediate: CertificateAuthority
    private let folder = NSTemporaryDirectory() + "postern-rules-\(UUID().uuidString)"

    init() throws {
        let (from, until) = (Self.now - 400 * Self.day, Self.now + Self.day)
        root = try .root(
            .authority("Root CA", notBefore: from, notAfter: until), key: CertificateKey(.p256))
        intermediate = try root.issue(
            .authority("Issuing CA", notBefore: from, notAfter: until), key: CertificateKey(.p256)
        )
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        try root.pem.write(toFile: folder + "/root.pem", atomically: true, encoding: .utf8)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var rootFile: String { folder + "/root.pem" }

    /// The validated chain of a client with `subject`, one day old unless `change` says otherwise.
    func chain(
        _ subject: [CertificateRequest.Attribute] = [.init("CN", "client1")],
        key: CertificateKey.Kind = .p256, _ change: (inout CertificateRequest) -> Void = { _ in }
    ) throws -> ValidatedChain {
        var request = CertificateRequest.client(
            subject, notBefore: Self.now - Self.day, notAfter: Self.now + Self.day / 2)
        request.serialNumber = [0x01, 0xAB]
        change(&request)
        let leaf = try intermediate.issue(request, key: CertificateKey(key))
        let file = folder + "/\(UUID().uuidString).pem"
        try leaf.chainPEM.write(toFile: file, atomically: true, encoding: .utf8)
        let host = VirtualHostOptions(
            name: "main", serverNames: ["localhost"], isDefault: true, certificates: [],
            clientCertificate: .required, trust: TrustStoreOptions(file: rootFile))
        let explained = try ChainExplanation(
            certificates: file, host: 0, of: ServerTLSOptions(virtualHosts: [host]),
            revocation: try RevocationSet.load(
                RevocationOptions(), generation: 1, now: Self.now, previous: nil),
            at: Self.now)
        switch explained.verdict {
        case .valid(let chain): return chain
        case .refused(let error):
            Issue.record("not a valid chain: \(error)")
            throw error
        }
    }
}
