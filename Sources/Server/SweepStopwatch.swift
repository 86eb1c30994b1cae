import Core
import EventLoop

/// How much of a worker's CPU time the turns take in which its connections hear of a reload, or of
/// the end: no turn may take so long that others notice (S19).
struct SweepStopwatch {
    /// Where the present turn began, in CPU time of the thread.
    private var start: Nanoseconds?
    private var isEnding = false
    /// The longest turn so far.
    private(set) var largest = Nanoseconds(0)

    /// Whether turns are measured.
    var isRunning: Bool { start != nil }

    /// Measures from here on.
    mutating func start(at now: Nanoseconds = WorkerThread.cpuTime()) {
        isEnding = false
        if start == nil { start = now }
    }

    /// Ends a turn. After the last, one more is measured.
    mutating func lap(isLast: Bool, at now: Nanoseconds = WorkerThread.cpuTime()) {
        guard let begin = start else { return }
        largest = max(largest, Nanoseconds(now.count &- begin.count))
        start = isLast && isEnding ? nil : now
        isEnding = isLast
    }
}
