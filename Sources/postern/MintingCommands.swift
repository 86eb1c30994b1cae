import ArgumentParser
import Crypto
import Glibc

/// What both commands ask: who it is for, with which key, for how long, and where it goes.
struct MintingOptions: ParsableArguments {
    enum Key: String, ExpressibleByArgument, CaseIterable {
        case p256, p384, rsa2048, ed25519

        var kind: CertificateKey.Kind {
            switch self {
            case .p256: .p256
            case .p384: .p384
            case .rsa2048: .rsa(bits: 2_048)
            case .ed25519: .ed25519
            }
        }
    }

    @Option(
        help: "Subject in the certificate's order, such as \"CN=x,O=y\"; '\\' escapes, '+' joins.")
    var subject: String

    @Option(help: "Kind of the new key.")
    var key = Key.p256

    @Option(help: "Days of validity, 1 to 36500, from five minutes ago on.")
    var days = 365

    @Option(
        name: [.customLong("out"), .customLong("output")],
        help: "Folder that takes NAME.pem and NAME.key; made when it is missing.")
    var folder: String

    func validate() throws {
        _ = try attributes()
        guard (1...36_500).contains(days) else {
            throw ValidationError("--days: \(days) is not a number from 1 to 36500")
        }
    }

    private func attributes() throws -> [CertificateRequest.Attribute] {
        do throws(CertificateError) {
            return try CertificateRequest.attributes(in: subject)
        } catch {
            throw ValidationError("--subject: \(error)")
        }
    }

    /// A request with the options' subject and validity.
    func request() throws -> CertificateRequest {
        let now = Int64(time(nil))
        return CertificateRequest(
            subject: try attributes(), notBefore: now - 300, notAfter: now + Int64(days) * 86_400)
    }

    /// Writes the certificate, with the intermediates above it, and its key. A key is never
    /// overwritten: with a CA's everything that it has issued would be lost.
    func write(_ certificate: CertificateAuthority, named name: String) throws {
        _ = try CertificateFolder(folder)
        let keyPath = "\(folder)/\(name).key"
        guard unsafe access(keyPath, F_OK) != 0 else {
            Terminal.error("error: \(keyPath) exists; choose another --name or --out")
            throw ExitCode(1)
        }
        try OutputFile.write(try certificate.key.pem, to: keyPath, mode: 0o600)
        try OutputFile.write(
            try certificate.chainPEM, to: "\(folder)/\(name).pem", mode: 0o644)
        Terminal.print("\(folder)/\(name).pem")
    }

    static func validate(name: String) throws {
        guard !name.isEmpty, !name.contains("/"), !name.hasPrefix(".") else {
            throw ValidationError("--name: '\(name)' is no file name")
        }
    }

    /// Runs `body`; what OpenSSL refuses is said in one line.
    static func reporting(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as CertificateError {
            Terminal.error("error: \(error)")
            throw ExitCode(1)
        }
    }
}

/// Reads an authority from its two files.
enum AuthorityFiles {
    static func read(certificate: String, key: String) throws -> CertificateAuthority {
        let (pem, keyPEM) = (try text(certificate), try text(key))
        do throws(CertificateError) {
            return try CertificateAuthority(pem: pem, keyPEM: keyPEM)
        } catch {
            Terminal.error("error: \(certificate), \(key): \(error)")
            throw ExitCode(1)
        }
    }

    private static func text(_ path: String) throws -> String {
        guard let file = unsafe fopen(path, "r") else {
            let reason = unsafe String(cString: strerror(errno))
            Terminal.error("error: \(path) cannot be read: \(reason)")
            throw ExitCode(1)
        }
        defer { unsafe fclose(file) }
        // Certificates and keys are far smaller; what is not, is neither.
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}

struct MakeAuthority: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca",
        abstract: "A certificate authority: a root, or with --ca an intermediate below one.")

    @OptionGroup var options: MintingOptions

    @Option(help: "Most intermediates below it; any number when not given.")
    var pathLength: Int?

    @Option(help: "PEM file of the authority that issues it; it issues itself when not given.")
    var ca: String?

    @Option(help: "PEM file of that authority's key.")
    var caKey: String?

    @Option(help: "Name of the files.")
    var name = "ca"

    func validate() throws {
        try MintingOptions.validate(name: name)
        guard (ca == nil) == (caKey == nil) else {
            throw ValidationError("--ca and --ca-key belong together")
        }
        guard (0...100).contains(pathLength ?? 0) else {
            throw ValidationError("--path-length: not a number from 0 to 100")
        }
    }

    func run() throws {
        try MintingOptions.reporting {
            var request = try options.request()
            request.constraint = .authority(pathLength: pathLength)
            let key = try CertificateKey(options.key.kind)
            guard let ca, let caKey else {
                try options.write(try .root(request, key: key), named: name)
                return
            }
            let issuer = try AuthorityFiles.read(certificate: ca, key: caKey)
            try options.write(try issuer.issue(request, key: key), named: name)
        }
    }
}

struct IssueCertificate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "issue", abstract: "A certificate for a client or a server, from a CA's files."
    )

    enum Usage: String, ExpressibleByArgument, CaseIterable {
        case client, server, both

        var usages: [CertificateRequest.ExtendedUsage] {
            switch self {
            case .client: [.clientAuth]
            case .server: [.serverAuth]
            case .both: [.serverAuth, .clientAuth]
            }
        }
    }

    @OptionGroup var options: MintingOptions

    @Option(help: "PEM file of the CA, before the intermediates above it if it is one itself.")
    var ca: String

    @Option(help: "PEM file of the CA's key.")
    var caKey: String

    @Option(help: "Another name: dns:NAME, ip:ADDRESS, uri:URI or email:ADDRESS; may be repeated.")
    var san: [String] = []

    @Option(help: "Which side of TLS it is for.")
    var usage = Usage.client

    @Option(help: "Name of the files; that of the usage when not given.")
    var name: String?

    func validate() throws {
        try MintingOptions.validate(name: name ?? usage.rawValue)
        _ = try alternativeNames()
    }

    private func alternativeNames() throws -> [CertificateRequest.AlternativeName] {
        do throws(CertificateError) {
            var names: [CertificateRequest.AlternativeName] = []
            for text in san { names.append(try .init(text)) }
            return names
        } catch {
            throw ValidationError("--san: \(error)")
        }
    }

    func run() throws {
        try MintingOptions.reporting {
            var request = try options.request()
            request.alternativeNames = try alternativeNames()
            request.extendedUsages = usage.usages
            let issuer = try AuthorityFiles.read(certificate: ca, key: caKey)
            let key = try CertificateKey(options.key.kind)
            try options.write(
                try issuer.issue(request, key: key), named: name ?? usage.rawValue)
        }
    }
}
