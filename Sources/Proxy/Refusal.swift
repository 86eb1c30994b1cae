import Authorization
import Telemetry

/// Why a request is not forwarded: the reason decides status and counter, the detail is logged.
struct Refusal: Error {
    var reason: RefusalReason
    var detail: StaticString

    init(_ reason: RefusalReason, _ detail: StaticString) {
        self.reason = reason
        self.detail = detail
    }
}

extension Refusal {
    /// The refusal that `denial` is.
    init(denial: Denial) {
        let reason: RefusalReason =
            switch denial {
            case .certificateRequired: .certificateRequired
            case .assuranceUnmet: .assuranceUnmet
            case .notAuthorized: .notAuthorized
            }
        self.init(reason, denial.detail)
    }
}

extension RefusalReason {
    /// The reason that stands for a parser's status.
    init(status: UInt16) {
        switch status {
        case 403: self = .identityRefused
        case 405: self = .methodNotAllowed
        case 413: self = .bodyTooLarge
        case 414: self = .uriTooLong
        case 417: self = .expectationFailed
        case 421: self = .misdirected
        case 431: self = .headTooLarge
        case 505: self = .versionNotSupported
        default: self = .badRequest
        }
    }
}
