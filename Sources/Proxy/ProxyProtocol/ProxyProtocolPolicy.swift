public import Core

/// Which connections of a listener begin with a PROXY header.
///
/// A header is read from listed sources only, so that nobody else can claim an address.
public struct ProxyProtocolPolicy: Sendable {
    /// What the listener is for.
    public enum Mode: String, Sendable {
        /// Clients only: a header is a failed handshake like any other nonsense.
        case off
        /// Balancers only: listed sources send a header, other sources are refused.
        case required
        /// Both: listed sources may send a header, other sources are clients.
        case optional
    }

    /// What a new connection has to begin with.
    public enum Expectation: Sendable, Equatable {
        /// TLS.
        case none
        /// A header or TLS.
        case optional
        /// A header.
        case required
        /// Nothing: it is closed.
        case refused
    }

    private let mode: Mode
    private let sources: AddressList
    private let includesUnixPeers: Bool

    /// The policy for `mode`, where headers come from `sources`, and from peers on Unix-domain
    /// sockets when `includesUnixPeers`.
    public init(
        mode: Mode = .off, sources: AddressList = AddressList(), includesUnixPeers: Bool = false
    ) {
        self.mode = mode
        self.sources = sources
        self.includesUnixPeers = includesUnixPeers
    }

    /// What a connection from `peer` has to begin with.
    public func expectation(of peer: SocketAddress) -> Expectation {
        if mode == .off { return .none }
        let isUnix = if case .unix = peer { true } else { false }
        let isListed = isUnix ? includesUnixPeers : sources.contains(peer)
        return switch mode {
        case .off: .none
        case .required: isListed ? .required : .refused
        case .optional: isListed ? .optional : .none
        }
    }
}
