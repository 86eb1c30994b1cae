internal import CCurl
internal import Core
internal import Synchronization

/// Fetches over HTTP/1.1 and waits for the answer, so for the control plane's threads alone.
///
/// Servers are verified; redirects are not followed, the environment's proxies not used, and
/// there is no scheme but http and https. Connections are kept from one request to the next.
@safe
public final class Fetcher: @unchecked Sendable {
    // Invariant: `multi` is used by whoever holds `turn`; to wake it is allowed to any thread, and
    // it lives as long as the fetcher.
    private let multi: OpaquePointer
    private let turn = Mutex<Void>(())
    private let isCancelled = Atomic<Bool>(false)

    private static let isReady = CCURL_start() == 0
    private static let longestWait: Int32 = 1_000

    /// Readies the library, as the first fetcher does otherwise: on the main thread, after
    /// OpenSSL's memory has been settled, and before there are other threads.
    public static func prepare() { _ = isReady }

    /// A fetcher.
    public init() throws(FetchError) {
        guard Self.isReady, let multi = unsafe CCURL_multi_open() else {
            throw FetchError(.broken, "libcurl does not start")
        }
        unsafe self.multi = multi
    }

    deinit { unsafe CCURL_multi_close(multi) }

    /// Ends what is being fetched, and everything that would be later. From any thread.
    public func cancel() {
        isCancelled.store(true, ordering: .releasing)
        unsafe CCURL_multi_wake(multi)
    }

    /// The answer to `request`. One at a time: who comes later waits.
    public func fetch(_ request: FetchRequest) throws(FetchError) -> FetchAnswer {
        try turn.withLock { _ throws(FetchError) in
            let transfer = try Transfer(request)
            return try transfer.finish(try run(transfer))
        }
    }

    /// Runs a transfer to its end.
    private func run(_ transfer: Transfer) throws(FetchError) -> Transfer.End {
        guard unsafe CCURL_multi_add(multi, transfer.easy) == 0 else {
            throw FetchError(.broken, "libcurl takes no transfer")
        }
        defer { unsafe CCURL_multi_remove(multi, transfer.easy) }
        while !isCancelled.load(ordering: .acquiring) {
            guard unsafe CCURL_multi_perform(multi) == 0 else { break }
            var text: UnsafePointer<CChar>?
            let outcome = unsafe CCURL_multi_outcome(multi, &text)
            if outcome != CCURL_RUNNING {
                let words = unsafe text.map { unsafe String(cString: $0) }
                return Transfer.End(outcome: outcome, words: words ?? "")
            }
            guard unsafe CCURL_multi_wait(multi, Self.longestWait) == 0 else { break }
        }
        guard isCancelled.load(ordering: .acquiring) else {
            throw FetchError(.broken, "libcurl fails")
        }
        throw FetchError(.cancelled, "cancelled")
    }
}
