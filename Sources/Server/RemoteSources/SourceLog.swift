import Logging

/// Where is told what becomes of sources: the gateway's log, or what a command prints.
struct SourceLog: Sendable {
    let say: @Sendable (Logger.Level, String) -> Void

    /// To `logger`.
    init(_ logger: Logger) { say = { logger.log(level: $0, "\($1)") } }

    /// To `say`.
    init(_ say: @escaping @Sendable (Logger.Level, String) -> Void) { self.say = say }
}

extension Int64 {
    /// So many seconds, for people: `3 d`, `5 h`, `40 min`, `12 s`.
    var ageText: String {
        for (length, unit) in [(86_400, "d"), (3_600, "h"), (60, "min")] as [(Int64, String)]
        where self >= 2 * length {
            return "\(self / length) \(unit)"
        }
        return "\(self) s"
    }
}
