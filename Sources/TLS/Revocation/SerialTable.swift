/// Revoked serial numbers: an open-addressed table over flat arrays.
///
/// A look-up reads an index or two and as many numbers, and allocates nothing. Who chooses the
/// numbers cannot choose where they stand: the hash is seeded anew in each process. 100,000 numbers
/// take 4.3 MB.
struct SerialTable: Sendable {
    /// More than any file within the size limit can hold.
    static let limit = 1 << 24

    // Invariant: `slots.count` is a power of two larger than `serials.count`, so a probe ends; a
    // slot holds 0 or an index into `serials` plus 1.
    private var slots: [UInt32]
    private var serials: [SerialNumber] = []
    private var reasons: [RevocationReason] = []

    /// An empty table with room for `capacity` numbers.
    init(capacity: Int) {
        precondition(capacity <= Self.limit)
        var count = 2
        while count < capacity + capacity / 2 + 1 { count <<= 1 }
        slots = [UInt32](repeating: 0, count: count)
        serials.reserveCapacity(capacity)
        reasons.reserveCapacity(capacity)
    }

    /// How many numbers are revoked.
    var count: Int { serials.count }

    /// Adds `serial`, unless it is there already.
    mutating func insert(_ serial: SerialNumber, _ reason: RevocationReason) {
        precondition(serials.count + 1 < slots.count)
        let slot = slot(of: serial)
        guard slots[slot] == 0 else { return }
        serials.append(serial)
        reasons.append(reason)
        slots[slot] = UInt32(serials.count)
    }

    /// Why `serial` is revoked; nil when it is not.
    func reason(of serial: SerialNumber) -> RevocationReason? {
        let index = Int(slots[slot(of: serial)])
        return index == 0 ? nil : reasons[index - 1]
    }

    /// Where `serial` stands, or else would stand.
    private func slot(of serial: SerialNumber) -> Int {
        let mask = slots.count - 1
        var slot = serial.hashValue & mask
        while true {
            let index = Int(slots[slot])
            if index == 0 || serials[index - 1] == serial { return slot }
            slot = (slot + 1) & mask
        }
    }
}

/// Why a certificate is revoked: codes of RFC 5280 §5.3.1, and our own list.
public enum RevocationReason: UInt8, Sendable {
    /// The issuer does not say.
    case unspecified = 0
    /// The subject's key is known to somebody else.
    case keyCompromise = 1
    /// An authority's key is known to somebody else.
    case caCompromise = 2
    /// The subject's name or other information has changed.
    case affiliationChanged = 3
    /// Another certificate takes its place.
    case superseded = 4
    /// It is not needed any more.
    case cessationOfOperation = 5
    /// It is suspended.
    case certificateHold = 6
    /// What it was granted has been withdrawn.
    case privilegeWithdrawn = 9
    /// An attribute authority's key is known to somebody else.
    case aaCompromise = 10
    /// It stands in a deny list.
    case denyList = 255
}
