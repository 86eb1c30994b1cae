/// Which function of AWS Lambda is invoked: a name, an ARN or a part of one, and a version or an
/// alias (Lambda API, `Invoke`, `FunctionName` and `Qualifier`).
public struct LambdaFunctionName: Equatable, Sendable {
    /// What is wrong with a text that is none.
    public struct Mistake: Error, Equatable, Sendable {
        /// What is wrong, and what is allowed.
        public let message: String
        /// Whether the qualifier is at fault, which may stand in a key of its own.
        public let isOfQualifier: Bool
    }

    /// The name or ARN, without a qualifier.
    public let identifier: String
    /// The version or alias; nil for the newest version.
    public let qualifier: String?
    /// The region that an ARN names; nil when it is none.
    public let region: String?

    /// The function that `text` names, at `qualifier`, unless `text` says that itself.
    public init(_ text: String, qualifier: String? = nil) throws(Mistake) {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        var prefix: [String] = []
        var region: String?
        if parts.first == "arn" {
            guard parts.count == 7 || parts.count == 8,
                parts[1] == "aws" || parts[1].hasPrefix("aws-"),
                Self.isWord(parts[1]), parts[2] == "lambda", Self.isRegion(parts[3]),
                Self.isAccount(parts[4]), parts[5] == "function"
            else { throw Self.mistake(text) }
            region = parts[3]
            prefix = Array(parts[..<6])
        } else if parts.count > 2 {
            guard parts.count <= 4, Self.isAccount(parts[0]), parts[1] == "function" else {
                throw Self.mistake(text)
            }
            prefix = Array(parts[..<2])
        }
        parts.removeFirst(prefix.count)
        guard let name = parts.first, parts.count <= 2, Self.isWord(name), name.utf8.count <= 64
        else { throw Self.mistake(text) }
        identifier = (prefix + [name]).joined(separator: ":")
        self.region = region
        let own = parts.count == 2 ? parts[1] : nil
        if let own, let qualifier, own != qualifier {
            throw Mistake(
                message: "'\(qualifier)' contradicts the function's own, '\(own)'",
                isOfQualifier: true)
        }
        self.qualifier = own ?? qualifier
        if let wrong = self.qualifier, !Self.isQualifier(wrong) {
            throw Mistake(
                message: "'\(wrong)' is no version, no alias and not $LATEST",
                isOfQualifier: own == nil)
        }
    }

    private static func mistake(_ text: String) -> Mistake {
        Mistake(
            message: "'\(text)' is no function: a name, ACCOUNT:function:NAME or "
                + "arn:aws:lambda:REGION:ACCOUNT:function:NAME is allowed, each with :QUALIFIER",
            isOfQualifier: false)
    }

    /// Whether `text` is spelt as regions are, such as `eu-central-1`.
    public static func isRegion(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "-")
            }
    }

    private static func isAccount(_ text: String) -> Bool {
        text.utf8.count == 12
            && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func isWord(_ text: String) -> Bool {
        !text.isEmpty
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) }
    }

    private static func isQualifier(_ text: String) -> Bool {
        text == "$LATEST" || isWord(text) && text.utf8.count <= 128
    }
}
