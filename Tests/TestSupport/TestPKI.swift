import Core
public import Crypto
import Foundation
public import TLS

/// A trust store, a server and clients, minted for tests and written to a folder of their own.
public final class TestPKI {
    /// Where the files are.
    public let folder: String
    private let root: CertificateAuthority
    /// Seconds since 1970 when the certificates were made.
    public static let now = Int64(Date().timeIntervalSince1970)

    /// A CA, and a server for `localhost`.
    public init() throws {
        folder = NSTemporaryDirectory() + "postern-pki-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        root = try .root(
            .authority("CA", notBefore: Self.now - 86_400, notAfter: Self.now + 86_400),
            key: CertificateKey(.p256))
        try write(root.pem, "ca.pem")
        let server = try root.issue(
            .server(["localhost"], notBefore: Self.now - 86_400, notAfter: Self.now + 86_400),
            key: CertificateKey(.p256))
        try write(server.chainPEM, "server.pem")
        try write(server.key.pem, "server.key")
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ text: String, _ name: String) throws {
        try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
    }

    /// The time by which its certificates are valid, seconds since 1970.
    public var wallSeconds: Int64 { Self.now }

    /// Path of a deny list with the authority in it, and so with everybody.
    public func denyListOfEverybody() throws -> String {
        let digest = SHA256.hash(root.der).map { String(format: "%02x", $0) }.joined()
        try write("sha256:\(digest)\n", "deny.txt")
        return folder + "/deny.txt"
    }

    /// SHA-256 of the certificate of the client that was made last, DER.
    public func digestOfClient() throws -> [UInt8] {
        let text = try String(contentsOfFile: folder + "/client.pem", encoding: .utf8)
        let body = text.split(separator: "-----")[1].split(separator: "\n").joined()
        return SHA256.hash(Array(Data(base64Encoded: body) ?? Data()))
    }

    /// A context that requires a client certificate, or lets it be absent.
    public func serverContext(
        _ mode: ClientCertificateMode = .required
    ) throws -> ServerTLSContext {
        let host = VirtualHostOptions(
            name: "main", serverNames: ["localhost"], isDefault: true,
            certificates: [
                CertificateFiles(chain: folder + "/server.pem", key: folder + "/server.key")
            ], clientCertificate: mode, trust: TrustStoreOptions(file: folder + "/ca.pem"))
        return try ServerTLSContext(ServerTLSOptions(virtualHosts: [host]))
    }

    /// A context whose certificate has `subject`; anonymous when it is nil.
    public func clientContext(
        _ subject: [CertificateRequest.Attribute]?
    ) throws -> ClientTLSContext {
        var files: CertificateFiles?
        if let subject {
            let client = try root.issue(
                .client(subject, notBefore: Self.now - 86_400, notAfter: Self.now + 86_400),
                key: CertificateKey(.p256))
            try write(client.chainPEM, "client.pem")
            try write(client.key.pem, "client.key")
            files = CertificateFiles(
                chain: folder + "/client.pem", key: folder + "/client.key")
        }
        return try ClientTLSContext(
            ClientTLSOptions(
                trust: TrustStoreOptions(file: folder + "/ca.pem"), certificate: files))
    }

    /// The peer that a server verifies when a client with `subject` connects; nil if refused.
    public func verifiedPeer(
        _ subject: [CertificateRequest.Attribute]
    ) throws -> VerifiedPeer? {
        let (server, client) = (try serverContext(), try clientContext(subject))
        var serverEngine = TLSEngine(server: server)
        var clientEngine = TLSEngine(client: client, serverName: "localhost")
        let pool = BufferPool(chunkSize: 65_536, limit: 2)
        guard var toServer = pool.take(), var toClient = pool.take() else { return nil }
        for _ in 0..<10 {
            var input = TLSInput(toClient.filled)
            _ = clientEngine.handshake(&input, &toServer)
            toClient.removeFirst(input.consumed)
            input = TLSInput(toServer.filled)
            let result = serverEngine.handshake(&input, &toClient)
            toServer.removeFirst(input.consumed)
            if case .complete = result { return serverEngine.peer }
        }
        return nil
    }
}
