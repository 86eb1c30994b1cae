import Core
import Proxy
import Synchronization
import TLS
import Upstream

/// What connections of one listener are served with.
struct Served {
    let context: ServerTLSContext
    let table: RoutingTable
    let proxyProtocol: ProxyProtocolPolicy
}

/// One generation of the configuration for one worker: everything that a reload replaces, whole.
struct Snapshot: @unchecked Sendable {
    // Invariant: made on the control plane's thread for one worker, and handed over through its
    // mailbox; the maker keeps no reference to what `listeners` and
    // `upstreams` hold. So one thread at a time
    // touches the contexts and tables, which are not `Sendable`.

    /// One per listener; nil where a listener goes on with what it has.
    let listeners: [Served?]
    let timeouts: ProxyTimeouts
    let limits: ProxyLimits
    /// In ascending order of place.
    let upstreams: [Upstream]
    let revocation: RevocationSet
    let receipt: Receipt

    /// An upstream, its place (`UpstreamSlots`), and the TLS that it speaks; nil for plain text.
    struct Upstream {
        let place: Int
        let options: UpstreamOptions
        let security: UpstreamSecurity?
    }

    /// How many workers serve by a generation, and by it alone.
    final class Receipt: Sendable {
        private let count = Atomic<Int>(0)

        func sign() { count.wrappingAdd(1, ordering: .releasing) }

        /// Workers that have signed.
        var signatures: Int { count.load(ordering: .acquiring) }
    }
}
