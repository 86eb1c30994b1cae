/// Names an element of a `Slab`: a slot, and the generation it had when the element moved in.
public struct SlabHandle: Equatable, Hashable, Sendable {
    /// Index of the slot.
    public var slot: UInt32
    /// Odd while the slot is occupied, even while it is free; never reused with the same value
    /// until the 24 bits wrap.
    public var generation: UInt32

    /// The handle with the given parts.
    @inline(__always)
    public init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }
}

/// Elements at stable addresses, named by generation-checked handles.
///
/// The space for all `capacity` elements is reserved at once (and touched only when used), so an
/// element never moves and a stale handle is detected, never dereferenced.
@safe
public struct Slab<Element: ~Copyable>: ~Copyable {
    // Invariant: `elements[i]` is initialised exactly when `generations[i]` is odd;
    // `freeSlots[0 ..< freeCount]` are slots below `touched` with an even generation.
    private let elements: UnsafeMutablePointer<Element>
    private let generations: UnsafeMutablePointer<UInt32>
    private let freeSlots: UnsafeMutablePointer<UInt32>
    private var freeCount = 0
    private var touched = 0
    /// The most elements it can hold.
    public let capacity: Int
    /// Elements it holds now.
    public private(set) var count = 0

    /// Generations are 24 bits wide, so that a handle and an operation fit in 64 bits.
    private static var generationMask: UInt32 { 0x00ff_ffff }

    /// An empty slab for at most `capacity` elements.
    public init(capacity: Int) {
        precondition(capacity > 0 && capacity < Int(UInt32.max))
        self.capacity = capacity
        unsafe elements = .allocate(capacity: capacity)
        unsafe generations = .allocate(capacity: capacity)
        unsafe freeSlots = .allocate(capacity: capacity)
    }

    deinit {
        var slot = 0
        while slot < touched {
            if unsafe generations[slot] & 1 == 1 {
                unsafe (elements + slot).deinitialize(count: 1)
            }
            slot += 1
        }
        unsafe elements.deallocate()
        unsafe generations.deallocate()
        unsafe freeSlots.deallocate()
    }

    /// Whether no further element fits.
    public var isFull: Bool { count == capacity }

    /// Number of slots that were ever used: all live handles have a smaller slot.
    public var slotsInUse: Int { touched }

    /// The handle that the next `insert` will return; nil when the slab is full.
    public var nextHandle: SlabHandle? {
        guard count < capacity else { return nil }
        guard freeCount > 0 else { return SlabHandle(slot: UInt32(touched), generation: 1) }
        let slot = unsafe freeSlots[freeCount - 1]
        let generation = unsafe (generations[Int(slot)] &+ 1) & Self.generationMask
        return SlabHandle(slot: slot, generation: generation)
    }

    /// Moves `element` in.
    ///
    /// - Precondition: the slab is not full.
    public mutating func insert(_ element: consuming Element) -> SlabHandle {
        precondition(count < capacity, "the slab is full")
        let slot: Int
        if freeCount > 0 {
            freeCount -= 1
            slot = unsafe Int(freeSlots[freeCount])
            unsafe generations[slot] = (generations[slot] &+ 1) & Self.generationMask
        } else {
            slot = touched
            touched += 1
            unsafe (generations + slot).initialize(to: 1)
        }
        unsafe (elements + slot).initialize(to: element)
        count += 1
        return SlabHandle(slot: UInt32(slot), generation: unsafe generations[slot])
    }

    /// Moves the element out; its handle is stale from here on.
    ///
    /// - Precondition: the handle is live.
    public mutating func remove(_ handle: SlabHandle) -> Element {
        precondition(contains(handle), "stale handle")
        let slot = Int(handle.slot)
        unsafe generations[slot] = (generations[slot] &+ 1) & Self.generationMask
        unsafe freeSlots[freeCount] = handle.slot
        freeCount += 1
        count -= 1
        return unsafe (elements + slot).move()
    }

    /// Whether `handle` still names an element.
    @inline(__always)
    public func contains(_ handle: SlabHandle) -> Bool {
        let slot = Int(handle.slot)
        guard slot < touched else { return false }
        return unsafe generations[slot] == handle.generation && handle.generation & 1 == 1
    }

    /// The live handle of the element in `slot`, if the slot is occupied.
    public func handle(inSlot slot: Int) -> SlabHandle? {
        guard slot < touched, unsafe generations[slot] & 1 == 1 else { return nil }
        return SlabHandle(slot: UInt32(slot), generation: unsafe generations[slot])
    }

    /// The element that `handle` names.
    ///
    /// - Precondition: the handle is live.
    public subscript(handle: SlabHandle) -> Element {
        @inline(__always)
        unsafeAddress {
            precondition(contains(handle), "stale handle")
            return unsafe UnsafePointer(elements + Int(handle.slot))
        }
        @inline(__always)
        unsafeMutableAddress {
            precondition(contains(handle), "stale handle")
            return unsafe elements + Int(handle.slot)
        }
    }
}
