import Testing

@testable import Selftest

@Suite("a report says what got through, and never proves what was not tried")
struct SelftestReportTests {
    private static let probe = Probe(.alias, "X_A", marker: "m", "")
    private static let baseline = ProbeJudge.Control.echoed(Baseline(identity: ["x-a": "CN=a"]))
    private static let anonymous = ProbeJudge.Control.echoed(Baseline(identity: [:]))

    private static func outcome(
        _ verdict: Verdict, reached: Bool = true, probe: Probe = probe
    ) -> SelftestReport.Outcome {
        SelftestReport.Outcome(probe, verdict, reachedBackend: reached)
    }

    private static func report(
        _ control: ProbeJudge.Control, _ outcomes: [SelftestReport.Outcome],
        certificate: Bool = true
    ) -> SelftestReport {
        SelftestReport(
            target: "edge:1",
            passes: [
                SelftestReport.Pass(
                    hasCertificate: certificate, control: control, outcomes: outcomes)
            ])
    }

    @Test("exit codes")
    func exitCodes() {
        let path = Probe(.path, "//", marker: "m", "", path: "//")
        let cases: [(SelftestReport, Int32)] = [
            (Self.report(Self.baseline, [Self.outcome(.stripped)]), 0),
            (
                Self.report(
                    Self.baseline, [Self.outcome(.stripped), Self.outcome(.refused("400"))]), 0
            ),
            (Self.report(Self.baseline, [Self.outcome(.unrelated("under x"))]), 0),
            (Self.report(Self.baseline, [Self.outcome(.gotThrough("x"), probe: path)]), 0),
            (Self.report(Self.baseline, [Self.outcome(.gotThrough("x"))]), 3),
            (Self.report(Self.baseline, [Self.outcome(.unclear("x"))]), 1),
            (Self.report(Self.baseline, [Self.outcome(.refused("400"), reached: false)]), 1),
            (Self.report(Self.baseline, []), 1),
            (Self.report(Self.anonymous, [Self.outcome(.stripped)]), 1),
            (Self.report(Self.anonymous, [Self.outcome(.stripped)], certificate: false), 0),
            (Self.report(.refused("alert"), []), 1),
            (Self.report(.refused("alert"), [], certificate: false), 1),
            (Self.report(.noEcho("status 200"), []), 1),
        ]
        for (index, (report, code)) in cases.enumerated() {
            #expect(report.exitCode == code, "\(index): \(report.text)")
        }
    }

    @Test("a client that the gateway refuses is not applicable rather than passed")
    func notApplicable() {
        let report = SelftestReport(
            target: "edge:1",
            passes: [
                SelftestReport.Pass(
                    hasCertificate: true, control: Self.baseline,
                    outcomes: [Self.outcome(.stripped)]),
                SelftestReport.Pass(
                    hasCertificate: false, control: .refused("alert 116"), outcomes: []),
            ])
        #expect(report.exitCode == 0)
        #expect(report.text.contains("without a certificate: not applicable"))
        #expect(report.text.hasSuffix("\n0 of 1 probes got through\n"))
    }

    @Test("both forms name what got through, and what the backend saw")
    func forms() {
        let report = Self.report(
            Self.baseline, [Self.outcome(.gotThrough("the backend saw x_a: \"m\""))])
        #expect(report.text.contains("GOT THROUGH: alias, X_A: the backend saw x_a: \"m\"\n"))
        #expect(
            report.json == #"{"target":"edge:1","exitCode":3,"gotThrough":1,"passes":["#
                + #"{"clientCertificate":"shown","identity":{"x-a":"CN=a"},"probes":["#
                + #"{"kind":"alias","name":"X_A","verdict":"got through","#
                + #""detail":"the backend saw x_a: \"m\""}]}]}"#)
    }
}
