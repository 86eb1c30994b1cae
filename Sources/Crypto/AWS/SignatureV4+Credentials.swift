extension SignatureV4 {
    /// Who signs, and until when.
    ///
    /// No text of it, however it is printed, has a secret in it.
    public struct Credentials: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
        /// The access key's id.
        public var accessKey: String
        /// The secret access key.
        public var secretKey: String
        /// The session's token; nil for keys that do not expire.
        public var sessionToken: String?
        /// The second, since 1970, from which on nobody accepts them; nil when they do not say.
        public var expiry: Int64?

        /// The credentials with the given parts.
        public init(
            accessKey: String, secretKey: String, sessionToken: String? = nil,
            expiry: Int64? = nil
        ) {
            self.accessKey = accessKey
            self.secretKey = secretKey
            self.sessionToken = sessionToken
            self.expiry = expiry
        }

        /// Whether they may sign what is sent at `wallSeconds` (since 1970).
        public func isValid(at wallSeconds: Int64) -> Bool {
            expiry.map { wallSeconds < $0 } ?? true
        }

        /// The id of the access key, which is no secret: every request has it in plain text.
        public var description: String { "the access key \(accessKey)" }

        /// Nothing, so that `dump` shows nothing.
        public var customMirror: Mirror { Mirror(self, children: [:]) }

        /// Why requests cannot be signed by them; nil when they can. They stand in fields, so they
        /// are visible ASCII.
        var problem: String? {
            for (text, name, limit) in [
                (accessKey, "the access key's id", 128),
                (secretKey, "the secret access key", 1_024),
                (sessionToken ?? "-", "the session token", 16_384),
            ] {
                if text.isEmpty { return "\(name) is empty" }
                if text.utf8.count > limit { return "\(name) is longer than \(limit) bytes" }
                if !text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) {
                    return "\(name) has blanks, or other characters than visible ASCII"
                }
            }
            return accessKey.utf8.contains(where: { "/,".utf8.contains($0) })
                ? "the access key's id has a slash or a comma" : nil
        }
    }
}
