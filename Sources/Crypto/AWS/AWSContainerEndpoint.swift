internal import Core

/// Where a container's own credentials are asked for, in ECS and EKS.
///
/// Its texts have neither the path nor the token, by which anybody could ask.
public struct AWSContainerEndpoint: Equatable, Sendable, CustomStringConvertible,
    CustomReflectable
{
    /// Where to ask.
    public let url: String
    /// What to ask with, as the variable says it; nil for nothing.
    public let token: String?
    /// The file that has what to ask with, which changes; it counts before `token`.
    public let tokenFile: String?

    /// Hosts of the platform that answer without TLS: on one's own machine, or no further than the
    /// agent beside it.
    private static let agents = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]

    /// The endpoint that `environment` names; nil without one.
    ///
    /// - Throws: for one that is asked without TLS over a network, as AWS's SDKs do, and for what
    ///   is no URL.
    public init?(environment: [String: String]) throws(AWSCredentialProblem) {
        let relative = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] ?? ""
        let full = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] ?? ""
        if !relative.isEmpty {
            guard relative.hasPrefix("/"), Self.isVisible(relative) else {
                throw AWSCredentialProblem(
                    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path, which begins with '/'")
            }
            url = "http://169.254.170.2" + relative
        } else if !full.isEmpty {
            guard Self.isVisible(full), Self.isSafe(full) else {
                throw AWSCredentialProblem(
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https:// nor http:// with a "
                        + "loopback address, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]")
            }
            url = full
        } else {
            return nil
        }
        token = Self.text(environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
        tokenFile = Self.text(environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
    }

    /// Scheme and host.
    public var description: String {
        url.prefix { !"?#".contains($0) }
            .split(separator: "/", omittingEmptySubsequences: false).prefix(3)
            .joined(separator: "/")
    }

    /// Nothing, so that `dump` shows nothing.
    public var customMirror: Mirror { Mirror(self, children: [:]) }

    /// The question, with the `token` that the file has, or the variable.
    public func question(token: String?) throws(AWSCredentialProblem) -> AWSCredentialQuestion {
        var question = AWSCredentialQuestion(url)
        if let token {
            guard !token.isEmpty, token.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
                throw AWSCredentialProblem(
                    "the authorization token for the container's credentials is empty, or has "
                        + "other characters than visible ASCII")
            }
            question.fields = [.init("Authorization", token)]
        }
        return question
    }

    /// What the answer says.
    public static func credentials(
        status: Int, _ answer: AWSCredentialAnswer?, at wallSeconds: Int64
    ) throws(AWSCredentialProblem) -> SignatureV4.Credentials {
        guard status == 200 else {
            throw AWSCredentialProblem("the container's credentials: status \(status)")
        }
        return try AWSCredentialAnswer.credentials(
            answer, from: "the container's credentials", at: wallSeconds)
    }

    private static func text(_ value: String?) -> String? {
        value.flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func isVisible(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    private static func isSafe(_ url: String) -> Bool {
        // One reading of who the host is: ours, libcurl's and a person's.
        guard !url.utf8.contains(where: { "@\\".utf8.contains($0) }) else { return false }
        if url.hasPrefix("https://") { return url.utf8.count > 8 }
        guard url.hasPrefix("http://") else { return false }
        let authority = url.dropFirst(7).prefix { !"/?#".contains($0) }
        let host: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return false }
            host = authority[...end]
        } else {
            host = authority.prefix { $0 != ":" }
        }
        let port = authority.dropFirst(host.count)
        guard port.isEmpty || port.first == ":" && UInt16(port.dropFirst()) != nil else {
            return false
        }
        return agents.contains(String(host)) || host == "localhost" || host == "[::1]"
            || isLoopback(host)
    }

    /// Whether it is an address of 127.0.0.0/8, spelt in full.
    private static func isLoopback(_ host: Substring) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                UInt8(part).map { "\($0)" == part } ?? false
            }
    }
}
