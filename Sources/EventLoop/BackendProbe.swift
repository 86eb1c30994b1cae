internal import Glibc

/// Decides which backend runs here.
public enum BackendProbe {
    /// The backend to make, and why it is not io_uring.
    public enum Outcome: Equatable, Sendable {
        /// `UringBackend`.
        case uring
        /// `EpollBackend`; `reason` is for the log.
        case epoll(reason: String)
    }

    /// Makes and destroys a ring of the size that will be used.
    ///
    /// Throws only when the choice is `io_uring` and that does not work.
    public static func probe(
        _ choice: IOChoice, options: LoopOptions = LoopOptions()
    ) throws(SystemError) -> Outcome {
        try probe(choice) { () throws(SystemError) in _ = try Ring(options: options) }
    }

    /// The same with another way to try a ring.
    static func probe(
        _ choice: IOChoice, attempt: () throws(SystemError) -> Void
    ) throws(SystemError) -> Outcome {
        if choice == .epoll { return .epoll(reason: "epoll was chosen") }
        do {
            try attempt()
            return .uring
        } catch {
            if choice == .io_uring { throw error }
            return .epoll(reason: reason(error))
        }
    }

    private static func reason(_ error: SystemError) -> String {
        let hint =
            switch error.errno {
            case EPERM, EACCES: "forbidden by a sandbox or by kernel.io_uring_disabled"
            case ENOSYS: "the kernel has no io_uring, or one that is too old"
            case ENOMEM: "RLIMIT_MEMLOCK is too small"
            case EINVAL: "the kernel's io_uring is too old"
            default: "io_uring does not work here"
            }
        return "\(hint) (\(error))"
    }
}
