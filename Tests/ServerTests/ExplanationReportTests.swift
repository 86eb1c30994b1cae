import Testing

@testable import Server

@Suite("an explanation is written for people and for machines")
struct ExplanationReportTests {
    private static let report = Report.object([
        ("verdict", .text("refused")), ("code", .number(10)), ("flag", .flag(true)),
        ("none", .list([])),
        ("list", .list([.text("a"), .object([("x", .text("1")), ("y", .list([.text("2")]))])])),
        ("object", .object([("name", .text("edge"))])),
    ])

    @Test("as JSON, strings escaped") func json() {
        #expect(
            Self.report.json
                == #"{"verdict":"refused","code":10,"flag":true,"none":[],"#
                + #""list":["a",{"x":"1","y":["2"]}],"object":{"name":"edge"}}"#)
        #expect(Report.text("\"\\\n\u{1f}é").json == "\"\\\"\\\\\\u000a\\u001fé\"")
    }

    @Test("as indented lines") func lines() {
        #expect(
            Self.report.lines == """
                verdict: refused
                code: 10
                flag: true
                none: none
                list:
                  - a
                  - x: 1
                    y:
                      - 2
                object:
                  name: edge

                """)
    }

    @Test(
        "times, and what is none",
        arguments: [
            ("2026-02-03T04:05:06Z", 1_770_091_506), ("2026-02-03", 1_770_076_800),
            ("1770091506", 1_770_091_506), ("2024-02-29", 1_709_164_800), ("2026-02-29", nil),
            ("2026-2-3", nil), ("2026-02-03T24:00:00Z", nil), ("2026-02-03T04:05:06", nil),
            ("0", nil), ("-5", nil), ("", nil), ("tomorrow", nil), ("99999-01-01", nil),
            ("2026-02-03T04:05:06Z and more", nil),
        ] as [(String, Int64?)])
    func times(text: String, seconds: Int64?) {
        #expect(UTCTime.seconds(text) == seconds)
        if let seconds, text.hasSuffix("Z") { #expect(UTCTime.text(seconds) == text) }
    }
}
