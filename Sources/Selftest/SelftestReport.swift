internal import Authorization

/// What a whole run found.
public struct SelftestReport: Sendable {
    /// A probe and what became of it.
    public struct Outcome: Sendable {
        /// The probe.
        public let probe: Probe
        /// What became of it.
        public let verdict: Verdict
        /// Whether a request of it came to the backend.
        public let reachedBackend: Bool

        /// An outcome as given.
        public init(_ probe: Probe, _ verdict: Verdict, reachedBackend: Bool) {
            self.probe = probe
            self.verdict = verdict
            self.reachedBackend = reachedBackend
        }
    }

    /// All probes with a certificate, or all without.
    public struct Pass: Sendable {
        /// Whether the client showed its certificate.
        public let hasCertificate: Bool
        /// What a request that claims nothing came to.
        public let control: ProbeJudge.Control
        /// Empty when the gateway talks to no such client.
        public let outcomes: [Outcome]

        /// A pass as given.
        public init(hasCertificate: Bool, control: ProbeJudge.Control, outcomes: [Outcome]) {
            self.hasCertificate = hasCertificate
            self.control = control
            self.outcomes = outcomes
        }

        /// What it is called.
        public var name: String {
            hasCertificate ? "with the certificate" : "without a certificate"
        }
    }

    /// The gateway.
    public let target: String
    /// The passes that were tried.
    public let passes: [Pass]

    /// A report on `target`.
    public init(target: String, passes: [Pass]) {
        self.target = target
        self.passes = passes
    }

    /// 0: nothing got through. 1: the run proves nothing. 3: something got through.
    public var exitCode: Int32 {
        if count(.gotThrough) > 0 { return 3 }
        return vacuity == nil && count(.unclear) == 0 ? 0 : 1
    }

    /// Why nothing is proved; nil when something is.
    public var vacuity: String? {
        for pass in passes where pass.hasCertificate {
            switch pass.control {
            case .echoed(let baseline) where baseline.identity.isEmpty:
                return "the backend gets none of the identity headers; name yours with --header"
            case .echoed: break
            case .refused(let reason):
                return "the client with the certificate is refused: \(reason)"
            case .noEcho(let reason): return reason
            }
        }
        for pass in passes {
            if case .noEcho(let reason) = pass.control { return reason }
        }
        let hasReached = passes.contains { $0.outcomes.contains(where: \.reachedBackend) }
        return hasReached ? nil : "no probe reached the echo backend"
    }

    private func count(_ label: Label) -> Int {
        passes.reduce(0) { $0 + Self.count($1.outcomes, label, isPath: false) }
    }

    private static func count(_ outcomes: [Outcome], _ label: Label, isPath: Bool) -> Int {
        outcomes.count { Label($0.verdict) == label && ($0.probe.kind == .path) == isPath }
    }
}

extension SelftestReport {
    enum Label: String, CaseIterable {
        case stripped, refused, unrelated, unclear
        case gotThrough = "GOT THROUGH"

        init(_ verdict: Verdict) {
            switch verdict {
            case .stripped: self = .stripped
            case .refused: self = .refused
            case .unrelated: self = .unrelated
            case .unclear: self = .unclear
            case .gotThrough: self = .gotThrough
            }
        }
    }

    // MARK: Text

    /// The report for people.
    public var text: String {
        var text = "target \(target)\n"
        for pass in passes { text += "\n" + Self.text(pass) }
        return text + "\n" + conclusion + "\n"
    }

    private var conclusion: String {
        let total = passes.reduce(0) { $0 + $1.outcomes.count { $0.probe.kind != .path } }
        var text = "\(count(.gotThrough)) of \(total) probes got through"
        if count(.unclear) > 0 { text += ", \(count(.unclear)) are unclear" }
        let paths = passes.reduce(0) { $0 + Self.count($1.outcomes, .gotThrough, isPath: true) }
        if paths > 0 { text += "; besides, \(paths) paths reached the backend as they were sent" }
        if let vacuity { text += "\nnothing is proved: \(vacuity)" }
        return text
    }

    private static func text(_ pass: Pass) -> String {
        var text = pass.name + ": "
        switch pass.control {
        case .noEcho(let reason): return text + reason + "\n"
        case .refused(let reason) where pass.outcomes.isEmpty:
            return text + "not applicable, the gateway refuses such clients: \(reason)\n"
        case .refused(let reason): text += "the gateway answers \(reason)\n"
        case .echoed(let baseline) where baseline.identity.isEmpty:
            text += "the backend gets no identity header\n"
        case .echoed(let baseline):
            text += "the backend gets \(baseline.names.joined(separator: ", "))\n"
        }
        text += "  " + padded("", 12)
        text += Label.allCases.map { padded($0.rawValue, 11) }.joined(separator: " ") + "\n"
        for kind in Probe.Kind.allCases {
            let outcomes = pass.outcomes.filter { $0.probe.kind == kind }
            guard !outcomes.isEmpty else { continue }
            let numbers = Label.allCases.map { label in
                padded("\(outcomes.count { Label($0.verdict) == label })", 11)
            }
            text += "  " + padded(kind.rawValue, 12) + numbers.joined(separator: " ") + "\n"
        }
        for label in [Label.gotThrough, .unclear, .unrelated] {
            for outcome in pass.outcomes where Label(outcome.verdict) == label {
                text += "  \(label.rawValue): \(outcome.probe.kind.rawValue), "
                text += "\(outcome.probe.name): \(detail(outcome.verdict))\n"
            }
        }
        return text
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func detail(_ verdict: Verdict) -> String {
        switch verdict {
        case .stripped: ""
        case .refused(let text), .unrelated(let text), .unclear(let text), .gotThrough(let text):
            text
        }
    }

    // MARK: JSON

    /// The report for machines: one line, every probe in it.
    public var json: String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("target", target)
            writer.name("exitCode")
            writer.number(Int64(exitCode))
            writer.name("gotThrough")
            writer.number(Int64(count(.gotThrough)))
            if let vacuity { writer.member("nothingProved", vacuity) }
            writer.name("passes")
            writer.array { writer in
                for pass in passes { Self.write(pass, &writer) }
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private static func write(_ pass: Pass, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("clientCertificate", pass.hasCertificate ? "shown" : "none")
            switch pass.control {
            case .echoed(let baseline):
                let pairs = baseline.names.map { ($0, baseline.identity[$0] ?? "") }
                writer.member("identity", pairs.map { (name: $0.0, value: $0.1) })
            case .refused(let reason): writer.member("refused", reason)
            case .noEcho(let reason): writer.member("noEcho", reason)
            }
            writer.name("probes")
            writer.array { writer in
                for outcome in pass.outcomes {
                    writer.object { writer in
                        writer.member("kind", outcome.probe.kind.rawValue)
                        writer.member("name", outcome.probe.name)
                        writer.member("verdict", Label(outcome.verdict).rawValue.lowercased())
                        let detail = detail(outcome.verdict)
                        if !detail.isEmpty { writer.member("detail", detail) }
                    }
                }
            }
        }
    }
}
