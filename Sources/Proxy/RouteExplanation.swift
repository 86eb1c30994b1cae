import Authorization
import Core
public import HTTP
import Identity
import Telemetry

/// What a virtual host would do with a request, without one.
public struct RouteExplanation: Sendable {
    /// Why a request is answered by the gateway itself.
    public struct Refused: Sendable, Equatable {
        /// The status.
        public let status: UInt16
        /// The reason's name in metrics and logs.
        public let symbol: String
        /// What the log says.
        public let detail: String
    }

    /// Name of the route; nil when none has the path.
    public internal(set) var name: String?
    /// Index of its upstream.
    public internal(set) var upstream: Int?
    /// Index into the virtual host's identity sets.
    public internal(set) var identitySet = 0
    /// Whether the route refuses who is anonymous.
    public internal(set) var requiresCertificate = false
    /// Why the request is refused; nil when it is forwarded.
    public internal(set) var refused: Refused?

    mutating func refuse(_ reason: RefusalReason, _ detail: StaticString) {
        refused = Refused(
            status: reason.status, symbol: "\(reason.symbol)", detail: "\(detail)")
    }
}

extension VirtualHost {
    /// What becomes of `method target` with a Host field of `host`, by the code that requests take:
    /// parser, routes, path policy, authorizer. `isVerified` says whether the client has shown a
    /// valid certificate.
    public func explain(
        method: String = "GET", target: String, host: String, isVerified: Bool, limits: HeadLimits
    ) -> RouteExplanation {
        var explanation = RouteExplanation()
        let text = Array("\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8)
        var fields = HeadStorage(capacity: limits.fieldCount)
        unsafe text.withUnsafeBytes { raw in
            let bytes = unsafe ByteView(raw)
            do throws(RequestError) {
                let parsed = try RequestParser.parse(bytes, limits: limits, into: &fields)
                guard case .complete(let head) = parsed, head.target.count == target.utf8.count,
                    head.host.count == host.utf8.count
                else {
                    explanation.refuse(.badRequest, "not one request target and one host")
                    return
                }
                explain(head, in: bytes, isVerified: isVerified, &explanation)
            } catch {
                explanation.refuse(RefusalReason(status: error.status), error.reason)
            }
        }
        return explanation
    }

    private func explain(
        _ head: RequestHead, in bytes: ByteView, isVerified: Bool,
        _ explanation: inout RouteExplanation
    ) {
        var index: Int?
        defer { explanation.name = index.map { routes[$0].name } }
        do throws(Refusal) {
            let route = try route(for: head, in: bytes, index: &index)
            explanation.upstream = route.upstream
            explanation.identitySet = route.identitySet
            switch Authorizer.decide(identity: .anonymous, requirement: route.requirement) {
            case .allow: break
            case .deny(let reason):
                explanation.requiresCertificate = true
                if !isVerified { explanation.refuse(.certificateRequired, reason) }
            }
        } catch {
            explanation.refuse(error.reason, error.detail)
        }
    }
}
