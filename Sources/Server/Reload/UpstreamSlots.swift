import Core
import Upstream

/// Which place in every worker's list of pools an upstream has, and which counters an external
/// authorizer.
///
/// Requests in flight name their upstream by its place, under the table they began with, so a
/// place never comes to mean another upstream. An upstream whose options change gets a new pool in
/// a new place, and the old pool ages out; new members alone change the pool where it is.
struct UpstreamSlots: Sendable {
    /// Places that reloads may use up beyond those at start; then a restart is needed.
    static let spare = 256

    private(set) var options: [UpstreamOptions] = []
    private var limit: Int?
    /// Names of external authorizers by the position of their counters.
    private(set) var authorizers: [String] = []
    private var authorizerLimit: Int?

    /// Names by place: a name stands in two of them when its options have changed.
    var names: [String] { options.map(\.name) }

    /// Gives the external authorizers called `wanted` counters; false when there are not enough.
    mutating func assign(authorizers wanted: [String]) -> Bool {
        let limit = authorizerLimit ?? wanted.count + Self.spare
        let names = authorizers + wanted.filter { !authorizers.contains($0) }
        guard names.count <= limit else { return false }
        authorizers = names
        authorizerLimit = limit
        return true
    }

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
