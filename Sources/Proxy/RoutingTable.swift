public import Authorization
public import HTTP
import TLS

/// What decides on the requests of one listener: its virtual hosts, and what is done to messages.
///
/// Immutable. A reload makes a new one for each worker; a session keeps the one it began with and
/// moves to a newer one between two requests (`Session.replaceTable`), so that a request never
/// sees two configurations. One for each worker: a retain touches no other core's memory.
public final class RoutingTable {
    /// Virtual hosts, in the order of the listener's TLS context.
    public let virtualHosts: [VirtualHost]
    /// Which fields never come from a client.
    public let firewall: HeaderFirewall
    /// Which trailers of a request are passed on.
    public let requestTrailers: RequestTrailers
    /// Names of the upstreams by index, for log lines.
    public let upstreamNames: [String]
    /// Which forwarding fields are written; nil for none (inbound ones are removed all the same).
    public let forwarding: ForwardedHeaders.Style?
    /// Peers whose own forwarding fields are kept.
    public let trustedProxies: AddressList
    /// External authorizers; nil in the places of others.
    public let authorizers: [ExternalAuthorizer?]
    /// Whether `X-Request-Id` is written.
    public let addsRequestID: Bool
    /// Whether `Via` is added in both directions.
    public let addsVia: Bool

    private let indexByName: [String: Int]

    /// The table with the given parts.
    public init(
        virtualHosts: [VirtualHost], firewall: HeaderFirewall, upstreamNames: [String],
        forwarding: ForwardedHeaders.Style?, trustedProxies: AddressList, addsRequestID: Bool,
        addsVia: Bool, requestTrailers: RequestTrailers = RequestTrailers(),
        authorizers: [ExternalAuthorizer?] = []
    ) {
        self.virtualHosts = virtualHosts
        self.firewall = firewall
        self.requestTrailers = requestTrailers
        self.upstreamNames = upstreamNames
        self.forwarding = forwarding
        self.authorizers = authorizers
        self.trustedProxies = trustedProxies
        self.addsRequestID = addsRequestID
        self.addsVia = addsVia
        indexByName = Dictionary(
            virtualHosts.enumerated().map { ($0.element.name, $0.offset) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Signs questions of external authorizers by what `signing` says.
    public func sign(by signing: RequestSigning) {
        for authorizer in authorizers { authorizer?.sign(by: signing) }
    }

    /// Where connections of `host`, which stands in an older table, belong in this one: the
    /// virtual host of that name, if `peer` has proved what is asked there; else nowhere.
    func place(for host: VirtualHost, peer: VerifiedPeer?) -> Int? {
        guard let index = indexByName[host.name],
            virtualHosts[index].admission.includes(peer, of: host.admission)
        else { return nil }
        return index
    }
}
