import Core

/// Searches over borrowed bytes, eight at a time (SWAR), with every load bounds-checked here.
///
/// The one file of this target that reads memory without going through `ByteView`. A search
/// returns the index of the first byte of interest, or `count` when there is none.
@safe
struct ByteScanner {
    // Invariant: every access below is to an index in 0 ..< bytes.count.
    private let bytes: UnsafeRawBufferPointer

    @inline(__always)
    init(_ view: ByteView) { unsafe bytes = view.raw }

    @inline(__always)
    var count: Int { unsafe bytes.count }

    @inline(__always)
    subscript(index: Int) -> UInt8 {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
        return unsafe bytes[index]
    }

    /// Eight bytes at `index`, the first one lowest.
    ///
    /// - Precondition: 0 ≤ index, index + 8 ≤ count; the callers' loops have checked it.
    @inline(__always)
    private func word(at index: Int) -> UInt64 {
        assert(index >= 0 && index + 8 <= count)
        return unsafe UInt64(
            littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
    }

    /// At most eight bytes at `start` with bit 5 set, zero-padded: lower case for plain names.
    @inline(__always)
    func foldedWord(at start: Int, count length: Int) -> UInt64 {
        precondition(start >= 0 && length > 0 && length <= 8 && start + length <= count)
        let mask = UInt64.max &>> UInt64((8 &- length) &* 8)
        if start + 8 <= count {
            return (word(at: start) | Self.each(0x20)) & mask
        }
        var folded: UInt64 = 0
        var index = 0
        while index < length {
            folded |= UInt64(self[start + index] | 0x20) &<< UInt64(index &* 8)
            index += 1
        }
        return folded
    }

    /// First byte that a field value must not hold: a control character other than HTAB.
    @inline(__always)
    func endOfFieldValue(from start: Int) -> Int {
        var index = start
        while index &+ 16 <= count {
            let flags = Self.controls(word(at: index)) | Self.controls(word(at: index &+ 8))
            if flags != 0 { break }
            index &+= 16
        }
        while index &+ 8 <= count {
            let flags = Self.controls(word(at: index))
            if flags == 0 {
                index &+= 8
                continue
            }
            index &+= flags.trailingZeroBitCount &>> 3
            if self[index] != 0x09 { return index }
            index &+= 1
        }
        while index < count {
            let byte = self[index]
            if (byte < 0x20 && byte != 0x09) || byte == 0x7f { return index }
            index &+= 1
        }
        return index
    }

    /// Flags (bit 7) the bytes below 0x20 or equal to 0x7f. The lowest flag is exact; a borrow can
    /// raise wrong ones above it only.
    @inline(__always)
    private static func controls(_ word: UInt64) -> UInt64 {
        let control = (word &- each(0x20)) & ~word
        let delete = word ^ each(0x7f)
        return (control | ((delete &- each(1)) & ~delete)) & each(0x80)
    }

    /// First byte that is not a visible ASCII character (0x21 to 0x7e).
    @inline(__always)
    func endOfVisible(from start: Int) -> Int {
        var index = start
        while index + 8 <= count {
            let word = word(at: index)
            let low = word & Self.each(0x7f)
            let isVisible = (low &+ Self.each(0x5f)) & ~(low &+ Self.each(1)) & ~word
            let flags = ~isVisible & Self.each(0x80)
            if flags != 0 { return index &+ flags.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < count, self[index] > 0x20, self[index] < 0x7f { index &+= 1 }
        return index
    }

    /// First byte that is not a letter, a digit or `-`.
    @inline(__always)
    func endOfPlainName(from start: Int) -> Int {
        var index = start
        while index + 8 <= count {
            let word = word(at: index)
            let low = word & Self.each(0x7f)
            let lower = low | Self.each(0x20)
            let isLetter = (lower &+ Self.each(0x80 - 0x61)) & ~(lower &+ Self.each(0x7f - 0x7a))
            let isDigit = (low &+ Self.each(0x80 - 0x30)) & ~(low &+ Self.each(0x7f - 0x39))
            let isHyphen = ~((low ^ Self.each(0x2d)) &+ Self.each(0x7f))
            let flags = ~((isLetter | isDigit | isHyphen) & ~word) & Self.each(0x80)
            if flags != 0 { return index &+ flags.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < count, self[index].isPlainNameByte { index &+= 1 }
        return index
    }

    /// First byte that is not a `tchar` (RFC 9110 §5.6.2).
    @inline(__always)
    func endOfToken(from start: Int) -> Int {
        var index = start
        while index < count, self[index].isTokenByte { index &+= 1 }
        return index
    }

    /// First LF.
    @inline(__always)
    func lineFeed(from start: Int) -> Int {
        var index = start
        while index + 8 <= count {
            let difference = word(at: index) ^ Self.each(0x0a)
            let flags = (difference &- Self.each(1)) & ~difference & Self.each(0x80)
            if flags != 0 { return index &+ flags.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < count, self[index] != 0x0a { index &+= 1 }
        return index
    }

    /// Whether bytes after the first `scanned` make another parse worth while: they end the start
    /// line, they hold a bare LF (which the parse will refuse), or they may end the head.
    func mayEndHead(afterFirst scanned: Int) -> Bool {
        // The last three bytes seen before may begin the CRLF CRLF.
        var index = lineFeed(from: max(0, scanned - 3))
        if index < count, lineFeed(from: 0) >= scanned { return true }
        while index < count {
            if index == 0 || self[index - 1] != 0x0d { return true }
            if index + 1 < count, self[index + 1] == 0x0a { return true }
            if index + 2 < count, self[index + 1] == 0x0d, self[index + 2] == 0x0a { return true }
            index = lineFeed(from: index + 1)
        }
        return false
    }

    @inline(__always)
    private static func each(_ byte: UInt64) -> UInt64 { byte &* 0x0101_0101_0101_0101 }
}

extension UInt8 {
    /// Letter, digit or `-`.
    @inline(__always)
    var isPlainNameByte: Bool { isDigit || isLetter || self == 0x2d }

    /// `A` to `Z` and `a` to `z`.
    @inline(__always)
    var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }

    /// `0` to `9`.
    @inline(__always)
    var isDigit: Bool { self &- 0x30 < 10 }

    /// `tchar` of RFC 9110 §5.6.2: two 64-bit sets, one for each half of ASCII.
    @inline(__always)
    var isTokenByte: Bool {
        if self >= 0x80 { return false }
        let set: UInt64 = self < 0x40 ? 0x03ff_6cfa_0000_0000 : 0x57ff_ffff_c7ff_fffe
        return (set &>> UInt64(self & 0x3f)) & 1 == 1
    }

    /// The byte in lower case if it is an ASCII letter.
    @inline(__always)
    var lowered: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    /// Lower case; anything but a letter or a digit becomes `-` (the alias class of S23, S24).
    @inline(__always)
    var folded: UInt8 { isDigit ? self : isLetter ? self | 0x20 : 0x2d }

    /// The value of a hexadecimal digit.
    @inline(__always)
    var hexValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let lower = self | 0x20
        return lower &- 0x61 < 6 ? lower &- 0x57 : nil
    }
}

extension ByteView {
    /// Whether the bytes are those of `literal`, in any ASCII letter case.
    ///
    /// - Precondition: `literal` is in lower case.
    @inline(__always)
    func equalsIgnoringCase(_ literal: StaticString) -> Bool {
        equalsIgnoringCase(ByteView(literal))
    }

    /// Whether the bytes are those of `lower`, which is in lower case, in any ASCII letter case.
    @inline(__always)
    func equalsIgnoringCase(_ lower: ByteView) -> Bool {
        guard count == lower.count else { return false }
        var index = 0
        while index < count {
            guard self[index].lowered == lower[index] else { return false }
            index &+= 1
        }
        return true
    }
}
