internal import CLinux
public import Core

/// The clocks of the process. Only backends, `main` and tests read them.
public enum Clock {
    /// Both clocks now.
    public static func now() -> Now {
        Now(monotonic: monotonic(), wallSeconds: CLinux_wall_seconds())
    }

    /// The monotonic clock now.
    public static func monotonic() -> Instant {
        Instant(nanoseconds: CLinux_monotonic_nanoseconds())
    }

    /// Nanoseconds from now to `deadline`: -1 for never, 0 when it has passed.
    static func remaining(until deadline: Instant) -> Int64 {
        if deadline == .distantFuture { return -1 }
        let rest = deadline.since(monotonic()).count
        return Int64(clamping: rest)
    }
}

/// The calling thread.
public enum WorkerThread {
    /// CPU time that the calling thread has used.
    public static func cpuTime() -> Nanoseconds { Nanoseconds(CLinux_thread_cpu_nanoseconds()) }

    /// Pins the calling thread to `processor`, counted from 0.
    public static func pin(toProcessor processor: Int) throws(SystemError) {
        try SystemError.check(CLinux_pin_thread(Int32(clamping: processor)), "sched_setaffinity")
    }
}
