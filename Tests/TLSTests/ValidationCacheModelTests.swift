import Core
import Testing

@testable import TLS

/// Random operations on the cache and on a model of it that is nothing but a list.
@Suite struct ValidationCacheModelTests {
    /// SIEVE as its authors write it: a list, newest first, and a hand that walks to the newest.
    private struct Model {
        struct Entry {
            let item: Int
            var verifiedAt: Int64
            var wasUsed = false
        }
        let capacity: Int
        let lifetime: Int64
        /// Oldest first.
        var entries: [Entry] = []
        /// Index of the entry that the hand points at; nil is the oldest.
        var hand: Int?
        var evictions: UInt64 = 0

        mutating func find(_ item: Int, at now: Int64) -> Bool {
            guard let index = entries.firstIndex(where: { $0.item == item }) else { return false }
            let entry = entries[index]
            guard now >= entry.verifiedAt, now < entry.verifiedAt + lifetime else {
                remove(index)
                return false
            }
            entries[index].wasUsed = true
            return true
        }

        mutating func insert(_ item: Int, at now: Int64) {
            if let index = entries.firstIndex(where: { $0.item == item }) { remove(index) }
            if entries.count == capacity {
                var index = hand ?? 0
                while entries[index].wasUsed {
                    entries[index].wasUsed = false
                    index = (index + 1) % entries.count
                }
                hand = index
                remove(index)
                evictions += 1
            }
            entries.append(Entry(item: item, verifiedAt: now))
        }

        mutating func revoke(_ item: Int) {
            if let index = entries.firstIndex(where: { $0.item == item }) { remove(index) }
        }

        /// The hand moves on to the next newer one, or to none.
        private mutating func remove(_ index: Int) {
            entries.remove(at: index)
            guard let hand else { return }
            if index < hand {
                self.hand = hand - 1
            } else if index == hand, hand == entries.count {
                self.hand = nil
            }
        }
    }

    private func find(
        _ cache: ValidationCache, _ chain: ValidatedChain, at now: Int64
    ) -> ValidationCache.Found? {
        unsafe chain.leaf.der.withUnsafeBytes {
            unsafe cache.find(chain.fingerprint, der: ByteView($0), at: now)
        }
    }

    @Test("the cache does what a plain list would do", arguments: [1, 2, 3, 4, 7, 16, 33])
    func model(capacity: Int) throws {
        let forge = try Forge()
        let certificate = try forge.leaf("leaf", below: forge.root)
        let parsed = try #require(unsafe PeerCertificate(certificate.pointer))
        // Fingerprints that begin alike stand in one place of the table, or in the next.
        let chains = try (0..<60).map { item in
            var bytes = [UInt8](repeating: UInt8(item), count: 32)
            bytes.replaceSubrange(0..<7, with: repeatElement(0, count: 7))
            bytes[7] = [0, 1, 7, 255, UInt8(item)][item % 5]
            let fingerprint = try #require(Fingerprint(bytes))
            return try #require(
                ValidatedChain([parsed], fingerprint: fingerprint, members: []))
        }
        var options = ValidationCacheOptions()
        options.capacity = capacity
        options.lifetime = 50
        let cache = ValidationCache(options)
        var model = Model(capacity: capacity, lifetime: 50)
        var random = SeededGenerator(seed: UInt64(capacity))
        var now = forge.now
        var used = 0
        for step in 0..<20_000 {
            // Mostly a working set, so that there are hits, and now and then all others.
            let range = random.next() % 4 == 0 ? 60 : min(60, capacity + 3)
            let item = Int(random.next() % UInt64(range))
            let chain = chains[item]
            switch random.next() % 16 {
            case 0: now += Int64(random.next() % 20)
            case 1 where random.next() % 20 == 0: now -= Int64(random.next() % 30)
            case 2 where model.find(item, at: now):
                _ = find(cache, chain, at: now)
                cache.revoke(chain.fingerprint)
                model.revoke(item)
            case 3...7:
                unsafe cache.insert(chain, certificate.pointer, at: now)
                model.insert(item, at: now)
            default:
                let found = find(cache, chain, at: now)
                let isExpected = model.find(item, at: now)
                try #require((found != nil) == isExpected, "step \(step)")
                try #require(found == nil || found?.chain === chain, "step \(step)")
                used += found == nil ? 0 : 1
            }
            try #require(cache.count == model.entries.count, "step \(step)")
        }
        #expect(cache.statistics.evictions == model.evictions)
        #expect(used > 500 && model.evictions > 100)
    }
}
