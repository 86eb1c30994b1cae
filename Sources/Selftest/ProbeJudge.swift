/// What became of one probe.
public enum Verdict: Equatable, Sendable {
    /// The backend saw the request, and nothing of the claim.
    case stripped
    /// The gateway refused: a status, or the connection's end.
    case refused(String)
    /// The marker arrived under a name that no backend takes for the header.
    case unrelated(String)
    /// Whether something got through cannot be told.
    case unclear(String)
    /// The backend saw the claim, or lost what the gateway says.
    case gotThrough(String)
}

/// What the backend gets of a request that claims nothing: the measure for all others.
public struct Baseline: Equatable, Sendable {
    /// Identity headers that the gateway sets, and their values, by lower-case name.
    public let identity: [String: String]

    /// Names in order.
    public var names: [String] { identity.keys.sorted() }
}

/// Decides from what the echo backend says whether a probe got through.
public struct ProbeJudge: Sendable {
    /// What the control request showed.
    public enum Control: Equatable, Sendable {
        /// The echo backend answered.
        case echoed(Baseline)
        /// The gateway wants no such client: a status, or why the connection ended.
        case refused(String)
        /// Something answered that is no echo backend, or nothing did.
        case noEcho(String)
    }

    private let run: String
    private let owned: Set<String>
    private let claimed: Set<String>

    /// A judge of the probes of `corpus`.
    public init(_ corpus: ProbeCorpus) {
        run = corpus.run
        owned = Set(corpus.names.map(AliasClass.of))
        let others = ProbeCorpus.forwardingNames + ["X-Forwarded-Client-Cert"]
        claimed = owned.union(others.map(AliasClass.of))
    }

    /// Reads the answer to the control request.
    public func control(_ conversation: Conversation) -> Control {
        guard let answer = conversation.answers.first else {
            switch conversation.end {
            case .closed(let reason), .noConnection(let reason): return .refused(reason)
            case .timeout: return .noEcho("no answer in time")
            case .answered: return .noEcho("no answer")
            }
        }
        if let echo = EchoedRequest(answer.body), echo.value(of: ProbeCorpus.controlName) == run {
            return .echoed(Baseline(identity: identity(in: echo)))
        }
        guard (400..<500).contains(answer.status) else {
            return .noEcho("status \(answer.status), and not from the echo backend")
        }
        return .refused("status \(answer.status)")
    }

    /// Whether the backend saw any request of this run in `conversation`.
    public func reachedBackend(_ conversation: Conversation) -> Bool {
        conversation.answers.contains { EchoedRequest($0.body) != nil }
    }

    /// Judges one probe. Without a `baseline` every identity header counts as claimed.
    public func judge(
        _ probe: Probe, _ conversation: Conversation, _ baseline: Baseline?
    ) -> Verdict {
        let answers = conversation.answers
        if answers.contains(where: { $0.status == 101 }) {
            return .gotThrough("the connection switched to another protocol")
        }
        let echoes = answers.compactMap { EchoedRequest($0.body) }
        for echo in echoes {
            if let finding = finding(probe, echo, baseline) { return .gotThrough(finding) }
        }
        if let refused = answers.first(where: { isRefusal($0.status) }) {
            return .refused("\(refused.status)")
        }
        for echo in echoes {
            for field in echo.fields + echo.trailers where field.value.contains(probe.marker) {
                return .unrelated("under \(field.name)")
            }
        }
        return verdict(probe, answers, echoes.count, conversation.end)
    }

    /// Where nothing was found: whether that means something.
    private func verdict(
        _ probe: Probe, _ answers: [Answer], _ echoes: Int, _ end: Conversation.End
    ) -> Verdict {
        if let other = answers.first(where: { EchoedRequest($0.body) == nil }) {
            return .unclear("status \(other.status), and not from the echo backend")
        }
        switch end {
        case .answered: return .stripped
        case .timeout: return .unclear("only \(echoes) of \(probe.requests) answers in time")
        case .noConnection(let reason): return .unclear(reason)
        case .closed(let reason): return echoes > 0 ? .stripped : .refused(reason)
        }
    }

    private func isRefusal(_ status: Int) -> Bool {
        (300..<500).contains(status) || status == 501 || status == 505
    }

    private func finding(
        _ probe: Probe, _ echo: EchoedRequest, _ baseline: Baseline?
    ) -> String? {
        if let refusal = echo.refusal {
            return "the backend was sent what is no HTTP: \(refusal)"
        }
        if let path = probe.path {
            return echo.path == path ? "the backend saw this path as it was sent" : nil
        }
        for (place, fields) in [("", echo.fields), (" in a trailer", echo.trailers)] {
            for field in fields where field.value.contains(probe.marker) {
                if claimed.contains(AliasClass.of(field.name)) {
                    return "the backend saw \(field.name): \(Self.clipped(field.value))\(place)"
                }
            }
        }
        return protocolFinding(echo) ?? identityFinding(echo, baseline)
    }

    /// Fields of the connection that were passed on.
    private func protocolFinding(_ echo: EchoedRequest) -> String? {
        if let run = echo.value(of: ProbeCorpus.controlName), run != self.run {
            return "the answer is another request's"
        }
        for name in ["upgrade", "http2-settings"] {
            if let value = echo.value(of: name) {
                return "the backend saw \(name): \(Self.clipped(value))"
            }
        }
        let nominated = (echo.value(of: "connection") ?? "").split(separator: ",")
        for option in nominated.map({ $0.filter { $0 != " " && $0 != "\t" } }) {
            let folded = AliasClass.of(option)
            let isFraming = ["host", "content-length", "transfer-encoding"].contains(folded)
            if isFraming || claimed.contains(folded) {
                return "Connection nominates \(option) to the backend, which may then drop it"
            }
        }
        return nil
    }

    /// What the gateway says of the client has to be what it always says.
    private func identityFinding(_ echo: EchoedRequest, _ baseline: Baseline?) -> String? {
        let seen = identity(in: echo)
        let expected = baseline?.identity ?? [:]
        for (name, value) in expected.sorted(by: { $0.key < $1.key }) {
            guard let now = seen[name] else { return "identity removed: \(name)" }
            if now != value { return "identity changed: \(name): \(Self.clipped(now))" }
        }
        guard let added = seen.keys.sorted().first(where: { expected[$0] == nil }) else {
            return nil
        }
        return "identity added: \(added): \(Self.clipped(seen[added] ?? ""))"
    }

    private func identity(in echo: EchoedRequest) -> [String: String] {
        var identity: [String: String] = [:]
        for field in echo.fields where owned.contains(AliasClass.of(field.name)) {
            identity[field.name] = field.value
        }
        return identity
    }

    private static func clipped(_ text: String) -> String {
        text.count > 80 ? text.prefix(77) + "..." : text
    }
}
