/// A verified revocation list, compiled: what the handshake looks up.
final class RevocationList: Sendable {
    /// The list's number (RFC 5280 §5.2.3), big-endian without leading zeros; nil without one.
    let number: [UInt8]?
    /// When it was made, seconds since 1970.
    let thisUpdate: Int64
    /// When the next one is due, seconds since 1970.
    let nextUpdate: Int64
    let serials: SerialTable

    init(number: [UInt8]?, thisUpdate: Int64, nextUpdate: Int64, serials: SerialTable) {
        self.number = number
        self.thisUpdate = thisUpdate
        self.nextUpdate = nextUpdate
        self.serials = serials
    }

    /// Whether this list was made before `other`: by number, by date where neither has one. A list
    /// without a number is older than one that has it, or leaving it out would undo revocations.
    func isOlder(than other: RevocationList) -> Bool {
        switch (number, other.number) {
        case (let ours?, let theirs?):
            ours.count != theirs.count
                ? ours.count < theirs.count : ours.lexicographicallyPrecedes(theirs)
        case (nil, nil): thisUpdate < other.thisUpdate
        case (nil, _?): true
        case (_?, nil): false
        }
    }

    /// The number in hexadecimal, for messages.
    var numberText: String {
        guard let number else { return "none" }
        let digits = number.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "0x" + (digits.isEmpty ? "00" : digits)
    }
}
