/// The headers of another product, in its exact form.
///
/// A preset is one file in `Presets/` and one line in `all`.
public struct IdentityPreset: Sendable {
    /// Name in the configuration.
    public let name: String
    /// Whose headers they are, one sentence.
    public let summary: String
    /// The headers, in the order in which they are sent.
    public let headers: [IdentityHeader]

    /// Every preset there is.
    public static let all: [IdentityPreset] = [
        .awsSample, .awsSampleBase64, .awsSampleASCII, .awsALB, .awsALBPassthrough, .awsCloudFront,
        .rfc9440, .rfc9440WithRoot, .xfcc, .xfccShort, .nginx, .ingressNginx, .haproxy, .traefik,
        .traefikChain, .caddy, .gcp, .azure,
    ]

    /// Names of all presets, in order.
    public static var names: [String] { all.map(\.name) }

    /// A preset of `members`.
    init(
        _ name: String, _ summary: String,
        _ members: [Member]
    ) {
        self.name = name
        self.summary = summary
        headers = members.map { member in
            IdentityHeader(
                preset: name, name: member.name, anonymous: member.anonymous,
                render: member.value)
        }
    }

    /// One header of a preset: its name, what makes its value, and the value that says that a
    /// client has shown no certificate, where the product says so.
    struct Member {
        let name: String
        let anonymous: String?
        let value: @Sendable (IdentityInput) throws(IdentityError) -> [UInt8]?

        init(
            _ name: String, anonymous: String? = nil,
            _ value: @escaping @Sendable (IdentityInput) throws(IdentityError) -> [UInt8]?
        ) {
            self.name = name
            self.anonymous = anonymous
            self.value = value
        }
    }

    /// The preset called `name`.
    public static func named(_ name: String) throws(IdentityError) -> IdentityPreset {
        guard let found = all.first(where: { $0.name == name }) else { throw .unknownPreset(name) }
        return found
    }
}
