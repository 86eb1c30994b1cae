internal import Core

/// A set of field names by what back ends may take them for: in any case, and with any other
/// character for a `-`.
struct AliasSet: Sendable {
    /// All names, folded, one after the other.
    private var text: [UInt8] = []
    private var ranges: [ByteRange] = []
    /// Bit n: there is a name of n bytes; the last bit stands for all longer ones.
    private var lengths: UInt64 = 0

    init(_ names: [String]) {
        for name in names {
            let folded = name.utf8.map(Self.folded)
            ranges.append(ByteRange(start: text.count, count: folded.count))
            text += folded
            lengths |= Self.bit(folded.count)
        }
    }

    func contains(_ name: ByteView) -> Bool {
        guard lengths & Self.bit(name.count) != 0 else { return false }
        return ranges.contains { Int($0.count) == name.count && isPrefix($0, of: name) }
    }

    /// Whether one of the names is what `name` begins with.
    func containsPrefix(of name: ByteView) -> Bool {
        ranges.contains { Int($0.count) <= name.count && isPrefix($0, of: name) }
    }

    private func isPrefix(_ range: ByteRange, of name: ByteView) -> Bool {
        var index = 0
        while index < Int(range.count) {
            guard Self.folded(name[index]) == text[Int(range.start) + index] else { return false }
            index += 1
        }
        return true
    }

    private static func bit(_ count: Int) -> UInt64 { 1 << UInt64(min(count, 63)) }

    @inline(__always)
    private static func folded(_ byte: UInt8) -> UInt8 {
        let lowered = (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
        let isPlain = (0x61...0x7a).contains(lowered) || (0x30...0x39).contains(lowered)
        return isPlain ? lowered : UInt8(ascii: "-")
    }
}
