/// Whose rules a trust store keeps to.
public enum TrustStoreMode: String, Sendable, CaseIterable {
    /// Those of its options, and no others.
    case standard
    /// Beside them those that AWS API Gateway has for mutual TLS: RSA and ECDSA keys only, digests
    /// of SHA-256 or better, every authority of a chain in the store (those that a client sends do
    /// not count), and one issuer for each subject of the store.
    case apiGateway = "aws-apigw"

    /// Most certificates in a chain.
    public static let apiGatewayChainLength = 4
    /// Fewest bits of an RSA key.
    public static let apiGatewayRSABits = 2_048
    /// Fewest bits of an elliptic curve's order.
    public static let apiGatewayECBits = 256
    /// Strength of a signature's digest, in bits: half the length of SHA-256.
    static let apiGatewayDigestBits: Int32 = 128
}
