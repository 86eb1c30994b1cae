/// The Prometheus text exposition format, version 0.0.4.
public enum PrometheusText {
    /// Everything the workers counted, summed, or the largest of it. `upstreams` and `authorizers`
    /// are the names behind the positions; what positions of one name counted is summed as well.
    public static func render(
        _ workers: [WorkerMetrics], upstreams: [String] = [], authorizers: [String] = [],
        sources: [SourceReading] = []
    ) -> String {
        var text = ""
        func sum(_ index: Int) -> UInt64 { workers.reduce(0) { $0 &+ $1.cell(index) } }
        func header(_ name: String, _ kind: String, _ help: String) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
        }
        for metric in Metric.allCases {
            header(metric.name, metric.isGauge ? "gauge" : "counter", metric.help)
            text += "\(metric.name) \(value(of: metric, workers))\n"
        }
        for metric in UpstreamMetric.allCases where !upstreams.isEmpty {
            header(metric.name, metric.isGauge ? "gauge" : "counter", metric.help)
            for (first, name) in upstreams.enumerated()
            where upstreams.firstIndex(of: name) == first {
                var total: UInt64 = 0
                for index in first..<upstreams.count where upstreams[index] == name {
                    for worker in workers where index < worker.upstreams {
                        total &+= worker.value(of: metric, upstream: index)
                    }
                }
                text += "\(metric.name){upstream=\"\(escaped(name))\"} \(total)\n"
            }
        }
        text += render(workers, authorizers) + render(sources)
        func table(_ name: String, _ help: String, _ label: String, _ rows: [(String, Int)]) {
            header(name, "counter", help)
            for (value, index) in rows { text += "\(name){\(label)=\"\(value)\"} \(sum(index))\n" }
        }
        table(
            "postern_connections_closed_total", "Client connections ended.", "reason",
            CloseReason.allCases.map {
                ($0.rawValue, WorkerMetrics.Layout.closes + $0.index)
            })
        table(
            "postern_requests_refused_total", "Requests answered by the gateway itself.", "reason",
            RefusalReason.allCases.map {
                ("\($0.symbol)", WorkerMetrics.Layout.refusals + Int($0.rawValue))
            })
        table(
            "postern_handshakes_failed_total", "TLS handshakes that failed.", "reason",
            HandshakeFailure.allCases.map {
                ($0.rawValue, WorkerMetrics.Layout.failures + $0.index)
            })
        table(
            "postern_responses_total", "Responses by status class.", "code",
            (1...5).map { ("\($0)xx", WorkerMetrics.Layout.statuses + $0) })
        func histogram(_ name: String, _ help: String, _ base: Int) {
            header(name, "histogram", help)
            var total: UInt64 = 0
            for index in 0..<Histogram.bounds {
                total &+= sum(base + index)
                let isLast = index == Histogram.bounds - 1
                let bound = isLast ? "+Inf" : "\(Histogram.upperBound(index))"
                text += "\(name)_bucket{le=\"\(bound)\"} \(total)\n"
            }
            text += "\(name)_sum \(Double(sum(base + Histogram.bounds)) / 1e6)\n"
            text += "\(name)_count \(total)\n"
        }
        histogram(
            "postern_request_duration_seconds",
            "From a head's first byte to its last response byte.",
            WorkerMetrics.Layout.requestTime)
        histogram(
            "postern_handshake_duration_seconds", "From accept to the end of the handshake.",
            WorkerMetrics.Layout.handshakeTime)
        return text
    }

    private static func value(of metric: Metric, _ workers: [WorkerMetrics]) -> UInt64 {
        let values = workers.map { $0.value(of: metric) }
        return metric.isLargest ? values.max() ?? 0 : values.reduce(0, &+)
    }

    /// What was counted of external authorizers.
    private static func render(_ workers: [WorkerMetrics], _ authorizers: [String]) -> String {
        var text = ""
        for metric in AuthorizerMetric.allCases where !authorizers.isEmpty {
            text +=
                "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) counter\n"
            for (index, name) in authorizers.enumerated() {
                let total = workers.reduce(UInt64(0)) { sum, worker in
                    index < worker.authorizers
                        ? sum &+ worker.value(of: metric, authorizer: index) : sum
                }
                let value = metric.isTime ? "\(Double(total) / 1e6)" : "\(total)"
                text += "\(metric.name){authorizer=\"\(escaped(name))\"} \(value)\n"
            }
        }
        return text
    }

    /// What is known of sources that are fetched.
    private static func render(_ sources: [SourceReading]) -> String {
        var text = ""
        for metric in SourceMetric.allCases where !sources.isEmpty {
            let kind = metric.isGauge ? "gauge" : "counter"
            text += "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) \(kind)\n"
            for reading in sources {
                text +=
                    "\(metric.name){owner=\"\(escaped(reading.owner))\","
                    + "source=\"\(escaped(reading.source))\"} \(reading[metric])\n"
            }
        }
        return text
    }

    /// The value of a label: backslash, quote and line feed are escaped.
    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("\n", with: "\\n")
    }
}
