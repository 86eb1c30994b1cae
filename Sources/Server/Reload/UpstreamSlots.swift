import Core
import Upstream

/// Which place in every worker's list of pools an upstream has.
///
/// Requests in flight name their upstream by its place, under the table they began with, so a
/// place never comes to mean another upstream. An upstream whose options change gets a new pool in
/// a new place, and the old pool ages out; new members alone change the pool where it is.
struct UpstreamSlots: Sendable {
    /// Places that reloads may use up beyond those at start; then a restart is needed.
    static let spare = 256

    private(set) var options: [UpstreamOptions] = []
    private var limit: Int?

    /// Names by place: a name stands in two of them when its options have changed.
    var names: [String] { options.map(\.name) }

    /// The places of `wanted`, in its order; nil when there are not enough.
    mutating func assign(_ wanted: [UpstreamOptions]) -> [Int]? {
        let limit = limit ?? wanted.count + Self.spare
        var places: [Int] = []
        var options = options
        for upstream in wanted {
            var key = upstream
            key.members = []
            if let place = options.firstIndex(of: key) {
                places.append(place)
            } else {
                guard options.count < limit else { return nil }
                places.append(options.count)
                options.append(key)
            }
        }
        self.options = options
        self.limit = limit
        return places
    }
}
