/// A text in which `*` stands for any run of bytes and `?` for any one; all others stand
/// for themselves, and `\` in front makes a `*`, `?` or `\` do so.
public struct WildcardPattern: Equatable, Sendable {
    private enum Piece: Equatable, Sendable {
        case byte(UInt8)
        case one
        case run
    }

    private var pieces: [Piece] = []

    /// Whether `*` or `?` stands in it.
    public var hasWildcards: Bool {
        pieces.contains { $0 == .run || $0 == .one }
    }

    /// The pattern that `text` spells.
    ///
    /// - Parameter hasEscapes: whether `\` makes the next character stand for itself.
    public init(_ text: String, hasEscapes: Bool = true) {
        var isEscaped = false
        for byte in text.utf8 {
            if isEscaped {
                pieces.append(.byte(byte))
                isEscaped = false
                continue
            }
            switch byte {
            case UInt8(ascii: "\\") where hasEscapes: isEscaped = true
            case UInt8(ascii: "*"): if pieces.last != .run { pieces.append(.run) }
            case UInt8(ascii: "?"): pieces.append(.one)
            default: pieces.append(.byte(byte))
            }
        }
        if isEscaped { pieces.append(.byte(UInt8(ascii: "\\"))) }
    }

    /// Whether the whole of `text` is like this. `ignoringCase` compares ASCII letters of either
    /// case as one.
    ///
    /// - Complexity: O(pattern × text) at worst.
    public func matches(_ text: [UInt8], ignoringCase: Bool = false) -> Bool {
        var piece = 0
        var index = 0
        // Where to go on when a guess at the length of the last run fails.
        var retry: (piece: Int, index: Int)?
        while index < text.count {
            if piece < pieces.count, pieces[piece] == .run {
                piece += 1
                retry = (piece, index)
            } else if piece < pieces.count,
                Self.matches(pieces[piece], text[index], ignoringCase)
            {
                piece += 1
                index += 1
            } else if let last = retry {
                piece = last.piece
                index = last.index + 1
                retry = (piece, index)
            } else {
                return false
            }
        }
        return pieces[piece...].allSatisfy { $0 == .run }
    }

    private static func matches(_ piece: Piece, _ byte: UInt8, _ ignoringCase: Bool) -> Bool {
        switch piece {
        case .byte(let own): own == byte || ignoringCase && lowered(own) == lowered(byte)
        case .one: true
        case .run: false
        }
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
    }
}
