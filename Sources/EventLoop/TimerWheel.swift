public import Core

/// Names one scheduled timer. Stale handles are detected and ignored.
public struct TimerHandle: Equatable, Hashable, Sendable {
    /// Names no timer.
    public static let none = TimerHandle(index: -1, generation: 0)

    let index: Int32
    let generation: UInt32
}

/// Deadlines of one worker in a hierarchical wheel of 1 ms ticks.
///
/// Scheduling, cancelling and rescheduling are O(1), and each timer moves at most once per level
/// until it expires. A timer never expires early, and at most one tick late. Moving a deadline
/// *later*, the common case of idle timeouts, only notes the new deadline: the timer moves when
/// its old slot comes up.
@safe
public struct TimerWheel: ~Copyable {
    // Invariant: `nodes[0 ..< capacity]` are initialised; a live node (odd generation) is in the
    // list of exactly one slot, or in the due list; free nodes form a list through `next`.
    // A node at level L agrees with `cursor` in all digits above L and has a larger digit L.
    private struct Node {
        var owner: UInt64 = 0
        /// The tick at which it may expire.
        var tick: UInt64 = 0
        var previous: Int32 = -1
        var next: Int32 = -1
        var generation: UInt32 = 0
        /// Slot whose list it is in: level × 64 + digit, or `dueSlot`.
        var slot: UInt16 = 0
    }

    private static var levels: Int { 8 }
    private static var slotBits: Int { 6 }
    private static var slotsPerLevel: Int { 64 }
    private static var dueSlot: Int { levels * slotsPerLevel }
    private static var nanosecondsPerTick: UInt64 { 1_000_000 }

    private var nodes: UnsafeMutablePointer<Node>
    private var capacity: Int
    private var firstFree: Int32 = -1
    /// First node of each slot, the due list last.
    private let heads: UnsafeMutablePointer<Int32>
    /// Which slots of a level are not empty, one bit each.
    private let occupied: UnsafeMutablePointer<UInt64>
    /// The last tick that was looked at.
    private var cursor: UInt64
    /// Timers scheduled and not yet expired.
    public private(set) var count = 0

    /// An empty wheel whose time begins at `start`, with room for `capacity` timers before it
    /// grows.
    public init(start: Instant, capacity: Int = 1_024) {
        precondition(capacity > 0 && capacity <= Int(Int32.max))
        cursor = start.nanoseconds / Self.nanosecondsPerTick
        self.capacity = 0
        unsafe nodes = .allocate(capacity: capacity)
        unsafe heads = .allocate(capacity: Self.dueSlot + 1)
        unsafe heads.initialize(repeating: -1, count: Self.dueSlot + 1)
        unsafe occupied = .allocate(capacity: Self.levels)
        unsafe occupied.initialize(repeating: 0, count: Self.levels)
        addFreeNodes(upTo: capacity)
    }

    deinit {
        unsafe nodes.deallocate()
        unsafe heads.deallocate()
        unsafe occupied.deallocate()
    }

    // MARK: Scheduling

    /// Schedules a timer of `owner`; a deadline in the past expires with the next `expire`.
    ///
    /// - Complexity: O(1); allocates only when more timers are live than ever before.
    public mutating func schedule(owner: UInt64, at deadline: Instant) -> TimerHandle {
        if firstFree < 0 { grow() }
        let index = firstFree
        unsafe firstFree = nodes[Int(index)].next
        unsafe nodes[Int(index)].owner = owner
        unsafe nodes[Int(index)].tick = Self.tick(of: deadline)
        unsafe nodes[Int(index)].generation &+= 1
        count += 1
        place(index)
        return TimerHandle(index: index, generation: unsafe nodes[Int(index)].generation)
    }

    /// Forgets the timer; false when it has expired or was cancelled already.
    @discardableResult
    public mutating func cancel(_ handle: TimerHandle) -> Bool {
        guard contains(handle) else { return false }
        unlink(handle.index)
        release(handle.index)
        return true
    }

    /// Gives the timer another deadline; false when it has expired or was cancelled already.
    @discardableResult
    public mutating func reschedule(_ handle: TimerHandle, at deadline: Instant) -> Bool {
        guard contains(handle) else { return false }
        let tick = Self.tick(of: deadline)
        let isLater = unsafe tick >= nodes[Int(handle.index)].tick
        unsafe nodes[Int(handle.index)].tick = tick
        if !isLater {
            unlink(handle.index)
            place(handle.index)
        }
        return true
    }

    /// Whether the timer is still scheduled.
    @inline(__always)
    public func contains(_ handle: TimerHandle) -> Bool {
        guard handle.index >= 0, Int(handle.index) < capacity else { return false }
        let generation = unsafe nodes[Int(handle.index)].generation
        return generation == handle.generation && generation & 1 == 1
    }

    // MARK: Expiry

    /// When to look again: no timer expires before; `distantFuture` when there is none.
    ///
    /// A lower bound: a far deadline is known only to its slot, so a worker may wake a few times
    /// (at most once per level) before it.
    public var nextDeadline: Instant {
        guard count > 0 else { return .distantFuture }
        if unsafe heads[Self.dueSlot] >= 0 { return Self.instant(of: cursor) }
        guard let next = nextSlot() else { return .distantFuture }
        return Self.instant(of: next.tick)
    }

    /// Takes one timer whose deadline is not after `now`; nil when there is none left.
    public mutating func nextExpired(upTo now: Instant) -> UInt64? {
        let nowTick = now.nanoseconds / Self.nanosecondsPerTick
        while true {
            while true {
                let index = unsafe heads[Self.dueSlot]
                guard index >= 0 else { break }
                unlink(index)
                if unsafe nodes[Int(index)].tick > max(cursor, nowTick) {
                    place(index)
                    continue
                }
                let owner = unsafe nodes[Int(index)].owner
                release(index)
                return owner
            }
            guard nowTick > cursor else { return nil }
            guard let next = nextSlot(), next.tick <= nowTick else {
                cursor = nowTick
                return nil
            }
            cursor = next.tick
            empty(slot: next.slot)
        }
    }

    /// Takes all timers whose deadline is not after `now`.
    public mutating func expire(upTo now: Instant, _ body: (UInt64) -> Void) {
        while let owner = nextExpired(upTo: now) { body(owner) }
    }

    // MARK: Slots

    /// The first tick at which a timer may be due; deadlines are rounded up, never expire early.
    private static func tick(of deadline: Instant) -> UInt64 {
        let (whole, rest) = deadline.nanoseconds.quotientAndRemainder(
            dividingBy: nanosecondsPerTick)
        return rest == 0 ? whole : whole + 1
    }

    private static func instant(of tick: UInt64) -> Instant {
        let (product, overflow) = tick.multipliedReportingOverflow(by: nanosecondsPerTick)
        return overflow ? .distantFuture : Instant(nanoseconds: product)
    }

    /// The occupied slot that comes up first, and the tick at which it does.
    private func nextSlot() -> (slot: Int, tick: UInt64)? {
        var level = 0
        while level < Self.levels {
            let bits = unsafe occupied[level]
            if bits != 0 {
                let digit = bits.trailingZeroBitCount
                let shift = level * Self.slotBits
                let above = cursor >> UInt64(shift + Self.slotBits)
                let tick = (above << UInt64(Self.slotBits) | UInt64(digit)) << UInt64(shift)
                return (level * Self.slotsPerLevel + digit, tick)
            }
            level += 1
        }
        return nil
    }

    /// Puts a node into the slot of its tick, seen from `cursor`.
    private mutating func place(_ index: Int32) {
        let tick = unsafe nodes[Int(index)].tick
        guard tick > cursor else {
            link(index, slot: Self.dueSlot)
            return
        }
        let difference = tick ^ cursor
        let level = (63 - difference.leadingZeroBitCount) / Self.slotBits
        let digit = Int(truncatingIfNeeded: tick >> UInt64(level * Self.slotBits)) & 63
        unsafe occupied[level] |= 1 << UInt64(digit)
        link(index, slot: level * Self.slotsPerLevel + digit)
    }

    /// Moves the nodes of a slot that has come up to lower levels, or to the due list.
    private mutating func empty(slot: Int) {
        var index = unsafe heads[slot]
        unsafe heads[slot] = -1
        let (level, digit) = slot.quotientAndRemainder(dividingBy: Self.slotsPerLevel)
        unsafe occupied[level] &= ~(1 << UInt64(digit))
        while index >= 0 {
            let next = unsafe nodes[Int(index)].next
            place(index)
            index = next
        }
    }

    private mutating func link(_ index: Int32, slot: Int) {
        let head = unsafe heads[slot]
        unsafe nodes[Int(index)].slot = UInt16(truncatingIfNeeded: slot)
        unsafe nodes[Int(index)].previous = -1
        unsafe nodes[Int(index)].next = head
        if head >= 0 { unsafe nodes[Int(head)].previous = index }
        unsafe heads[slot] = index
    }

    private mutating func unlink(_ index: Int32) {
        let node = unsafe nodes[Int(index)]
        if node.next >= 0 { unsafe nodes[Int(node.next)].previous = node.previous }
        if node.previous >= 0 {
            unsafe nodes[Int(node.previous)].next = node.next
            return
        }
        let slot = Int(node.slot)
        unsafe heads[slot] = node.next
        guard node.next < 0, slot < Self.dueSlot else { return }
        let (level, digit) = slot.quotientAndRemainder(dividingBy: Self.slotsPerLevel)
        unsafe occupied[level] &= ~(1 << UInt64(digit))
    }

    // MARK: Nodes

    private mutating func release(_ index: Int32) {
        unsafe nodes[Int(index)].generation &+= 1
        unsafe nodes[Int(index)].next = firstFree
        firstFree = index
        count -= 1
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Node>.allocate(capacity: capacity * 2)
        unsafe larger.moveInitialize(from: nodes, count: capacity)
        unsafe nodes.deallocate()
        unsafe nodes = larger
        addFreeNodes(upTo: capacity * 2)
    }

    private mutating func addFreeNodes(upTo newCapacity: Int) {
        var index = newCapacity - 1
        while index >= capacity {
            unsafe (nodes + index).initialize(to: Node())
            unsafe nodes[index].next = firstFree
            firstFree = Int32(truncatingIfNeeded: index)
            index -= 1
        }
        capacity = newCapacity
    }
}
