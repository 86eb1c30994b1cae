public import Core

/// What an external authorizer has decided on a request. Immutable: who asks the same shares it.
public struct ExternalDecision: Sendable {
    /// What becomes of the request.
    public enum Verdict: Sendable {
        /// It may pass, with these complete lines.
        case allow(lines: [UInt8])
        /// It may not: the client gets the authorizer's answer.
        case refuse(AuthorizerReply)
        /// There is no answer, so that it may not. Why, for the log, and what the client gets; 503
        /// when that is nil.
        case fail(StaticString, AuthorizerReply? = nil)
    }

    /// Where a decision comes from.
    public enum Source: Sendable {
        /// The request by itself: it lacks what the service knows clients by.
        case unasked
        /// It was known.
        case cache
        /// The service was asked.
        case asked
        /// It was known, is too old, and stands in for an answer that did not come (S29).
        case stale
        /// There was no answer.
        case failed

        /// Name in log lines.
        public var symbol: StaticString {
            switch self {
            case .unasked: "unasked"
            case .cache: "cache"
            case .asked: "asked"
            case .stale: "stale"
            case .failed: "failed"
            }
        }
    }

    /// What becomes of the request.
    public let verdict: Verdict
    /// Where it comes from.
    public let source: Source
    /// Until when it holds for the very same request.
    public let until: Instant
    /// Whether a failure is what the service has answered: nothing lets such a request pass.
    let isAnswered: Bool

    init(_ verdict: Verdict, from source: Source, until: Instant, isAnswered: Bool = false) {
        self.verdict = verdict
        self.source = source
        self.until = until
        self.isAnswered = isAnswered
    }
}
