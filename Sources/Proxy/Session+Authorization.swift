import Authorization
import Core
import Identity
import TLS
import Telemetry

// What the rules of routes say of the client: judged once for each identity and table, looked up
// for each request.
extension Session {
    /// Judges the identity by the rules of the virtual host as the table has it now.
    mutating func judgeIdentity(_ turn: inout Turn) {
        verdicts = table.virtualHosts[virtualHost].verdicts(
            on: identity.peer?.validated, at: turn.now.wallSeconds)
    }

    /// Whether the client may make the request that `route` was found for, as far as is known here.
    mutating func decide(_ route: Route, _ turn: inout Turn) throws(Refusal) -> Decision {
        if let verdicts, turn.now.wallSeconds >= verdicts.changesAt { judgeIdentity(&turn) }
        var verdict: RouteVerdict?
        if route.policy != nil {
            // Rules that nobody has looked at allow nothing.
            guard let verdicts, let index = exchange.route else {
                throw Refusal(denial: .notAuthorized)
            }
            verdict = verdicts[index]
        }
        switch Authorizer.decide(
            identity: identity, requirement: route.requirement, verdict: verdict,
            asksService: route.externalAuthorizer != nil)
        {
        case .allow(let grant):
            record(verdict, .authorizationAllowed, turn.environment.metrics)
            return .allow(grant)
        case .ask(let pending):
            record(verdict, .authorizationAllowed, turn.environment.metrics)
            return .ask(pending)
        case .deny(.certificateRequired):
            // The rules were not asked.
            throw Refusal(denial: .certificateRequired)
        case .deny(let denial):
            record(verdict, .authorizationRefused, turn.environment.metrics)
            throw Refusal(denial: denial)
        }
    }

    private mutating func record(
        _ verdict: RouteVerdict?, _ outcome: Metric, _ metrics: WorkerMetrics
    ) {
        guard let verdict else { return }
        exchange.isJudged = true
        metrics.increment(outcome)
        if verdict.isReported { metrics.increment(.authorizationReported) }
    }

    /// Which rules decided, by name, and which would have, were they not there to report only.
    func appendVerdict(to line: inout AccessLogLine) {
        guard exchange.isJudged, let verdicts, let index = exchange.route,
            let policy = table.virtualHosts[virtualHost].routes[index].policy
        else { return }
        // Judged anew only between two requests: this is what the request was decided by.
        let verdict = verdicts[index]
        if let rules = policy.assurance, let found = verdict.assurance {
            withBytes(of: rules.name) { line.string("assurance", $0) }
            withBytes(of: rules.name(of: found.decidedBy)) { line.string("assuranceRule", $0) }
            if let reported = found.reported {
                withBytes(of: rules.name(of: reported)) {
                    line.string("assuranceReported", $0)
                }
            }
        }
        // Who does not meet the assurance is not asked who it is.
        guard let rules = policy.authorizer, let found = verdict.authorizer,
            verdict.assurance?.isAllowed ?? true
        else { return }
        withBytes(of: rules.name) { line.string("authorizer", $0) }
        withBytes(of: rules.name(of: found.decidedBy)) { line.string("rule", $0) }
        if let reported = found.reported {
            withBytes(of: rules.name(of: reported)) { line.string("reported", $0) }
        }
    }
}
