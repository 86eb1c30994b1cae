internal import CLinux
internal import Synchronization

/// Ends the `wait` of one backend from any thread.
///
/// Wakes between two turns coalesce into one system call and one `.wake` completion. Waking a
/// backend that is gone does nothing.
public struct WakeHandle: Sendable {
    let signal: WakeSignal

    /// Causes a `.wake` completion. Never blocks.
    public func wake() { signal.raise() }
}

/// The counter behind a `WakeHandle`, closed with its last reference.
final class WakeSignal: Sendable {
    let descriptor: Int32
    private let isRaised = Atomic<Bool>(false)

    init() throws(SystemError) {
        descriptor = try SystemError.check(CLinux_eventfd(), "eventfd")
    }

    deinit { _ = CLinux_close(descriptor) }

    func raise() {
        guard !isRaised.exchange(true, ordering: .acquiringAndReleasing) else { return }
        _ = CLinux_eventfd_signal(descriptor)
    }

    /// Lets the next `raise` signal again. Called before the completion is handed out, so that
    /// what was posted before a coalesced wake is seen.
    func lower() { _ = isRaised.exchange(false, ordering: .acquiringAndReleasing) }
}
