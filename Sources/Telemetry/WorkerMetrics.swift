public import Core
import Synchronization

/// The counters of one worker: written by its thread alone, read by any.
///
/// A handle: copies name the same counters, which live as long as the process.
@safe
public struct WorkerMetrics: @unchecked Sendable {
    // Invariant: `cells` points at initialised atomics that are never freed: `Layout.count`, then
    // `UpstreamMetric.allCases.count` for each upstream and `AuthorizerMetric.allCases.count` for
    // each external authorizer. One thread writes; relaxed loads elsewhere
    // see each cell whole, if not all of one moment.
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    /// Upstreams that have counters of their own.
    public let upstreams: Int
    /// External authorizers that have.
    public let authorizers: Int

    enum Layout {
        static let closes = Metric.allCases.count
        static let refusals = closes + CloseReason.allCases.count
        static let failures = refusals + RefusalReason.allCases.count
        static let statuses = failures + HandshakeFailure.allCases.count
        static let requestTime = statuses + 6
        static let handshakeTime = requestTime + Histogram.cells
        static let count = handshakeTime + Histogram.cells
    }

    /// Counters at zero, those of `upstreams` upstreams and `authorizers` authorizers included.
    public init(upstreams: Int = 0, authorizers: Int = 0) {
        self.upstreams = upstreams
        self.authorizers = authorizers
        let count =
            Layout.count + upstreams * UpstreamMetric.allCases.count
            + authorizers * AuthorizerMetric.allCases.count
        // A page of its own: no other thread's data shares a cache line with a counter.
        let bytes = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<Atomic<UInt64>>.stride + 128, alignment: 128)
        unsafe cells = bytes.bindMemory(to: Atomic<UInt64>.self, capacity: count)
        for index in 0..<count { unsafe (cells + index).initialize(to: Atomic(0)) }
    }

    /// Adds 1.
    @inline(__always)
    public func increment(_ metric: Metric) { add(1, at: metric.rawValue) }

    /// Adds `amount`.
    @inline(__always)
    public func add(_ metric: Metric, _ amount: UInt64) { add(amount, at: metric.rawValue) }

    /// Sets the value.
    @inline(__always)
    public func set(_ metric: Metric, _ value: UInt64) {
        unsafe cells[metric.rawValue].store(value, ordering: .relaxed)
    }

    /// Adds 1 to a counter of the upstream at `index`.
    @inline(__always)
    public func increment(_ metric: UpstreamMetric, upstream index: Int) {
        add(1, at: cell(of: metric, upstream: index))
    }

    /// Sets the value of the upstream at `index`.
    public func set(_ metric: UpstreamMetric, upstream index: Int, _ value: UInt64) {
        unsafe cells[cell(of: metric, upstream: index)].store(value, ordering: .relaxed)
    }

    /// Adds to a counter of the external authorizer at `index`.
    public func increment(
        _ metric: AuthorizerMetric, authorizer index: Int, by amount: UInt64 = 1
    ) {
        add(amount, at: cell(of: metric, authorizer: index))
    }

    /// The present value of the external authorizer at `index`.
    public func value(of metric: AuthorizerMetric, authorizer index: Int) -> UInt64 {
        cell(cell(of: metric, authorizer: index))
    }

    private func cell(of metric: AuthorizerMetric, authorizer index: Int) -> Int {
        precondition(index >= 0 && index < authorizers, "an authorizer without counters")
        return Layout.count + upstreams * UpstreamMetric.allCases.count
            + index * AuthorizerMetric.allCases.count + metric.rawValue
    }

    /// The position of a counter of the upstream at `index`.
    @inline(__always)
    func cell(of metric: UpstreamMetric, upstream index: Int) -> Int {
        precondition(index >= 0 && index < upstreams, "an upstream without counters")
        return Layout.count + index * UpstreamMetric.allCases.count + metric.rawValue
    }

    /// Counts the end of a client's connection.
    public func recordClose(_ reason: CloseReason) { add(1, at: Layout.closes + reason.index) }

    /// Counts a request answered by the gateway itself.
    public func recordRefusal(_ reason: RefusalReason) {
        add(1, at: Layout.refusals + Int(reason.rawValue))
    }

    /// Counts a failed handshake.
    public func recordHandshakeFailure(_ failure: HandshakeFailure) {
        add(1, at: Layout.failures + failure.index)
    }

    /// Counts a response and the time its exchange took.
    @inline(__always)
    public func recordResponse(status: UInt16, duration: Nanoseconds) {
        add(1, at: Layout.statuses + Int(min(status / 100, 5)))
        record(duration, at: Layout.requestTime)
    }

    /// Counts the time of a completed handshake.
    public func recordHandshake(duration: Nanoseconds) {
        record(duration, at: Layout.handshakeTime)
    }

    @inline(__always)
    private func record(_ duration: Nanoseconds, at base: Int) {
        add(1, at: base + Histogram.bucket(of: duration))
        add(duration.count / 1_000, at: base + Histogram.bounds)
    }

    @inline(__always)
    private func add(_ amount: UInt64, at index: Int) {
        unsafe cells[index].store(
            cells[index].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    // MARK: Reading

    /// The present value.
    public func value(of metric: Metric) -> UInt64 { cell(metric.rawValue) }
    /// The present value of the upstream at `index`.
    public func value(of metric: UpstreamMetric, upstream index: Int) -> UInt64 {
        cell(cell(of: metric, upstream: index))
    }
    /// Connections ended for `reason`.
    public func value(of reason: CloseReason) -> UInt64 { cell(Layout.closes + reason.index) }
    /// Requests refused for `reason`.
    public func value(of reason: RefusalReason) -> UInt64 {
        cell(Layout.refusals + Int(reason.rawValue))
    }
    /// Handshakes failed for `reason`.
    public func value(of reason: HandshakeFailure) -> UInt64 {
        cell(Layout.failures + reason.index)
    }

    func cell(_ index: Int) -> UInt64 { unsafe cells[index].load(ordering: .relaxed) }
}

/// Buckets of a latency histogram: powers of two from 32 µs to 67 s.
enum Histogram {
    /// Upper bounds, in units of 2^n · 32 µs; the last bucket has none.
    static let bounds = 22
    /// One count per bucket, and the sum in microseconds.
    static let cells = bounds + 1

    @inline(__always)
    static func bucket(of duration: Nanoseconds) -> Int {
        let units = duration.count / 32_000
        return min(UInt64.bitWidth - units.leadingZeroBitCount, bounds - 1)
    }

    /// Upper bound of bucket `index`, in seconds.
    static func upperBound(_ index: Int) -> Double {
        Double(UInt64(1) << UInt64(index)) * 32e-6
    }
}
