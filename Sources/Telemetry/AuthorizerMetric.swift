/// Counters of each external authorizer: one table of name and help.
public enum AuthorizerMetric: Int, CaseIterable, Sendable {
    case allowed, refused, failed, cached, stale, questions, questionTime

    /// Whether it is a length of time: counted in microseconds, exposed in seconds.
    public var isTime: Bool { self == .questionTime }

    /// Name in the Prometheus exposition, where the label `authorizer` says of which.
    public var name: String {
        switch self {
        case .allowed: "postern_authorizer_allowed_total"
        case .refused: "postern_authorizer_refused_total"
        case .failed: "postern_authorizer_failed_total"
        case .cached: "postern_authorizer_cached_total"
        case .stale: "postern_authorizer_stale_total"
        case .questions: "postern_authorizer_questions_total"
        case .questionTime: "postern_authorizer_question_seconds_total"
        }
    }

    /// One line of help.
    public var help: String {
        switch self {
        case .allowed: "Requests that the external authorizer allowed."
        case .refused: "Requests that the external authorizer refused."
        case .failed: "Requests without an answer of the external authorizer, allowed or not."
        case .cached: "Decisions that were known."
        case .stale: "Decisions too old that stood in for an answer that did not come."
        case .questions: "Questions sent to the external authorizer's service."
        case .questionTime: "Time that questions took, added up."
        }
    }
}
