import Telemetry
import Upstream

extension RefusalReason {
    /// How a client hears of an upstream that has no connection for it.
    init(_ failure: UpstreamFailure) {
        switch failure {
        case .noMembers: self = .upstreamUnavailable
        case .queueFull: self = .queueFull
        }
    }
}
