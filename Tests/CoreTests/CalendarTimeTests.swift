import Core
import Testing

@Suite("points in time as texts") struct CalendarTimeTests {
    @Test(
        "of log lines, certificates and signatures",
        arguments: [
            (
                1_583_348_638, "04/Mar/2020:19:03:58 +0000", "Mar  4 19:03:58 2020 GMT",
                "20200304T190358Z"
            ),
            (0, "01/Jan/1970:00:00:00 +0000", "Jan  1 00:00:00 1970 GMT", "19700101T000000Z"),
            (-1, "31/Dec/1969:23:59:59 +0000", "Dec 31 23:59:59 1969 GMT", "19691231T235959Z"),
            (
                951_782_400, "29/Feb/2000:00:00:00 +0000", "Feb 29 00:00:00 2000 GMT",
                "20000229T000000Z"
            ),
            (
                4_107_542_400, "01/Mar/2100:00:00:00 +0000", "Mar  1 00:00:00 2100 GMT",
                "21000301T000000Z"
            ),
        ] as [(Int64, String, String, String)])
    func texts(seconds: Int64, log: String, certificate: String, basic: String) {
        let time = CalendarTime(seconds)
        #expect(time.logText == log)
        #expect(time.certificateText == certificate)
        #expect(time.basicText == basic)
    }

    @Test(
        "read from the text that services write",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-23T12:00:00Z", 1_795_435_200),
            ("2020-03-04T19:03:58.123456Z", 1_583_348_638), ("2000-02-29T00:00:00Z", 951_782_400),
            ("2100-03-01T00:00:00Z", 4_107_542_400), ("2100-02-29T00:00:00Z", nil),
            ("2026-04-31T00:00:00Z", nil), ("2026-00-01T00:00:00Z", nil),
            ("2026-13-01T00:00:00Z", nil), ("2026-01-00T00:00:00Z", nil),
            ("2026-01-01T24:00:00Z", nil), ("2026-01-01T00:60:00Z", nil),
            ("2026-01-01T00:00:00", nil), ("2026-01-01T00:00:00+01:00", nil),
            ("2026-01-01T00:00:00.Z", nil), ("2026-01-01T00:00:00.x1Z", nil),
            ("2026-1-01T00:00:000Z", nil), ("2026-01-01 00:00:00Z", nil), ("", nil), ("Z", nil),
        ] as [(String, Int64?)])
    func reading(text: String, seconds: Int64?) {
        #expect(CalendarTime.seconds(of: text) == seconds)
    }
}
