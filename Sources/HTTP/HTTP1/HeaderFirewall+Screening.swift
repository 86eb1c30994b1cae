public import Core

/// How many fields of one head are not forwarded, by reason.
public struct DroppedFields: Equatable, Sendable {
    /// Fields of this hop only.
    public internal(set) var hopByHop: UInt16 = 0
    /// Fields nominated in `Connection`.
    public internal(set) var nominated: UInt16 = 0
    /// Fields with an owned name.
    public internal(set) var owned: UInt16 = 0
    /// Forwarding fields of a sender that is not trusted.
    public internal(set) var forwarding: UInt16 = 0
    /// Fields whose name holds `_` or `.`.
    public internal(set) var suspicious: UInt16 = 0

    init() {}

    @inline(__always)
    mutating func count(_ disposition: Field.Disposition) {
        switch disposition {
        case .keep, .rewritten: break
        case .hopByHop: hopByHop &+= 1
        case .nominated: nominated &+= 1
        case .owned: owned &+= 1
        case .forwarding: forwarding &+= 1
        case .suspicious: suspicious &+= 1
        }
    }
}

/// Whom the sender of a request is trusted to speak for (S25).
public struct ScreenOptions: Sendable {
    /// The peer is a listed trusted hop: `Forwarded`, `X-Forwarded-*`, `X-Real-IP` and
    /// `X-Request-Id` stay, unless they are owned.
    public var trustsForwarding: Bool
    /// The peer is verified and listed: `X-Forwarded-Client-Cert` stays.
    public var trustsClientCertificate: Bool

    /// The peer is a listed trusted hop: `X-Request-Id` stays even when it is owned. The caller
    /// goes on to `RequestID.received`.
    public var trustsRequestID: Bool

    /// By default nobody is trusted.
    public init(
        trustsForwarding: Bool = false, trustsClientCertificate: Bool = false,
        trustsRequestID: Bool = false
    ) {
        self.trustsForwarding = trustsForwarding
        self.trustsClientCertificate = trustsClientCertificate
        self.trustsRequestID = trustsRequestID
    }
}

extension HeaderFirewall {
    /// The most nominations a request may make; they are matched against every field.
    static var nominationLimit: Int { 32 }

    private static var hopByHop: UInt64 {
        FieldName.connection.bit | FieldName.keepAlive.bit | FieldName.proxyConnection.bit
            | FieldName.te.bit | FieldName.trailer.bit | FieldName.upgrade.bit
            | FieldName.http2Settings.bit | FieldName.proxyAuthorization.bit
            | FieldName.proxyAuthenticate.bit
    }

    private static var forwarding: UInt64 {
        FieldName.forwarded.bit | FieldName.xForwardedFor.bit | FieldName.xForwardedProto.bit
            | FieldName.xForwardedHost.bit | FieldName.xForwardedPort.bit | FieldName.xRealIP.bit
    }

    /// What only a trusted hop may say. The identifier may be nominated, unlike the others: nobody
    /// decides anything by its absence.
    private static var trusted: UInt64 { forwarding | FieldName.xRequestID.bit }

    /// Names that a client must not have removed: S23, and the framing.
    private static var notNominable: UInt64 {
        forwarding | FieldName.host.bit | FieldName.contentLength.bit
            | FieldName.transferEncoding.bit | FieldName.authorization.bit | FieldName.cookie.bit
            | FieldName.expect.bit | FieldName.xForwardedClientCert.bit
    }

    /// Decides the disposition of every field of a request, in place.
    ///
    /// What stays `keep` is what an authorizer may see and what `RequestRewriter` forwards.
    /// - Throws: 400 for an alias of a framing name, and for nominations that S23 forbids.
    @discardableResult
    public func screenRequest(
        _ bytes: ByteView, _ storage: inout HeadStorage, options: ScreenOptions = ScreenOptions()
    ) throws(RequestError) -> DroppedFields {
        var dropped = DroppedFields()
        var index = 0
        while index < storage.count {
            let disposition = try disposition(bytes, storage[index], options)
            if disposition != .keep {
                storage.setDisposition(disposition, at: index)
                dropped.count(disposition)
            }
            index &+= 1
        }
        if storage.hasNominations { try applyNominations(bytes, &storage, &dropped) }
        storage.isScreened = true
        storage.dropped = dropped
        return dropped
    }

    @inline(__always)
    private func disposition(
        _ bytes: ByteView, _ field: Field, _ options: ScreenOptions
    ) throws(RequestError) -> Field.Disposition {
        if field.id != .other {
            let bit = field.id.bit
            if bit & Self.ordinary & ~ownedKnown != 0 { return .keep }
            if bit & Self.hopByHop != 0 { return .hopByHop }
            if field.id == .transferEncoding { return .rewritten }
            if field.id == .xForwardedClientCert {
                return options.trustsClientCertificate ? .keep : .owned
            }
            if bit & ownedKnown != 0 {
                return field.id == .xRequestID && options.trustsRequestID ? .keep : .owned
            }
            return bit & Self.trusted != 0 && !options.trustsForwarding ? .forwarding : .keep
        }
        let name = bytes[field.name]
        switch field.hasPlainName ? classifyPlain(name) : classifyUnusual(name) {
        case .pass: return .keep
        case .owned: return .owned
        case .forwarding:
            // An alias of a forwarding name is dropped even from a trusted hop.
            return options.trustsForwarding && field.hasPlainName ? .keep : .forwarding
        case .suspicious: return .suspicious
        case .framingAlias: throw .badRequest("alias of a framing name")
        }
    }

    /// Known names that need no further look unless they are owned.
    private static var ordinary: UInt64 {
        ~(hopByHop | trusted | FieldName.transferEncoding.bit
            | FieldName.xForwardedClientCert.bit)
    }

    /// Marks the fields that `Connection` nominates (RFC 9110 §7.6.1), after checking S23.
    @inline(never)
    private func applyNominations(
        _ bytes: ByteView, _ storage: inout HeadStorage, _ dropped: inout DroppedFields
    ) throws(RequestError) {
        var nominations = 0
        var index = 0
        while index < storage.count {
            let field = storage[index]
            index += 1
            guard field.id == .connection else { continue }
            var tokens = TokenList(bytes[field.value])
            while let token = tokens.next() {
                let id = FieldName(token)
                if id.bit & Self.hopByHop != 0 { continue }
                nominations += 1
                guard nominations <= Self.nominationLimit else {
                    throw .badRequest("too many Connection options")
                }
                let classification = id == .other ? classify(token) : .pass
                guard id == .other || id.bit & Self.notNominable == 0,
                    classification != .framingAlias, classification != .forwarding
                else { throw .badRequest("Connection nominates a protected name") }
                Self.nominate(token, bytes, &storage, &dropped)
            }
        }
    }

    private static func nominate(
        _ token: ByteView, _ bytes: ByteView, _ storage: inout HeadStorage,
        _ dropped: inout DroppedFields
    ) {
        var index = 0
        while index < storage.count {
            let field = storage[index]
            if field.disposition == .keep, equalIgnoringCase(bytes[field.name], token) {
                storage.setDisposition(.nominated, at: index)
                dropped.nominated &+= 1
            }
            index += 1
        }
    }

    private static func equalIgnoringCase(_ left: ByteView, _ right: ByteView) -> Bool {
        guard left.count == right.count else { return false }
        var index = 0
        while index < left.count {
            guard left[index].lowered == right[index].lowered else { return false }
            index += 1
        }
        return true
    }

    /// Decides the disposition of every field of a response, in place.
    ///
    /// Hop-by-hop, nominated and owned fields (S24), and aliases of framing names, are dropped;
    /// nominations of framing names and cookies are ignored.
    @discardableResult
    public func screenResponse(
        _ bytes: ByteView, _ storage: inout HeadStorage
    ) -> DroppedFields {
        var dropped = DroppedFields()
        var index = 0
        while index < storage.count {
            let field = storage[index]
            var disposition = Field.Disposition.keep
            if field.id != .other {
                let bit = field.id.bit
                if bit & Self.hopByHop != 0 {
                    disposition = .hopByHop
                } else if field.id == .transferEncoding {
                    disposition = .rewritten
                } else if bit & (ownedKnown | FieldName.xForwardedClientCert.bit) != 0 {
                    disposition = .owned
                }
            } else {
                let name = bytes[field.name]
                switch field.hasPlainName ? classifyPlain(name) : classifyUnusual(name) {
                case .pass, .suspicious, .forwarding: break
                case .owned: disposition = .owned
                case .framingAlias: disposition = .suspicious
                }
            }
            if disposition != .keep {
                storage.setDisposition(disposition, at: index)
                dropped.count(disposition)
            }
            index &+= 1
        }
        if storage.hasNominations { applyResponseNominations(bytes, &storage, &dropped) }
        storage.isScreened = true
        storage.dropped = dropped
        return dropped
    }

    @inline(never)
    private func applyResponseNominations(
        _ bytes: ByteView, _ storage: inout HeadStorage, _ dropped: inout DroppedFields
    ) {
        let kept = Self.notNominable | FieldName.setCookie.bit | FieldName.contentType.bit
        var nominations = 0
        var index = 0
        while index < storage.count, nominations < Self.nominationLimit {
            let field = storage[index]
            index += 1
            guard field.id == .connection else { continue }
            var tokens = TokenList(bytes[field.value])
            while let token = tokens.next(), nominations < Self.nominationLimit {
                let id = FieldName(token)
                if id.bit & Self.hopByHop != 0 { continue }
                nominations += 1
                if id == .other || id.bit & kept == 0 {
                    Self.nominate(token, bytes, &storage, &dropped)
                }
            }
        }
    }
}
