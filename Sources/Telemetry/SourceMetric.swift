/// What is known of each source that is fetched: one table of name and help.
public enum SourceMetric: Int, CaseIterable, Sendable {
    case lastSuccess, age, stale, failures, updates

    /// Whether it can go down.
    public var isGauge: Bool {
        switch self {
        case .lastSuccess, .age, .stale: true
        case .failures, .updates: false
        }
    }

    /// Name in the Prometheus exposition, where the labels `owner` and `source` say of which.
    public var name: String {
        switch self {
        case .lastSuccess: "postern_source_last_success_timestamp_seconds"
        case .age: "postern_source_age_seconds"
        case .stale: "postern_source_stale"
        case .failures: "postern_source_failures_total"
        case .updates: "postern_source_updates_total"
        }
    }

    /// One line of help.
    public var help: String {
        switch self {
        case .lastSuccess: "When the source last said what counts, Unix time; 0 for never."
        case .age: "Time since then."
        case .stale: "0 while that is no concern, 1 after half of maxStale, 2 after all of it."
        case .failures: "Fetches that failed, or whose result was refused."
        case .updates: "Fetches that brought something new, which was taken."
        }
    }
}

/// What is known of one source now.
public struct SourceReading: Sendable {
    /// Whose it is.
    public let owner: String
    /// Its address.
    public let source: String
    private let values: [UInt64]

    /// A reading with the value of each metric.
    public init(owner: String, source: String, _ value: (SourceMetric) -> UInt64) {
        self.owner = owner
        self.source = source
        values = SourceMetric.allCases.map(value)
    }

    /// The value of `metric`.
    public subscript(metric: SourceMetric) -> UInt64 { values[metric.rawValue] }
}
