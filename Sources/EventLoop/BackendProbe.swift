internal import Glibc

/// Decides which backend runs here.
public enum BackendProbe {
    /// The backend to make, and why; `reason` is for the log.
    public enum Outcome: Equatable, Sendable {
        /// `UringBackend`.
        case uring(reason: String)
        /// `EpollBackend`.
        case epoll(reason: String)
    }

    /// Makes and destroys a ring of the size that will be used.
    ///
    /// Throws only when the choice is `io_uring` and that does not work.
    public static func probe(
        _ choice: IOChoice, options: LoopOptions = LoopOptions()
    ) throws(SystemError) -> Outcome {
        try probe(choice) { () throws(SystemError) in
            let mode = try Ring(options: options).mode
            return
                "\(mode), \(options.submissionEntries) and \(options.completionEntries) entries, "
                + "\(options.receiveBufferCount) buffers of \(options.receiveBufferSize) bytes"
        }
    }

    /// The same with another way to try a ring, which says what it got.
    static func probe(
        _ choice: IOChoice, attempt: () throws(SystemError) -> String
    ) throws(SystemError) -> Outcome {
        if choice == .epoll { return .epoll(reason: "epoll was chosen") }
        do {
            let ring = try attempt()
            let wish = choice == .io_uring ? "io_uring was chosen, " : ""
            return .uring(reason: "\(wish)probe passed, \(ring)")
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
