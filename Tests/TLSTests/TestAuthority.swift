import Crypto
import Foundation
import TLS

/// A directory of freshly minted certificates; removed with the value.
final class TestAuthority {
    let directory: String
    let root: CertificateAuthority
    let intermediate: CertificateAuthority
    let clientTrust: String
    let server: CertificateFiles
    let now = Int64(Date().timeIntervalSince1970)
    private var count = 0

    init() throws {
        directory = NSTemporaryDirectory() + "postern-tls-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        let (from, until) = (now - 86_400, now + 86_400)
        root = try .root(
            .authority("Root", notBefore: from, notAfter: until), key: CertificateKey(.p256))
        intermediate = try root.issue(
            .authority("Intermediate", notBefore: from, notAfter: until),
            key: CertificateKey(.p256))
        let leaf = try intermediate.issue(
            .server(["open.test", "safe.test", "127.0.0.1"], notBefore: from, notAfter: until),
            key: CertificateKey(.p256))
        clientTrust = directory + "/root.pem"
        server = CertificateFiles(
            chain: directory + "/server.pem", key: directory + "/server.key")
        try write(root.pem, to: clientTrust)
        try write(leaf.chainPEM, to: server.chain)
        try write(leaf.key.pem, to: server.key)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    /// Writes a file into the directory; returns its path.
    func file(_ text: String) throws -> String {
        count += 1
        let path = "\(directory)/\(count).pem"
        try write(text, to: path)
        return path
    }

    /// Files of `certificate`, presented with its issuers.
    func files(_ certificate: CertificateAuthority) throws -> CertificateFiles {
        CertificateFiles(
            chain: try file(certificate.chainPEM), key: try file(certificate.key.pem))
    }

    /// A client's request, valid today unless `days` says otherwise.
    func clientRequest(
        _ name: String = "client1", days: ClosedRange<Int64> = -1...1
    ) -> CertificateRequest {
        .client(
            [.init("CN", name)], notBefore: now + days.lowerBound * 86_400,
            notAfter: now + days.upperBound * 86_400)
    }

    /// Files of a good client below the intermediate.
    func client(_ request: CertificateRequest? = nil) throws -> CertificateFiles {
        try files(
            intermediate.issue(request ?? clientRequest(), key: CertificateKey(.p256)))
    }

    /// A further authority below `parent`.
    func authority(_ name: String, below parent: CertificateAuthority) throws
        -> CertificateAuthority
    {
        try parent.issue(
            .authority(name, notBefore: now - 86_400, notAfter: now + 86_400),
            key: CertificateKey(.p256))
    }

    /// A virtual host of that name and mode.
    func host(
        _ names: [String], _ mode: ClientCertificateMode, isDefault: Bool = false
    ) -> VirtualHostOptions {
        VirtualHostOptions(
            name: names.first ?? "default", serverNames: names, isDefault: isDefault,
            certificates: [server], clientCertificate: mode,
            trust: mode == .off ? nil : TrustStoreOptions(file: clientTrust))
    }

    /// `open.test` (off) and `safe.test` with its wildcard (required).
    func serverOptions(_ mode: ClientCertificateMode = .required) -> ServerTLSOptions {
        ServerTLSOptions(virtualHosts: [
            host(["open.test"], .off), host(["safe.test", "*.safe.test"], mode),
        ])
    }

    /// A client of that version with `certificate`, which does not verify the server.
    func clientOptions(
        _ version: TLSVersion, _ certificate: CertificateFiles? = nil
    ) -> ClientTLSOptions {
        var options = ClientTLSOptions(trust: nil, certificate: certificate)
        options.minimumVersion = version
        options.maximumVersion = version
        return options
    }
}
