/// Things in order of arrival, whose owner knows which of them still live.
///
/// Those that ended are dropped when they are met at the front, or when more of them than live ones
/// have gathered: so an arrival costs a constant amount of work, and the list stays within a small
/// multiple of what lives.
public struct Arrivals<Element: Sendable>: Sendable {
    // Invariant: entries before `head` are forgotten.
    private var entries: [Element] = []
    private var head = 0

    private static var slack: Int { 32 }

    /// Nothing has arrived.
    public init() {}

    /// Adds `element`. `live` is how many live, and `isLive` tells which.
    public mutating func append(_ element: Element, live: Int, isLive: (Element) -> Bool) {
        if entries.count >= 2 * live + Self.slack {
            entries = entries[head...].filter(isLive)
            head = 0
        }
        entries.append(element)
    }

    /// The first of which `matches` holds, which stays; those before it are forgotten.
    public mutating func first(where matches: (Element) -> Bool) -> Element? {
        while head < entries.count {
            if matches(entries[head]) { return entries[head] }
            head += 1
        }
        entries.removeAll(keepingCapacity: true)
        head = 0
        return nil
    }
}
