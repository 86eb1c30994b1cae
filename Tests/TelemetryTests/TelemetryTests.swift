import Core
import Foundation
import Testing

@testable import Telemetry

@Suite struct MetricsTests {
    @Test("every metric has a legal name of its own and a help text") func table() {
        let names = Metric.allCases.map(\.name) + UpstreamMetric.allCases.map(\.name)
        #expect(Set(names).count == names.count)
        for metric in UpstreamMetric.allCases {
            #expect(metric.name.hasPrefix("postern_upstream_") && !metric.help.isEmpty)
            #expect(metric.name.hasSuffix("_total") == !metric.isGauge, "\(metric.name)")
        }
        for metric in Metric.allCases {
            #expect(metric.name.hasPrefix("postern_") && !metric.help.isEmpty)
            #expect(metric.name.hasSuffix("_total") == !metric.isGauge, "\(metric.name)")
        }
    }

    @Test("sources have their metrics, by whose they are and their address") func sources() {
        let reading = SourceReading(owner: "trustStores.a", source: "s3://b/\"k\"") {
            UInt64($0.rawValue) + 10
        }
        let text = PrometheusText.render([], sources: [reading])
        #expect(!PrometheusText.render([]).contains("postern_source_"))
        for (index, metric) in SourceMetric.allCases.enumerated() {
            #expect(metric.name.hasPrefix("postern_source_") && !metric.help.isEmpty)
            #expect(metric.name.hasSuffix("_total") == !metric.isGauge, "\(metric.name)")
            let labels = "{owner=\"trustStores.a\",source=\"s3://b/\\\"k\\\"\"}"
            #expect(text.contains("\n\(metric.name)\(labels) \(10 + index)\n"))
        }
    }

    @Test("the exposition parses, sums the workers, and its histograms are cumulative")
    func exposition() throws {
        let (one, two) = (WorkerMetrics(), WorkerMetrics())
        one.increment(.requests)
        two.add(.requests, 2)
        two.set(.connectionsActive, 7)
        one.recordRefusal(.misdirected)
        one.recordClose(.idleTimeout)
        two.recordHandshakeFailure(.expired)
        one.recordResponse(status: 204, duration: .milliseconds(3))
        two.recordResponse(status: 502, duration: .seconds(100))
        var samples: [String: Double] = [:]
        for line in PrometheusText.render([one, two]).split(separator: "\n")
        where !line.hasPrefix("#") {
            let parts = line.split(separator: " ")
            try #require(parts.count == 2, "\(line)")
            samples[String(parts[0])] = Double(parts[1]) ?? .nan
        }
        #expect(samples["postern_requests_total"] == 3)
        #expect(samples["postern_connections_active"] == 7)
        #expect(samples["postern_requests_refused_total{reason=\"misdirected\"}"] == 1)
        #expect(samples["postern_connections_closed_total{reason=\"idle_timeout\"}"] == 1)
        #expect(samples["postern_handshakes_failed_total{reason=\"expired\"}"] == 1)
        #expect(samples["postern_responses_total{code=\"2xx\"}"] == 1)
        #expect(samples["postern_responses_total{code=\"5xx\"}"] == 1)
        #expect(samples["postern_request_duration_seconds_bucket{le=\"0.004096\"}"] == 1)
        #expect(samples["postern_request_duration_seconds_bucket{le=\"+Inf\"}"] == 2)
        #expect(samples["postern_request_duration_seconds_count"] == 2)
    }

    @Test("positions of one name are one upstream, and the control plane has none of them")
    func positions() {
        let (one, none) = (WorkerMetrics(upstreams: 3), WorkerMetrics())
        for (index, value) in [1, 20, 300].enumerated() {
            one.set(.connectionsOpen, upstream: index, UInt64(value))
        }
        let text = PrometheusText.render([one, none], upstreams: ["a", "b", "a"])
        let lines = text.split(separator: "\n").filter {
            $0.hasPrefix(UpstreamMetric.connectionsOpen.name + "{")
        }
        #expect(lines.map { $0.split(separator: "=").last } == ["\"a\"} 301", "\"b\"} 20"])
    }

    @Test("what is counted for an upstream has its name as a label, escaped")
    func upstreams() {
        let (one, two) = (WorkerMetrics(upstreams: 2), WorkerMetrics(upstreams: 2))
        one.increment(.requests, upstream: 1)
        two.increment(.requests, upstream: 1)
        two.increment(.connectErrors, upstream: 0)
        two.increment(.requests)
        one.set(.connectionsOpen, upstream: 1, 3)
        two.set(.connectionsOpen, upstream: 1, 4)
        let text = PrometheusText.render([one, two], upstreams: ["a", "b\"\\\n"])
        let lines = text.split(separator: "\n").filter { $0.contains("{upstream=") }
        #expect(lines.count == 2 * UpstreamMetric.allCases.count)
        for line in [
            #"postern_upstream_requests_total{upstream="a"} 0"#,
            #"postern_upstream_requests_total{upstream="b\"\\\n"} 2"#,
            #"postern_upstream_connect_errors_total{upstream="a"} 1"#,
            #"postern_upstream_connect_errors_total{upstream="b\"\\\n"} 0"#,
            #"postern_upstream_pool_open{upstream="b\"\\\n"} 7"#,
        ] {
            #expect(lines.contains(Substring(line)), "\(line)")
        }
        #expect(text.contains("\npostern_requests_total 1\n"))
    }

    @Test("a duration falls below its bucket's bound")
    func buckets() {
        for microseconds: UInt64 in [0, 1, 31, 32, 33, 64, 1_000, 999_999, 50_000_000] {
            let index = Histogram.bucket(of: .microseconds(microseconds))
            #expect(Double(microseconds) / 1e6 <= Histogram.upperBound(index))
        }
    }
}

@Suite struct AccessLogTests {
    private func line(_ build: (inout AccessLogLine) -> Void) throws -> String {
        let pool = BufferPool(chunkSize: 512, limit: 1)
        let buffer = try #require(pool.take())
        var line = AccessLogLine(into: buffer)
        build(&line)
        line.finish()
        return line.bytes.string
    }

    @Test("any bytes become valid JSON, even where they do not fit") func escapes() throws {
        let bytes: [UInt8] = Array("a\"\\\n\u{1}é€😀".utf8) + [0xff, 0xc0, 0x80, 0xe2, 0x82]
        for repetitions in [1, 5, 50] {
            let value = Array(repeatElement(bytes, count: repetitions).joined())
            let text = try unsafe value.withUnsafeBytes { raw in
                try line {
                    unsafe $0.string("value", ByteView(raw))
                    $0.number("after", 12)
                }
            }
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
            let parsed = try #require(object as? [String: Any])
            #expect((parsed["value"] as? String)?.hasPrefix("a\"\\\n\u{1}é€😀") == true)
            #expect(text.hasSuffix("}\n"))
        }
    }

    @Test("members rendered once are whole in every line, or not there") func members() throws {
        let pool = BufferPool(chunkSize: 512, limit: 1)
        var rendered = AccessLogLine(into: try #require(pool.take()))
        rendered.string("a", ByteView("\"1\""))
        rendered.number("b", 2)
        let members = rendered.members.array
        for count in [0, 100, 440, 500] {
            let before = [UInt8](repeating: UInt8(ascii: "x"), count: count)
            let text = try unsafe members.withUnsafeBytes { members in
                try unsafe before.withUnsafeBytes { before in
                    try line {
                        if count > 0 { unsafe $0.string("before", ByteView(before)) }
                        unsafe $0.members(ByteView(members))
                        $0.number("after", 3)
                    }
                }
            }
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
            let parsed = try #require(object as? [String: Any])
            #expect(parsed["a"] as? String == (count < 500 ? "\"1\"" : nil), "\(text)")
            #expect(parsed["b"] as? Int == (count < 500 ? 2 : nil))
        }
        #expect(try line { $0.members(.empty) } == "{}\n")
    }

    @Test("128 bits are 32 digits") func digits() throws {
        let text = try line { $0.hex("id", high: 0x0123_4567_89ab_cdef, low: 1) }
        #expect(text == "{\"id\":\"0123456789abcdef0000000000000001\"}\n")
    }

    @Test("times are RFC 3339", arguments: [0, 951_782_399, 951_782_400, 1_795_500_000])
    func times(seconds: Int64) throws {
        let text = try line { $0.time("time", wallSeconds: seconds) }
        let expected = ISO8601DateFormatter().string(
            from: Date(timeIntervalSince1970: Double(seconds)))
        #expect(text == "{\"time\":\"\(expected)\"}\n")
    }

    @Test("the queue keeps whole lines in order and counts what it drops") func queue() {
        let queue = AccessLogQueue(capacity: 32)
        #expect(queue.append(ByteView("first line\n")) && queue.append(ByteView("second\n")))
        #expect(!queue.append(ByteView("a line that does not fit\n")) && queue.dropped == 1)
        var text = ""
        queue.drain { text += $0.string }
        for _ in 0..<10 {
            #expect(queue.append(ByteView("wraps around it\n")))
            queue.drain { text += $0.string }
        }
        let expected = "first line\nsecond\n" + String(repeating: "wraps around it\n", count: 10)
        #expect(text == expected)
    }
}
