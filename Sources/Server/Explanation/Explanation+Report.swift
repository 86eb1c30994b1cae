import Authorization
import Core
import Identity
import Proxy
import TLS

extension Explanation {
    /// The answer for machines: one line of JSON.
    public var json: String { report.json }

    /// The answer for people: lines.
    public var text: String { report.lines }

    private var report: Report {
        var members: [(key: String, value: Report)] = [
            ("verdict", .text(isAccepted ? "accepted" : "refused")),
            ("at", .text(UTCTime.text(time))),
        ]
        if let failure { members.append(("failure", Self.report(failure))) }
        if let name = question.serverName { members.append(("serverName", .text(name))) }
        members.append(("listeners", .list(choices.map(Self.report))))
        if let host {
            members.append(
                (
                    "virtualHost",
                    .object([
                        ("listener", .text(host.listener)), ("name", .text(host.name)),
                        ("clientCertificate", .text(host.mode)),
                    ])
                ))
        }
        if let chain {
            members.append(("presented", .list(chain.presented.map(Self.report))))
            members.append(("chain", .list(chain.chain.map(Self.report))))
            members.append(("checks", .list(chain.checks.map(Self.report))))
            members.append(
                (
                    "cacheKey",
                    .object([
                        ("trustContext", .text(Self.hex(chain.trustDigest.bytes))),
                        ("leaf", .text(Self.hex(chain.leafFingerprint.bytes))),
                    ])
                ))
        }
        if let path = question.path, let route {
            members.append(("request", requestReport(path, route)))
        }
        if let headers { members.append(("identityHeaders", .list(headers.map(Report.text)))) }
        if let listing {
            members.append(("attributes", Self.report(listing.variables)))
            let presets = IdentityPreset.all.map { preset in
                (preset.name, Self.report(listing.headers(of: preset)))
            }
            members.append(("presets", .object(presets)))
        }
        return .object(members)
    }

    private static func report(_ failure: Failure) -> Report {
        var members: [(key: String, value: Report)] = [
            ("stage", .text(failure.stage)), ("cause", .text(failure.cause)),
            ("reason", .text(failure.reason)),
        ]
        if let code = failure.error?.x509Code ?? failure.error?.libraryReason {
            members.append(("code", .number(Int(code))))
        }
        if let depth = failure.error?.depth { members.append(("depth", .number(depth))) }
        if let subject = failure.error?.subjectOfFailedCertificate {
            members.append(("subject", .text(subject)))
        }
        if let status = failure.status { members.append(("status", .number(Int(status)))) }
        members.append(("hint", .text(failure.hint)))
        return .object(members)
    }

    private static func report(
        _ choice: (listener: String, host: String?, refusal: String?)
    ) -> Report {
        var members: [(key: String, value: Report)] = [("name", .text(choice.listener))]
        if let host = choice.host { members.append(("virtualHost", .text(host))) }
        if let refusal = choice.refusal { members.append(("refused", .text(refusal))) }
        return .object(members)
    }

    private static func report(_ summary: CertificateSummary) -> Report {
        let certificate = summary.certificate
        return .object([
            ("subject", .text(certificate.printableSubject)),
            ("issuer", .text(certificate.printableIssuer)),
            ("serial", .text(Self.hex(certificate.serialNumber))),
            ("notBefore", .text(UTCTime.text(certificate.notBefore))),
            ("notAfter", .text(UTCTime.text(certificate.notAfter))),
            ("fingerprint", .text(Self.hex(certificate.sha256Fingerprint))),
            ("keyType", .text(summary.keyType)), ("keyBits", .number(summary.keyBits)),
            ("signatureAlgorithm", .text(summary.signatureAlgorithm)),
        ])
    }

    private static func report(_ lines: [IdentityListing.Line]) -> Report {
        .object(lines.map { ($0.name, .text($0.value)) })
    }

    private static func report(_ check: ChainCheck) -> Report {
        .object([
            ("check", .text(check.name.rawValue)), ("result", .text(check.result.rawValue)),
            ("details", .list(check.details.map(Report.text))),
        ])
    }

    private func requestReport(_ path: String, _ route: RouteExplanation) -> Report {
        var members: [(key: String, value: Report)] = [("path", .text(path))]
        if let name = route.name { members.append(("route", .text(name))) }
        if let upstream { members.append(("upstream", .text(upstream))) }
        if route.upstream != nil {
            members.append(("requiresCertificate", .flag(route.requiresCertificate)))
        }
        for rules in route.rules {
            members.append(
                (rules.isAssurance ? "assurance" : "authorizer", Self.report(rules)))
        }
        if let externalAuthorizer {
            // Only the service knows, and it is not asked by an explanation.
            members.append(("askedAuthorizer", .text(externalAuthorizer)))
        }
        return .object(members)
    }

    private static func report(_ rules: RouteExplanation.Rules) -> Report {
        var members: [(key: String, value: Report)] = [
            ("name", .text(rules.name)), ("allowed", .flag(rules.isAllowed)),
            ("decidedBy", .text(rules.decidedBy)),
        ]
        if let reported = rules.reported { members.append(("reported", .text(reported))) }
        members.append(("rules", .list(rules.traces.map(report))))
        return .object(members)
    }

    private static func report(_ trace: RuleTrace) -> Report {
        var members: [(key: String, value: Report)] = [
            ("rule", .text(trace.rule)), ("effect", .text(trace.effect)),
        ]
        if trace.isReportOnly { members.append(("reportOnly", .flag(true))) }
        members.append(("matches", .flag(trace.isMatch)))
        members.append(
            (
                "conditions",
                .list(
                    trace.conditions.map { condition in
                        .text("\(condition.name): \(condition.isMet ? "met" : "not met")")
                    })
            ))
        return .object(members)
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        String(decoding: Hex.lower(bytes), as: UTF8.self)
    }
}
