import Core
import Crypto
import EventLoop
import GatewayConfiguration
import Proxy
import TLS

extension Assembly {
    /// How one worker speaks TLS to `upstream`, whose servers are `members`; nil for plain text.
    func security(
        _ upstream: UpstreamSettings, members: [ResolvedMember]
    ) throws(GatewayError) -> UpstreamSecurity? {
        guard let tls = upstream.tls else { return nil }
        do throws(TLSConfigurationError) {
            return try UpstreamSecurity(
                options(tls), sni: tls.sni, hosts: members.hosts, digest: digest(tls, of: upstream),
                at: judgedAt)
        } catch {
            throw GatewayError("upstream '\(upstream.name)': \(error)")
        }
    }

    private func options(_ tls: UpstreamTLSSettings) -> ClientTLSOptions {
        var options = ClientTLSOptions(
            trust: trust(tls), certificate: tls.certificate.map(certificateFiles))
        options.verifiedName = tls.serverName
        options.minimumVersion = tls.minimumVersion == "1.3" ? .tls13 : .tls12
        options.keepsSessions = tls.sessionReuse
        return options
    }

    /// Whom the servers of an upstream are verified by.
    func trust(_ tls: UpstreamTLSSettings) -> TrustStoreOptions {
        var trust = TrustStoreOptions(file: tls.trust)
        trust.contents[tls.trust] = files.bytes(tls.trust)
        return trust
    }

    /// Changes with every rule, and with every byte of the files they name. Where servers are
    /// verified by their hosts, those are rules, too.
    private func digest(_ tls: UpstreamTLSSettings, of upstream: UpstreamSettings) -> [UInt8] {
        var parts = SHA256.hash(Array("\(tls)".utf8))
        if tls.serverName == nil { parts += SHA256.hash(Array("\(upstream.members)".utf8)) }
        let pair = tls.certificate
        for path in [tls.trust, pair?.chain, pair?.key, pair?.passphraseFile] {
            guard let path, let bytes = files.bytes(path) else { continue }
            parts += SHA256.hash(Array(path.utf8)) + SHA256.hash(bytes)
        }
        return SHA256.hash(parts)
    }
}
