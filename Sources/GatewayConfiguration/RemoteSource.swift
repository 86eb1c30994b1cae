public import Core
public import TLS

/// A file that is fetched, and kept as a mirror on disk: whoever reads it reads the mirror.
public struct RemoteSource: Sendable, Hashable {
    /// What it is for.
    public enum Use: Sendable, Hashable {
        /// Authorities of a trust store.
        case trust(TrustPolicy)
        /// Revocation lists of an issuer, among others that may be there too.
        case revocation(RevocationIssuerOptions)
    }

    /// What has to hold for a bundle of authorities that is fetched (security rule S20).
    public struct TrustPolicy: Sendable, Hashable {
        /// SHA-256 of a bundle that is taken though it drops most authorities, 64 digits.
        public var acceptedDigest: String?
        /// How long the bundle counts without the source saying that it is still the one.
        public var maxStale = Nanoseconds.zero
        /// Whether nobody is trusted by it after that.
        public var refusesWhenStale = true
        /// The rules that it has to be a trust store by.
        public var rules = TrustStoreOptions(sources: [])

        /// A policy by no rules but the usual ones.
        public init() {}
    }

    /// A thread looks after each.
    static let most = 64

    /// Whose it is: `trustStores.clients`.
    public var owner: String
    /// The address as it was written: there may be a secret in it.
    public var text: String
    /// The same for logs and metrics.
    public var shown: String { SourceAddress.shown(text) }
    /// The address.
    public var address: SourceAddress
    /// Path of the mirror.
    public var path: String
    /// What it is for.
    public var use: Use
    /// The key that names it.
    public var key: String
    /// Where the key's value stands.
    public var origin: Origin

    /// Whether it says whom to trust.
    public var isOfTrust: Bool { if case .trust = use { true } else { false } }

    /// Whether there is no use in going on without it.
    public var isRequired: Bool {
        if case .revocation(let issuer) = use { issuer.whenStale != .open } else { true }
    }
}

/// How sources are fetched.
public struct SourceSettings: Sendable, Hashable {
    /// Whose keys sign requests to S3.
    public enum Credentials: String, Sendable, CaseIterable {
        /// Those that the environment leads to.
        case environment
        /// Nobody's: requests are not signed.
        case anonymous
    }

    /// Folder of the mirrors; empty without any.
    public var stateDirectory = ""
    /// How long after one look at a source the next follows.
    public var pollInterval = Nanoseconds.zero
    /// How long a fetch may take.
    public var timeout = Nanoseconds.zero
    /// PEM file of the authorities that servers are verified by; nil for the system's.
    public var authorities: String?
    /// AWS region.
    public var region = ""
    /// Address of an S3-compatible service, without a path; nil for AWS.
    public var endpoint: String?
    /// Whose keys sign.
    public var credentials = Credentials.environment
    /// Variables of the environment, which may have credentials.
    public var environment: [String: String] = [:]

    /// Settings of nothing.
    public init() {}
}

extension GatewaySettings {
    /// The same text with the addresses of sources in place of their mirrors' paths.
    public func naming(_ text: String) -> String {
        remoteSources.reduce(text) { $0.replacing($1.path, with: $1.shown) }
    }
}
