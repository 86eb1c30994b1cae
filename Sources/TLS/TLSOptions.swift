/// A version of the protocol that Postern speaks.
public enum TLSVersion: Int32, Sendable, Comparable {
    /// TLS 1.2 (RFC 5246).
    case tls12 = 0x0303
    /// TLS 1.3 (RFC 8446).
    case tls13 = 0x0304

    /// Whether `left` is older.
    public static func < (left: TLSVersion, right: TLSVersion) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Whether a virtual host asks its clients for a certificate.
public enum ClientCertificateMode: String, Sendable {
    /// No certificate or a bad one fails the handshake.
    case required
    /// Without a certificate the client is anonymous; a bad one fails the handshake.
    case optional
    /// No certificate is asked for.
    case off
}

/// A certificate chain and its private key, both PEM files.
public struct CertificateFiles: Sendable, Hashable {
    /// Path of the chain: the leaf first, then its intermediates.
    public var chain: String
    /// Path of the private key.
    public var key: String
    /// Path of a file whose first line opens an encrypted key; nil for a key that is not.
    public var passphraseFile: String?
    /// What has been read of these files already, by path; what is missing is read from disk.
    public var contents: [String: [UInt8]] = [:]

    /// The chain at `chain` with the key at `key`.
    public init(chain: String, key: String, passphraseFile: String? = nil) {
        self.chain = chain
        self.key = key
        self.passphraseFile = passphraseFile
    }
}

/// One virtual host: the names it answers to, its certificates, and what it asks of clients.
public struct VirtualHostOptions: Sendable {
    /// Name for messages and metrics.
    public var name: String
    /// Server names: exact, or `*.example.com` for one label. Case does not matter.
    public var serverNames: [String]
    /// Whether it answers when the client names no host or an unknown one.
    public var isDefault: Bool
    /// Its certificates, at most one for each kind of key.
    public var certificates: [CertificateFiles]
    /// Whether clients are asked for a certificate.
    public var clientCertificate: ClientCertificateMode
    /// Trust for client certificates; needed unless `clientCertificate` is `.off`.
    public var trust: TrustStoreOptions?
    /// Most anchors to name in CertificateRequest; with more of them none is named.
    public var authorityNameLimit = 20

    /// A virtual host as given.
    public init(
        name: String, serverNames: [String], isDefault: Bool = false,
        certificates: [CertificateFiles], clientCertificate: ClientCertificateMode,
        trust: TrustStoreOptions? = nil
    ) {
        self.name = name
        self.serverNames = serverNames
        self.isDefault = isDefault
        self.certificates = certificates
        self.clientCertificate = clientCertificate
        self.trust = trust
    }
}

/// How a listener speaks TLS.
public struct ServerTLSOptions: Sendable {
    /// The virtual hosts, in order of configuration.
    public var virtualHosts: [VirtualHostOptions]
    /// Oldest version that is accepted.
    public var minimumVersion = TLSVersion.tls12
    /// Newest version that is offered.
    public var maximumVersion = TLSVersion.tls13
    /// TLS 1.2 cipher suites, in OpenSSL's syntax, best first.
    public var cipherSuites12 = CipherDefaults.suites12
    /// TLS 1.3 cipher suites, in OpenSSL's syntax, best first.
    public var cipherSuites13 = CipherDefaults.suites13
    /// Key exchange groups, in OpenSSL's syntax, best first.
    public var groups = CipherDefaults.groups
    /// Most bytes in a client's certificate list.
    public var certificateListLimit = 16_384
    /// How validated chains are remembered.
    public var validationCache = ValidationCacheOptions()

    /// The default settings for `virtualHosts`.
    public init(virtualHosts: [VirtualHostOptions]) { self.virtualHosts = virtualHosts }
}

/// How connections to an upstream speak TLS.
public struct ClientTLSOptions: Sendable {
    /// Trust for the server's certificate. Nil accepts every server: tests and load only.
    public var trust: TrustStoreOptions?
    /// Name that the certificate must have; nil means the name given to the engine.
    public var verifiedName: String?
    /// Our own certificate, when the server asks for one.
    public var certificate: CertificateFiles?
    /// Protocols offered by ALPN, best first; none leaves the extension out.
    public var protocols = ["http/1.1"]
    /// Oldest version that is accepted.
    public var minimumVersion = TLSVersion.tls12
    /// Newest version that is offered.
    public var maximumVersion = TLSVersion.tls13
    /// TLS 1.2 cipher suites, in OpenSSL's syntax, best first.
    public var cipherSuites12 = CipherDefaults.suites12
    /// TLS 1.3 cipher suites, in OpenSSL's syntax, best first.
    public var cipherSuites13 = CipherDefaults.suites13
    /// Key exchange groups, in OpenSSL's syntax, best first.
    public var groups = CipherDefaults.groups
    /// Most bytes in the server's certificate list.
    public var certificateListLimit = 65_536
    /// Whether servers may give sessions that later connections resume.
    public var keepsSessions = false

    /// The default settings with the given trust and own certificate.
    public init(trust: TrustStoreOptions?, certificate: CertificateFiles? = nil) {
        self.trust = trust
        self.certificate = certificate
    }
}

/// What is offered unless configured otherwise: forward secrecy and AEAD only.
public enum CipherDefaults {
    /// TLS 1.2.
    public static let suites12 =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
        + "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
        + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    /// TLS 1.3.
    public static let suites13 =
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    /// Groups; P-384 stands last, but TLS 1.2 clients with such a certificate need it.
    public static let groups = "X25519:P-256:P-384"
}
