public import Core

/// One field line of a parsed head, as offsets into the head's bytes.
public struct Field: Sendable {
    /// What becomes of a field when the head is rewritten.
    public enum Disposition: UInt8, Sendable {
        /// It is forwarded as it stands.
        case keep
        /// It belongs to this hop only (RFC 9110 §7.6.1).
        case hopByHop
        /// The sender nominated it in `Connection`.
        case nominated
        /// It has a name that only Postern may set (S24).
        case owned
        /// It claims a forwarding path, and its sender is not trusted to (S25).
        case forwarding
        /// Its name holds `_` or `.` and is not an exception (S23).
        case suspicious
        /// Postern writes this line itself (Host, framing, Expect).
        case rewritten
    }

    private var lineStart: UInt32
    private var nameCount: UInt32
    private var valueStart: UInt32
    private var valueCount: UInt32
    private var lineCount: UInt32
    /// The interned name.
    public var id: FieldName
    /// Whether the name holds only letters, digits and `-`.
    public var hasPlainName: Bool
    /// What becomes of the field; `keep` until the head is screened.
    public var disposition: Disposition

    @inline(__always)
    init(line: ByteRange, nameCount: Int, value: ByteRange, id: FieldName, hasPlainName: Bool) {
        lineStart = line.start
        lineCount = line.count
        self.nameCount = UInt32(truncatingIfNeeded: nameCount)
        valueStart = value.start
        valueCount = value.count
        self.id = id
        self.hasPlainName = hasPlainName
        disposition = .keep
    }

    /// The name.
    @inline(__always)
    public var name: ByteRange { ByteRange(start: Int(lineStart), count: Int(nameCount)) }

    /// The value without the white space around it.
    @inline(__always)
    public var value: ByteRange { ByteRange(start: Int(valueStart), count: Int(valueCount)) }

    /// The whole line, CRLF included.
    @inline(__always)
    public var line: ByteRange { ByteRange(start: Int(lineStart), count: Int(lineCount)) }
}

/// The fields of one head: a table of fixed capacity, allocated once and used again.
@safe
public struct HeadStorage: ~Copyable {
    // Invariant: fields[0 ..< count] are initialised (Field is trivial), count ≤ capacity.
    private let fields: UnsafeMutablePointer<Field>
    /// The most fields it can hold.
    public let capacity: Int
    /// Fields of the head parsed last.
    public private(set) var count = 0
    /// Bits (`FieldName.bit`) of the known names that occur.
    public private(set) var present: UInt64 = 0
    /// Bits of the known names that occur more than once.
    public private(set) var repeated: UInt64 = 0
    /// Whether `Connection` names anything but its usual options.
    public internal(set) var hasNominations = false
    /// What the screening of this head dropped.
    public internal(set) var dropped = DroppedFields()
    /// Whether dispositions have been decided.
    public internal(set) var isScreened = false

    /// A table for `capacity` fields; use the head limit's `fieldCount`.
    public init(capacity: Int = 100) {
        precondition(capacity > 0)
        self.capacity = capacity
        unsafe fields = .allocate(capacity: capacity)
    }

    deinit { unsafe fields.deallocate() }

    /// The field at `index`, in the order of the head.
    public subscript(index: Int) -> Field {
        @inline(__always)
        get {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            return unsafe fields[index]
        }
    }

    /// The first field named `id`.
    @inline(__always)
    public func first(_ id: FieldName) -> Field? {
        guard present & id.bit != 0 else { return nil }
        var index = 0
        while index < count {
            if unsafe fields[index].id == id { return unsafe fields[index] }
            index &+= 1
        }
        return nil
    }

    /// Whether a field named `id` occurs.
    @inline(__always)
    public func contains(_ id: FieldName) -> Bool { present & id.bit != 0 }

    /// Forgets the head.
    @inline(__always)
    public mutating func removeAll() {
        count = 0
        present = 0
        repeated = 0
        hasNominations = false
        isScreened = false
        dropped = DroppedFields()
    }

    // MARK: Keeping

    private struct Summary {
        var count: Int
        var present: UInt64
        var repeated: UInt64
        var hasNominations: Bool
    }

    /// Appends the table to `buffer`, for `restore`: a fraction of what parsing again takes.
    ///
    /// - Precondition: the head is not screened.
    /// - Returns: whether it fits; if not, `buffer` is as before.
    public func save(to buffer: inout Buffer) -> Bool {
        precondition(!isScreened, "what becomes of fields is not saved")
        var summary = Summary(
            count: count, present: present, repeated: repeated, hasNominations: hasNominations)
        let bytes = unsafe UnsafeRawBufferPointer(
            start: fields, count: count * MemoryLayout<Field>.stride)
        return unsafe withUnsafeBytes(of: &summary) { summary in
            guard buffer.available >= summary.count + bytes.count else { return false }
            buffer.append(unsafe ByteView(summary))
            buffer.append(unsafe ByteView(bytes))
            return true
        }
    }

    /// Makes the table what it was when `save` wrote `saved`.
    ///
    /// - Precondition: the table that was saved had this one's capacity at most.
    public mutating func restore(from saved: ByteView) {
        let head = MemoryLayout<Summary>.size
        precondition(saved.count >= head)
        let summary = unsafe saved.raw.loadUnaligned(as: Summary.self)
        let bytes = saved.dropFirst(head)
        precondition(summary.count >= 0 && summary.count <= capacity)
        precondition(bytes.count == summary.count * MemoryLayout<Field>.stride)
        removeAll()
        if let start = unsafe bytes.raw.baseAddress {
            unsafe UnsafeMutableRawPointer(fields).copyMemory(
                from: start, byteCount: bytes.count)
        }
        count = summary.count
        present = summary.present
        repeated = summary.repeated
        hasNominations = summary.hasNominations
    }

    @inline(__always)
    mutating func append(_ field: Field) {
        precondition(count < capacity)
        unsafe (fields + count).initialize(to: field)
        count &+= 1
        repeated |= present & field.id.bit & ~FieldName.other.bit
        present |= field.id.bit
    }

    @inline(__always)
    mutating func setDisposition(_ disposition: Field.Disposition, at index: Int) {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
        unsafe fields[index].disposition = disposition
    }
}
