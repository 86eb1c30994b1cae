import Glibc

/// A thread of the operating system that runs one function.
struct Thread: @unchecked Sendable {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private let identifier: pthread_t

    /// Starts `run` on a new thread. Signals are the control thread's: the caller has blocked them.
    init(_ run: @escaping @Sendable () -> Void) throws(GatewayError) {
        var identifier = pthread_t()
        let body = unsafe Unmanaged.passRetained(Body(run))
        let result = unsafe pthread_create(
            &identifier, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        guard result == 0 else {
            unsafe body.release()
            throw GatewayError("no thread could be started: error \(result)")
        }
        self.identifier = identifier
    }

    /// Lets the system free what it holds when it ends: nobody will join it.
    func detach() { _ = pthread_detach(identifier) }

    /// Waits until it has ended.
    func join() { _ = pthread_join(identifier, nil) }
}
