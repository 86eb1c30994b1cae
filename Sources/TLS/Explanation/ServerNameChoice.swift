internal import Core

/// Which virtual host of a listener answers to a server name.
public enum ServerNameChoice: Sendable, Equatable {
    /// That one, by its index.
    case host(Int)
    /// None: the handshake fails with this error.
    case refused(TLSError)
}

extension ServerTLSOptions {
    /// The virtual host that a client gets who asks for `serverName`, or for none.
    public func choose(serverName: String?) throws(TLSConfigurationError) -> ServerNameChoice {
        let table = try VirtualHostTable(virtualHosts)
        guard let serverName else { return table.choose(nil) }
        let bytes = Array(serverName.utf8)
        let name = unsafe bytes.withUnsafeBytes { unsafe ServerName.normalise(ByteView($0)) }
        guard let name else { return .refused(TLSError(.serverName, "illegal server name")) }
        return table.choose(name)
    }
}

extension VirtualHostTable {
    /// The host for `name`, as a ClientHello has it: lowercase, without a trailing dot.
    func choose(_ name: [UInt8]?) -> ServerNameChoice {
        if let host = name.map(host(for:)) ?? fallback { return .host(host) }
        return .refused(
            TLSError(.serverName, name == nil ? "no server name" : "unknown server name"))
    }
}
