import Core
import Foundation
import Testing

@testable import EventLoop

@Suite struct BackendProbeTests {
    /// The kernel refuses a completion queue of this size.
    private static var absurd: LoopOptions {
        var options = LoopOptions()
        options.completionEntries = 1 << 30
        return options
    }

    @Test("takes io_uring where it works, epoll where it was chosen") func works() throws {
        let ring = "task work, 1024 and 4096 entries, 256 buffers of 16384 bytes"
        for (choice, start) in [
            (IOChoice.auto, "probe passed, "), (.io_uring, "io_uring was chosen, probe passed, "),
        ] {
            guard case .uring(let reason) = try BackendProbe.probe(choice) else {
                Issue.record("io_uring does not work here")
                return
            }
            #expect(reason.hasPrefix(start) && reason.hasSuffix(ring), "\(reason)")
        }
        let chosen = try BackendProbe.probe(.epoll, options: Self.absurd)
        #expect(chosen == .epoll(reason: "epoll was chosen"))
    }

    @Test("falls back to epoll with a reason, but not when io_uring was demanded")
    func fallsBack() throws {
        let before = openDescriptors()
        guard case .epoll(let reason) = try BackendProbe.probe(.auto, options: Self.absurd) else {
            Issue.record("the kernel took a queue of 2^30 entries")
            return
        }
        #expect(reason.contains("io_uring_setup"))
        let error = #expect(throws: SystemError.self) {
            try BackendProbe.probe(.io_uring, options: Self.absurd)
        }
        #expect(error?.errno == EINVAL)
        #expect(throws: SystemError.self) { _ = try UringBackend(options: Self.absurd) }
        // Other tests open some at the same time; a leak of the probe would grow without end.
        for _ in 0..<1_000 { _ = try BackendProbe.probe(.auto, options: Self.absurd) }
        #expect(openDescriptors() < before + 900)
    }

    @Test("buffers that cannot be provided are a reason too") func noBuffers() throws {
        var options = LoopOptions()
        options.receiveBufferCount = 3
        guard case .epoll(let reason) = try BackendProbe.probe(.auto, options: options) else {
            Issue.record("three is no power of two")
            return
        }
        #expect(reason.contains("io_uring_register_buf_ring"))
    }

    @Test(
        "names the cause of every usual refusal",
        arguments: [
            (EPERM, "sandbox"), (EACCES, "io_uring_disabled"), (ENOSYS, "too old"),
            (ENOMEM, "RLIMIT_MEMLOCK"), (EMFILE, "does not work here"),
        ])
    func reasons(errno: Int32, text: String) throws {
        let failure = SystemError(errno: errno, operation: "io_uring_setup")
        let outcome = try BackendProbe.probe(.auto) { () throws(SystemError) in throw failure }
        guard case .epoll(let reason) = outcome else {
            Issue.record("took io_uring despite \(failure)")
            return
        }
        #expect(reason.contains(text) && reason.contains("(\(errno))"))
        #expect(throws: failure) {
            try BackendProbe.probe(.io_uring) { () throws(SystemError) in throw failure }
        }
    }
}
