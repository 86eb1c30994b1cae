/// A first-in first-out queue with a fixed capacity: it refuses, never grows.
@safe
public struct FixedQueue<Element: ~Copyable>: ~Copyable {
    // Invariant: the `count` elements from `head` on, wrapping at `capacity`, are initialised.
    private let storage: UnsafeMutablePointer<Element>
    private var head = 0
    /// The most elements it can hold.
    public let capacity: Int
    /// Elements it holds now.
    public private(set) var count = 0

    /// An empty queue for at most `capacity` elements.
    public init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        unsafe storage = .allocate(capacity: capacity)
    }

    deinit {
        var index = 0
        while index < count {
            unsafe (storage + (head + index) % capacity).deinitialize(count: 1)
            index += 1
        }
        unsafe storage.deallocate()
    }

    /// Whether there is no element.
    @inline(__always)
    public var isEmpty: Bool { count == 0 }

    /// Whether no further element fits.
    @inline(__always)
    public var isFull: Bool { count == capacity }

    /// Adds `element` at the end.
    ///
    /// - Precondition: the queue is not full.
    @inline(__always)
    public mutating func append(_ element: consuming Element) {
        precondition(count < capacity, "the queue is full")
        var tail = head + count
        if tail >= capacity { tail -= capacity }
        unsafe (storage + tail).initialize(to: element)
        count += 1
    }

    /// Takes the first element, or nil when there is none.
    @inline(__always)
    public mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = unsafe (storage + head).move()
        head += 1
        if head == capacity { head = 0 }
        count -= 1
        return element
    }
}
