import Core
import Histogram

/// What a run came to.
struct LoadFigures {
    var requests: UInt64 = 0
    /// Requests answered before the measurement began, one for each connection that is kept.
    var warmUps: UInt64 = 0
    var handshakes: UInt64 = 0
    /// Those of them that resumed a session.
    var resumed: UInt64 = 0
    /// Those that had nothing to resume, being the first of their series.
    var firstHandshakes: UInt64 = 0
    var bytesIn: UInt64 = 0
    var bytesOut: UInt64 = 0
    var seconds = 0.0
    /// Connections that were open when the run ended.
    var held = 0
    var errors: [String: UInt64] = [:]
    /// Latencies in microseconds.
    private var latencies = Histogram<UInt64>(
        highestTrackableValue: 120_000_000, numberOfSignificantValueDigits: .three)

    mutating func record(_ latency: Nanoseconds) {
        requests += 1
        _ = latencies.record(latency.count / 1_000)
    }

    /// A request that was due and had no answer when the run ended: an error, and its age a
    /// latency, so that a gateway that stalls cannot hide it.
    mutating func recordUnanswered(_ age: Nanoseconds) {
        fail("unanswered")
        _ = latencies.record(age.count / 1_000)
    }

    mutating func fail(_ reason: String) { errors[reason, default: 0] += 1 }

    var errorCount: UInt64 { errors.values.reduce(0, +) }

    private func percentile(_ percent: Double) -> UInt64 {
        latencies.totalCount == 0 ? 0 : latencies.valueAtPercentile(percent)
    }

    var json: String {
        let kinds = errors.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }
        return "{\"requests\":\(requests),\"errors\":\(errorCount),\"errorKinds\":{"
            + kinds.joined(separator: ",") + "},\"seconds\":\(seconds),\"bytesIn\":\(bytesIn),"
            + "\"bytesOut\":\(bytesOut),\"p50us\":\(percentile(50)),\"p99us\":\(percentile(99)),"
            + "\"p999us\":\(percentile(99.9)),\"handshakes\":\(handshakes),\"held\":\(held),"
            + "\"warmUps\":\(warmUps),\"resumed\":\(resumed),"
            + "\"firstHandshakes\":\(firstHandshakes)}"
    }

    var text: String {
        let perSecond = seconds > 0 ? Double(requests) / seconds : 0
        return """
            \(requests) requests in \(seconds) s (\(Int(perSecond)) per second), \
            \(handshakes) handshakes (\(resumed) resumed, \(handshakes - resumed) full), \
            errors \(errors)
            latency: p50 \(percentile(50)) us, p99 \(percentile(99)) us, \
            p99.9 \(percentile(99.9)) us
            """
    }
}
