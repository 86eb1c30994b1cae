import Core
import GatewayConfiguration
import Synchronization

/// When the names of which upstream are to be resolved again.
///
/// Resolution runs on a thread of its own: a slow name server delays nothing else.
struct ResolverSchedule {
    private final class Results: Sendable {
        let ready = Mutex<[(Int, [ResolvedMember])]>([])
        let isBusy = Atomic<Bool>(false)
    }

    private let upstreams: [UpstreamSettings]
    private let places: [Int]
    private var next: [Instant]
    private let results = Results()

    /// A schedule for `upstreams`, which workers know by `places`.
    init(_ upstreams: [UpstreamSettings], places: [Int], now: Instant) {
        self.upstreams = upstreams
        self.places = places
        next = upstreams.map { upstream in
            Resolver.hasNames(upstream.members) && upstream.resolveInterval > .zero
                ? now + upstream.resolveInterval : .distantFuture
        }
    }

    /// How often `due` is to be called, in milliseconds; -1 when there is nothing to resolve.
    var pollInterval: Int32 { next.allSatisfy { $0 == .distantFuture } ? -1 : 100 }

    /// Starts what is due at `now`, and takes what has been found: addresses by place.
    mutating func due(at now: Instant) -> [(Int, [ResolvedMember])] {
        // Whoever has waited longest comes first, or slow names would starve the others.
        let order = upstreams.indices.sorted { next[$0] < next[$1] }
        for index in order where now >= next[index] {
            guard !results.isBusy.load(ordering: .acquiring) else { break }
            next[index] = now + upstreams[index].resolveInterval
            results.isBusy.store(true, ordering: .releasing)
            let results = results
            let members = upstreams[index].members
            let place = places[index]
            let started = try? Thread {
                let addresses = Resolver.addresses(of: members)
                // A name server that is down does not empty an upstream.
                if !addresses.isEmpty { results.ready.withLock { $0.append((place, addresses)) } }
                results.isBusy.store(false, ordering: .releasing)
            }
            started?.detach()
            if started == nil { results.isBusy.store(false, ordering: .releasing) }
        }
        return results.ready.withLock { ready in
            defer { ready = [] }
            return ready
        }
    }
}
