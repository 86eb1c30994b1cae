import Core

/// What an exchange wants sent over TLS, a head in pieces or one chunk, and how far it is
/// encrypted. The bytes stay the exchange's, which keeps them until the send is reported.
struct OutgoingPlaintext {
    // No list is made where none is sent, and it is copied once for each step: either would cost
    // more than the pieces.
    private var segments: SegmentList?
    private var chunk = ByteView.empty
    private var count = 0
    private var index = 0
    private var offset = 0
    /// Bytes of all pieces; 0 when nothing is to be sent.
    private(set) var totalBytes = 0

    /// Nothing.
    init() {}

    init(_ segments: SegmentList) {
        self.segments = segments
        count = segments.count
        totalBytes = segments.totalBytes
    }

    init(_ chunk: ByteView) {
        self.chunk = chunk
        count = chunk.isEmpty ? 0 : 1
        totalBytes = chunk.count
    }

    /// Whether everything is encrypted.
    var isEncrypted: Bool { index == count }

    /// Whether another piece follows the one that is encrypted next.
    var hasMore: Bool { index + 1 < count }

    /// What is left of the piece that is encrypted next.
    ///
    /// - Precondition: not everything is encrypted.
    var next: ByteView { (segments?[index] ?? chunk).dropFirst(offset) }

    /// Copies what comes next into `buffer`, at most `limit` bytes of it.
    func gather(into buffer: inout Buffer, limit: Int) {
        guard let list = segments else { return }
        var position = index
        var start = offset
        while position < count, buffer.count < limit {
            let piece = list[position].dropFirst(start)
            buffer.append(piece.prefix(min(piece.count, limit - buffer.count)))
            position += 1
            start = 0
        }
    }

    /// The next `bytes` bytes are encrypted.
    mutating func advance(by bytes: Int) {
        let list = segments
        var left = bytes
        while left > 0 {
            let rest = (list?[index] ?? chunk).count - offset
            let step = min(left, rest)
            offset += step
            left -= step
            if step == rest {
                index += 1
                offset = 0
            }
        }
    }
}
