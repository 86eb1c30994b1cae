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

    /// Asks the rules of the tunnel's route, as the newest table has them, whether the client may
    /// still have it, and notes when to ask again. A tunnel that it may not have, or whose route is
    /// gone, ends (security rule S19).
    ///
    /// `verdicts` stays as it is: the log says what the request was decided by.
    ///
    /// - Returns: whether the tunnel goes on.
    mutating func judgeTunnel(_ turn: inout Turn) -> Bool {
        let old = table.virtualHosts[virtualHost]
        let newest = successor ?? table
        guard let position = exchange.route,
            let place = newest.place(for: old, peer: identity.peer),
            let index = newest.virtualHosts[place].routes.firstIndex(where: {
                $0.name == old.routes[position].name
            })
        else {
            retire(.configurationChanged, &turn)
            return false
        }
        let host = newest.virtualHosts[place]
        let now = turn.now.wallSeconds
        let isKnown = successor == nil && now < verdicts?.changesAt ?? .max
        let found =
            isKnown ? verdicts : host.verdicts(on: identity.peer?.validated, at: now)
        let route = host.routes[index]
        guard route.allowsWebSocket else {
            retire(.configurationChanged, &turn)
            return false
        }
        let asked = route.externalAuthorizer.flatMap { newest.authorizers[$0]?.options.name }
        guard route.policy == nil || found?[index].isAllowed ?? false,
            route.requirement == .none || identity.isVerified,
            // A service that was never asked has allowed nothing.
            asked == nil || asked == authorizer?.options.name
        else {
            retire(.authorizationLost, &turn)
            return false
        }
        exchange.judgedUntil = .distantFuture
        if let change = found?.changesAt, change < .max {
            exchange.judgedUntil = turn.now.monotonic + .seconds(UInt64(change - now))
        }
        deadline = min(exchange.windowEnd, exchange.judgedUntil)
        if let retirement { deadline = min(deadline, retirement.end) }
        armIfEarlier(&turn)
        return true
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
