import Core
import EventLoop
public import GatewayConfiguration
import HTTP
import Identity
import Proxy
import TLS

/// What is asked of `Explanation`.
public struct ExplanationQuestion: Sendable {
    /// PEM file of what the client presents, the leaf first.
    public var certificates: String
    /// The server name that the client asks for.
    public var serverName: String?
    /// Name of a listener; nil means the first that has a virtual host for the server name.
    public var listener: String?
    /// Target of a GET request; nil when only the handshake is asked about.
    public var path: String?
    /// When, seconds since 1970; nil for now.
    public var time: Int64?

    /// A question about `certificates`.
    public init(certificates: String) { self.certificates = certificates }
}

/// What the gateway of a configuration would say to a client, found out without running it.
///
/// Every verdict is that of the code that serves: the server name's choice, `ChainVerifier`, the
/// identity formats, parser, routes and authorizer.
public struct Explanation {
    /// Why the client or its request is refused.
    struct Failure {
        let stage: String
        let cause: String
        let reason: String
        let hint: String
        var error: TLSError?
        var status: UInt16?
    }

    let question: ExplanationQuestion
    let time: Int64
    /// Each listener, and the name of its virtual host or why there is none.
    private(set) var choices: [(listener: String, host: String?, refusal: String?)] = []
    private(set) var host: (listener: String, name: String, mode: String)?
    private(set) var chain: ChainExplanation?
    /// The lines that the upstream gets; nil when it gets none of this client.
    private(set) var headers: [String]?
    /// All that could be said of the client; nil without a valid certificate.
    private(set) var listing: IdentityListing?
    private(set) var route: RouteExplanation?
    private(set) var upstream: String?
    /// Name of the external authorizer that the request would be asked about.
    private(set) var externalAuthorizer: String?
    private(set) var failure: Failure?

    /// Whether the client, and its request if there is one, is accepted.
    public var isAccepted: Bool { failure == nil }

    /// Answers `question` for the gateway that `source` configures.
    ///
    /// - Throws: when a file cannot be used, or there is no such listener.
    public init(
        _ question: ExplanationQuestion, source: ConfigurationSource
    ) throws(GatewayError) {
        self.question = question
        time = question.time ?? Clock.now().wallSeconds
        let sources = SourceKeepers(.explanation, log: SourceLog { _, _ in })
        // Lists are read later.
        defer { withExtendedLifetime(sources) {} }
        let attempt = Attempt(source, sources)
        let settings = try attempt.settings.get()
        if let name = question.listener,
            !settings.listeners.contains(where: { $0.name == name })
        {
            throw GatewayError("there is no listener '\(name)'")
        }
        try choose(Assembly(start: settings, files: attempt.files))
    }

    /// Which virtual host it is, and what that makes of the client.
    private mutating func choose(_ assembly: Assembly) throws(GatewayError) {
        let settings = assembly.settings
        var chosen: (listener: Int, host: Int, options: ServerTLSOptions)?
        var refusal: TLSError?
        for (index, listener) in settings.listeners.enumerated() {
            if let name = question.listener, name != listener.name { continue }
            let options = assembly.tlsOptions(listener)
            switch try Self.using({ () throws(TLSConfigurationError) in
                try options.choose(serverName: question.serverName)
            }) {
            case .host(let host):
                choices.append((listener.name, options.virtualHosts[host].name, nil))
                if chosen == nil { chosen = (index, host, options) }
            case .refused(let error):
                choices.append((listener.name, nil, error.reason))
                if refusal == nil { refusal = error }
            }
        }
        guard let chosen else {
            if let refusal { refuse("serverName", refusal) }
            return
        }
        let virtualHost = chosen.options.virtualHosts[chosen.host]
        let listener = settings.listeners[chosen.listener]
        host = (listener.name, virtualHost.name, virtualHost.clientCertificate.rawValue)
        var peer: ValidatedChain?
        if virtualHost.clientCertificate != .off {
            let explained = try Self.using { () throws(TLSConfigurationError) in
                let revocation = try RevocationSet.load(
                    settings.revocation, generation: 1, now: time, previous: nil)
                return try ChainExplanation(
                    certificates: question.certificates, host: chosen.host, of: chosen.options,
                    revocation: revocation, at: time)
            }
            chain = explained
            switch explained.verdict {
            case .valid(let valid): peer = valid
            case .refused(let error):
                refuse("handshake", error)
                return
            }
        }
        let position = listener.virtualHosts[chosen.host]
        try serve(peer, settings.virtualHosts[position], assembly)
    }

    /// What comes after the handshake.
    private mutating func serve(
        _ peer: ValidatedChain?, _ settings: VirtualHostSettings, _ assembly: Assembly
    ) throws(GatewayError) {
        if let peer { listing = IdentityListing(IdentityInput(peer)) }
        let host = try assembly.virtualHost(settings)
        headers = []
        if let peer {
            // A connection whose client the virtual host's own headers cannot name is closed,
            // whatever route it would ask for; limits concern single requests.
            setHeaders(of: peer, host.identitySets[0])
            let isClosed = failure != nil && failure?.status == nil
            guard !isClosed, let path = question.path else { return }
            failure = nil
            request(path, peer, host, settings, assembly)
        } else {
            headers = Self.lines(host.identitySets[0].anonymousLines)
            guard let path = question.path else { return }
            request(path, nil, host, settings, assembly)
        }
    }

    /// What becomes of a request for `path`.
    private mutating func request(
        _ path: String, _ peer: ValidatedChain?, _ host: VirtualHost,
        _ settings: VirtualHostSettings, _ assembly: Assembly
    ) {
        let limits = assembly.settings.limits
        let explained = host.explain(
            target: path, host: authority(of: settings), isVerified: peer != nil, chain: peer,
            limits: HeadLimits(
                headBytes: limits.headBytes, fieldCount: limits.headerCount,
                targetBytes: limits.uriBytes), at: time)
        route = explained
        upstream = explained.upstream.map { assembly.settings.upstreams[$0].name }
        externalAuthorizer = explained.externalAuthorizer.map {
            assembly.settings.authorizers[$0].name
        }
        if let refused = explained.refused {
            headers = nil
            failure = Failure(
                stage: "request", cause: refused.symbol, reason: refused.detail,
                hint: "compare the request with the routes of '\(settings.name)'",
                status: refused.status)
            return
        }
        let set = host.identitySets[explained.identitySet]
        guard let peer else {
            headers = Self.lines(set.anonymousLines)
            return
        }
        setHeaders(of: peer, set)
        if failure != nil, failure?.status == nil { failure?.status = 403 }
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").map(String.init)
    }

    /// The lines of `set` for `peer`, or why there are none.
    private mutating func setHeaders(of peer: ValidatedChain, _ set: IdentityHeaderSet) {
        do throws(IdentityError) {
            headers = Self.lines(try set.lines(of: peer))
        } catch {
            headers = nil
            let isTooLarge = error == .tooLarge
            failure = Failure(
                stage: isTooLarge ? "request" : "identity",
                cause: isTooLarge ? "head_too_large" : "identity_refused",
                reason: error.explanation, hint: "\(Session.identityHint)",
                status: isTooLarge ? 431 : nil)
        }
    }

    /// What the request says in its Host field: the server name, or one that the host answers to.
    func authority(of settings: VirtualHostSettings) -> String {
        if let name = question.serverName { return name }
        let names = settings.serverNames.filter { !$0.hasPrefix("*") }
        return names.first ?? "localhost"
    }

    private static func using<Result>(
        _ body: () throws(TLSConfigurationError) -> Result
    ) throws(GatewayError) -> Result {
        do throws(TLSConfigurationError) { return try body() } catch {
            throw GatewayError("\(error)")
        }
    }

    private mutating func refuse(_ stage: String, _ error: TLSError) {
        let diagnosis = error.diagnosis
        failure = Failure(
            stage: stage, cause: diagnosis.cause.rawValue, reason: error.reason,
            hint: diagnosis.hint, error: error)
    }
}
