public import Core
public import TLS

/// How one worker speaks TLS to one upstream: by whose word and by which names its servers are
/// verified, who we are, and what sessions they gave us.
public struct UpstreamSecurity {
    /// Changes with every rule, and with every byte of the files they name.
    public let digest: [UInt8]
    /// The hosts of the members as the configuration names them, by address: what is verified
    /// where no name is given for all of them.
    public var hosts: [SocketAddress: String]
    private let context: ClientTLSContext
    private let serverName: String?
    private let sni: String?
    private let reusesSessions: Bool
    private var sessions = SessionShelf()

    /// The security of an upstream.
    ///
    /// - Parameters:
    ///   - options: trust is needed. Without `verifiedName` each server is verified by its host.
    ///   - sni: what is asked for in SNI; the verified name when nil.
    ///   - now: seconds since 1970.
    public init(
        _ options: ClientTLSOptions, sni: String? = nil, hosts: [SocketAddress: String],
        digest: [UInt8], at now: Int64
    ) throws(TLSConfigurationError) {
        precondition(options.trust != nil, "an upstream is verified")
        context = try ClientTLSContext(options, at: now)
        serverName = options.verifiedName
        self.sni = sni
        self.hosts = hosts
        self.digest = digest
        reusesSessions = options.keepsSessions
    }

    /// The TLS of a connection that was just opened to `address`. Without a name to verify, its
    /// handshake fails.
    public mutating func connect(to address: SocketAddress, now: Now) -> SecureUpstream {
        let session = reusesSessions ? sessions.take(for: address, at: now.wallSeconds) : nil
        context.setTime(now)
        return SecureUpstream(
            TLSEngine(
                client: context, serverName: sni ?? serverName ?? hosts[address],
                resuming: session), context)
    }

    /// Keeps a session that the server at `address` gave us.
    public mutating func keep(_ session: ClientSession, from address: SocketAddress) {
        sessions.put(session, from: address)
    }
}

/// The sessions that the servers of one upstream gave one worker, a few for each server.
///
/// They go with the context that they were made by, so that none is offered under other rules.
struct SessionShelf {
    /// Servers whose sessions are kept; who gave none for longest goes first.
    static let memberLimit = 64
    /// Sessions of one server: as many connections may be opened to it at once, and resumed.
    static let memberSessions = 4
    /// Seconds after which a server has to show its certificate again.
    static let longestLife: Int64 = SessionOptions.longestLifetime

    private struct Member {
        let address: SocketAddress
        /// The newest is the last.
        var sessions: [ClientSession]
    }

    /// Who gave a session last is the last.
    private var members: [Member] = []

    /// Sessions kept.
    var count: Int { members.reduce(0) { $0 + $1.sessions.count } }

    /// A session to offer to the server at `address`, the newest one; nil when there is none.
    mutating func take(for address: SocketAddress, at now: Int64) -> ClientSession? {
        guard let index = members.firstIndex(where: { $0.address == address }) else { return nil }
        members[index].sessions.removeAll {
            !($0.authenticatedAt...$0.authenticatedAt + Self.longestLife).contains(now)
        }
        guard let newest = members[index].sessions.last else { return nil }
        if newest.isForOneConnection { members[index].sessions.removeLast() }
        return newest
    }

    /// Keeps `session`; the oldest of the server, or the server that gave none for longest, goes.
    mutating func put(_ session: ClientSession, from address: SocketAddress) {
        var member = Member(address: address, sessions: [])
        if let index = members.firstIndex(where: { $0.address == address }) {
            member = members.remove(at: index)
        } else if members.count == Self.memberLimit {
            members.removeFirst()
        }
        if member.sessions.count == Self.memberSessions { member.sessions.removeFirst() }
        member.sessions.append(session)
        members.append(member)
    }
}
