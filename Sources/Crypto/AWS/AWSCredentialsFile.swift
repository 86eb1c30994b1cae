/// A profile of a shared credentials file, `~/.aws/credentials`: sections of `key = value`.
public struct AWSCredentialsFile: Equatable, Sendable, CustomStringConvertible {
    /// More bytes than this are no such file.
    public static let sizeLimit = 1 << 20

    /// Where the file is.
    public let path: String
    /// The section's name.
    public let profile: String
    /// Whether the environment names the file: then it has to be there.
    public let isNamed: Bool
    /// Whether the environment names the profile: then it has to be there.
    private let isProfileNamed: Bool

    /// The file and profile that `environment` names, or those that are usual; nil without a home.
    public init?(environment: [String: String]) {
        let named = environment["AWS_SHARED_CREDENTIALS_FILE"] ?? ""
        let home = environment["HOME"] ?? ""
        isNamed = !named.isEmpty
        if !named.isEmpty {
            path = named.hasPrefix("~/") ? home + named.dropFirst() : named
        } else {
            guard !home.isEmpty else { return nil }
            path = home + "/.aws/credentials"
        }
        let profile = environment["AWS_PROFILE"] ?? ""
        isProfileNamed = !profile.isEmpty
        self.profile = profile.isEmpty ? "default" : profile
    }

    /// Whether the environment names the file or the profile.
    var isChosen: Bool { isNamed || isProfileNamed }

    /// Which profile of which file.
    public var description: String { "the profile '\(profile)' of \(path)" }

    private static let own = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]

    /// Keys by which a profile says that credentials come from elsewhere, which is not read here.
    /// Another source instead of that one would be somebody else.
    private static let elsewhere = [
        "role_arn", "credential_process", "credential_source", "source_profile", "sso_session",
        "sso_start_url", "web_identity_token_file",
    ]

    /// The profile's credentials in `text`, what the file holds; nil when the profile is not there,
    /// or says nothing of any.
    ///
    /// - Throws: the first mistake by its line, and a profile that is there by half, or was named
    ///   and is not there. No text of the file is quoted: any may be a secret.
    public func credentials(
        in text: [UInt8]
    ) throws(AWSCredentialProblem) -> SignatureV4.Credentials? {
        guard let values = try values(in: text) else {
            guard isProfileNamed else { return nil }
            throw AWSCredentialProblem("\(path): there is no profile '\(profile)' (AWS_PROFILE)")
        }
        let accessKey = values["aws_access_key_id"]
        let secretKey = values["aws_secret_access_key"]
        guard let accessKey, let secretKey else {
            if accessKey != nil || secretKey != nil {
                let missing = accessKey == nil ? "aws_access_key_id" : "aws_secret_access_key"
                throw problem("has no \(missing)")
            }
            if let key = Self.elsewhere.first(where: { values[$0] != nil }) {
                throw problem("has \(key), which is not supported: give it an access key")
            }
            guard isProfileNamed else { return nil }
            throw problem("has no aws_access_key_id")
        }
        let credentials = SignatureV4.Credentials(
            accessKey: accessKey, secretKey: secretKey,
            sessionToken: values["aws_session_token"].flatMap { $0.isEmpty ? nil : $0 })
        if let reason = credentials.problem { throw problem("cannot be used: \(reason)") }
        return credentials
    }

    private func problem(_ reason: String) -> AWSCredentialProblem {
        AWSCredentialProblem("\(path): the profile '\(profile)' \(reason)")
    }

    /// The keys of the profile, in lower case, with their values; nil when it is not there.
    private func values(in text: [UInt8]) throws(AWSCredentialProblem) -> [String: String]? {
        guard let text = String(validating: text, as: UTF8.self) else {
            throw AWSCredentialProblem("\(path): not UTF-8")
        }
        var values: [String: String]?
        var section: Substring?
        // The key that a line which is further indented belongs to: `s3 =` has such lines.
        var last: (key: String, indentation: Int)?
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        for (index, line) in lines.enumerated() {
            func mistake(_ reason: String) -> AWSCredentialProblem {
                AWSCredentialProblem("\(path):\(index + 1): \(reason)")
            }
            let content = Self.trimmed(line)
            guard let first = content.first, first != "#", first != ";" else { continue }
            let indentation = line.distance(from: line.startIndex, to: content.startIndex)
            if let last, indentation > last.indentation {
                guard section != profile[...] || !Self.own.contains(last.key) else {
                    throw mistake("this line is indented, and goes on with \(last.key)")
                }
                continue
            }
            if first == "[" {
                guard let end = content.firstIndex(of: "]") else {
                    throw mistake("a profile's name begins with '[' and has no ']'")
                }
                section = Self.trimmed(content[content.index(after: content.startIndex)..<end])
                last = nil
                if section == profile[...] { values = values ?? [:] }
                continue
            }
            guard let equals = content.firstIndex(of: "=") else {
                throw mistake("'key = value' or '[profile]' is expected")
            }
            guard let section else { throw mistake("a key stands above the first '[profile]'") }
            let key = Self.trimmed(content[..<equals]).lowercased()
            last = (key, indentation)
            guard section == profile[...] else { continue }
            guard values?[key] == nil else {
                throw mistake("a key of the profile stands here twice")
            }
            values?[key] = String(Self.trimmed(content[content.index(after: equals)...]))
        }
        return values
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
