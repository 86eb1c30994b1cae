import ArgumentParser
import Crypto
import Glibc

struct CertificatesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "certificates",
        abstract: "Make certificates for a demonstration or for tests; never for production.",
        subcommands: [Demo.self, Kinds.self, MakeAuthority.self, IssueCertificate.self])

    struct Demo: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A CA, its revocation list, a server for localhost, a client CN=client1.")

        @Option(help: "Folder that takes the files; made when it is missing.")
        var output: String

        func run() throws {
            let maker = try CertificateFolder(output)
            let root = try maker.root("Postern demo CA")
            try maker.write(root, named: "ca", withKey: false)
            try maker.writeRevocations(of: root)
            try maker.write(try maker.server(root), named: "server")
            try maker.write(try maker.client(root, [.init("CN", "client1")]), named: "client")
        }
    }

    struct Kinds: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "test", abstract: "Every kind of client certificate that tests need.")

        @Option(help: "Folder that takes the files; made when it is missing.")
        var output: String

        @Option(
            help: """
                Further clients, for load: files in `clients`, which share one key, and a line \
                `CHAIN KEY` for each in `clients.list`.
                """)
        var clients = 0

        func validate() throws {
            guard 0...100_000 ~= clients else {
                throw ValidationError("--clients: from 0 to 100000")
            }
        }

        func run() throws {
            let maker = try CertificateFolder(output)
            let issuer = try maker.writeEveryKind()
            if clients > 0 { try maker.writeClients(clients, below: issuer) }
        }
    }
}

/// Mints certificates into a folder: `NAME.pem` (leaf and intermediates) and `NAME.key`.
struct CertificateFolder {
    let path: String
    private let now: Int64
    private static let day: Int64 = 86_400

    init(_ path: String) throws {
        self.path = path
        now = Int64(time(nil))
        guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
            let reason = unsafe String(cString: strerror(errno))
            Terminal.error("error: \(path) cannot be made: \(reason)")
            throw ExitCode(1)
        }
    }

    private var start: Int64 { now - Self.day }
    private var end: Int64 { now + 365 * Self.day }

    func root(_ name: String) throws -> CertificateAuthority {
        try .root(
            .authority(name, notBefore: start, notAfter: end), key: CertificateKey(.p256))
    }

    func intermediate(
        _ name: String, _ issuer: CertificateAuthority
    ) throws -> CertificateAuthority {
        try issuer.issue(
            .authority(name, notBefore: start, notAfter: end), key: CertificateKey(.p256))
    }

    func server(_ issuer: CertificateAuthority) throws -> CertificateAuthority {
        try issuer.issue(
            .server(["localhost", "127.0.0.1", "::1"], notBefore: start, notAfter: end),
            key: CertificateKey(.p256))
    }

    func client(
        _ issuer: CertificateAuthority, _ subject: [CertificateRequest.Attribute],
        _ kind: CertificateKey.Kind = .p256, change: (inout CertificateRequest) -> Void = { _ in }
    ) throws -> CertificateAuthority {
        var request = CertificateRequest.client(subject, notBefore: start, notAfter: end)
        change(&request)
        return try issuer.issue(request, key: CertificateKey(kind))
    }

    func write(
        _ certificate: CertificateAuthority, named name: String, withKey: Bool = true
    ) throws {
        let text = try certificate.issuer == nil ? certificate.pem : certificate.chainPEM
        try OutputFile.write(text, to: "\(path)/\(name).pem", mode: 0o644)
        guard withKey else { return }
        try OutputFile.write(try certificate.key.pem, to: "\(path)/\(name).key", mode: 0o600)
    }

    /// Writes `count` clients that have names and serial numbers of their own, but one key: a
    /// gateway tells certificates apart, and keys take longer to make.
    func writeClients(_ count: Int, below issuer: CertificateAuthority) throws {
        let folder = try CertificateFolder("\(path)/clients")
        let key = try CertificateKey(.p256)
        try OutputFile.write(try key.pem, to: "\(path)/clients.key", mode: 0o600)
        var list = ""
        for number in 1...count {
            let request = CertificateRequest.client(
                [.init("CN", "client\(number)")], notBefore: start, notAfter: end)
            let client = try issuer.issue(request, key: key)
            try folder.write(client, named: "\(number)", withKey: false)
            list += "\(folder.path)/\(number).pem \(path)/clients.key\n"
        }
        try OutputFile.write(list, to: "\(path)/clients.list", mode: 0o644)
    }

    /// `ca.crl`, in which nothing is revoked, and `deny.txt`, which says how to refuse somebody.
    func writeRevocations(of root: CertificateAuthority) throws {
        let list = try root.revocationListPEM(
            RevocationListRequest([], number: 1, thisUpdate: now, nextUpdate: end))
        try OutputFile.write(list, to: "\(path)/ca.crl", mode: 0o644)
        let text = """
            # Certificates to refuse, one to a line, for example (without the #):
            # sha256:FINGERPRINT, as `openssl x509 -noout -fingerprint -sha256` prints it
            # spki-sha256:DIGEST, hexadecimal or base64, for every certificate of a key
            # issuer:"CN=Postern demo CA" serial:01AB
            # issuer-sha256:DIGEST serial:01AB, the digest of the issuer's name, DER

            """
        try OutputFile.write(text, to: "\(path)/deny.txt", mode: 0o644)
    }

    /// Returns the intermediate authority that some of them come from.
    @discardableResult
    func writeEveryKind() throws -> CertificateAuthority {
        let root = try root("Postern test CA")
        let middle = try intermediate("Postern test issuer", root)
        try write(root, named: "ca", withKey: false)
        try writeRevocations(of: root)
        try write(try server(root), named: "server")
        try write(try client(root, [.init("CN", "client1")]), named: "client")
        try write(try client(middle, [.init("CN", "client2")]), named: "intermediate")
        try write(
            try client(
                root,
                [
                    .init("C", "US"), .init("O", "Acme, Inc."), .init("OU", "Platform"),
                    .init("CN", "client \"three\""),
                ]), named: "escapes")
        let name = [CertificateRequest.Attribute("CN", "client1")]
        try write(
            try client(root, name) {
                $0.notBefore = now - 10 * Self.day
                $0.notAfter = now - Self.day
            }, named: "expired")
        try write(
            try client(root, name) { $0.notBefore = now + Self.day }, named: "not-yet-valid")
        try write(
            try client(root, name) { $0.extendedUsages = [.serverAuth] }, named: "wrong-usage")
        try write(try client(try self.root("Foreign CA"), name), named: "foreign")
        try write(
            try client(try self.root("Postern test CA"), name), named: "same-name-wrong-key")
        try write(
            try .root(
                .client(name, notBefore: start, notAfter: end), key: CertificateKey(.p256)),
            named: "self-signed")
        let deeper = try intermediate("Postern third", try intermediate("Postern second", middle))
        try write(try client(deeper, name), named: "too-deep")
        try write(try client(root, name, .rsa(bits: 2_048)), named: "rsa2048")
        try write(try client(root, name, .p384), named: "p384")
        try write(try client(root, name, .ed25519), named: "ed25519")
        try write(
            try client(root, [.init("CN", "client1"), .init("CN", "admin")]), named: "two-names")
        try write(
            try client(root, [.init("CN", "evil\r\nX-Admin: 1")]), named: "control-characters")
        try write(
            try client(root, [.init("CN", "good.example.com\0.evil.example")]), named: "nul")
        return middle
    }
}
