import Core
import Crypto
import Foundation
import Testing

@testable import TLS

@Suite struct ConfigurationTests {
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    private func failure(_ change: (inout ServerTLSOptions) throws -> Void) throws
        -> TLSConfigurationError?
    {
        var options = authority.serverOptions()
        try change(&options)
        do {
            _ = try ServerTLSContext(options)
            return nil
        } catch { return error }
    }

    @Test("a trust bundle that is unreadable, empty or broken is fatal and named")
    func trust() throws {
        let root = try authority.root.pem
        let broken = root.replacingOccurrences(of: "M", with: "*")
        for (text, reason) in [
            ("", "contains no certificate"), ("hello", "contains no certificate"),
            (root + broken, "certificate 2 of 2 is broken"),
            (broken + root, "certificate 1 of 2 is broken"),
            (root + String(root.prefix(100)), "certificate 2 of 2 is broken"),
        ] {
            let path = try authority.file(text)
            let error = try failure { $0.virtualHosts[1].trust = TrustStoreOptions(file: path) }
            #expect(error?.subject == path)
            #expect(error?.reason.contains(reason) == true, "\(error as Any)")
        }
        let error = try failure {
            $0.virtualHosts[1].trust = TrustStoreOptions(file: "/nowhere/x.pem")
        }
        #expect(error?.reason.contains("cannot be read") == true)
        #expect(try failure { $0.virtualHosts[1].trust = nil } != nil)
        #expect(try failure { $0.virtualHosts[1].trust?.maximumChainLength = 1 } != nil)
    }

    @Test("a key that does not fit, a chain without a leaf and a missing file are named")
    func certificates() throws {
        let other = try authority.client()
        let mismatch = try failure { $0.virtualHosts[0].certificates[0].key = other.key }
        #expect(mismatch?.subject == other.key)
        #expect(mismatch?.reason.contains("does not fit") == true)
        let noKey = try failure {
            $0.virtualHosts[0].certificates[0].key = authority.clientTrust
        }
        #expect(noKey?.subject == authority.clientTrust)
        #expect(try failure { $0.virtualHosts[0].certificates[0].chain = "/nowhere" } != nil)
        #expect(try failure { $0.virtualHosts[0].certificates = [] } != nil)
        #expect(try failure { $0.cipherSuites12 = "nonsense" } != nil)
        #expect(try failure { $0.cipherSuites13 = "nonsense" } != nil)
        #expect(try failure { $0.groups = "nonsense" } != nil)
        #expect(
            try failure {
                $0.minimumVersion = .tls13
                $0.maximumVersion = .tls12
            } != nil)
        #expect(try failure { _ in } == nil)
    }

    @Test(
        "the client verifies the server's chain and name",
        arguments: [
            ("safe.test", true, true), ("safe.test", false, false), ("127.0.0.1", true, true),
        ])
    func client(name: String, trusted: Bool, isAccepted: Bool) throws {
        let stranger = try TestAuthority()
        let file = trusted ? authority.clientTrust : stranger.clientTrust
        var server = authority.serverOptions()
        server.virtualHosts[1].isDefault = true
        let options = ClientTLSOptions(
            trust: TrustStoreOptions(file: file), certificate: try authority.client())
        var pair = try EnginePair(server, options, name: name)
        try pair.run()
        #expect(pair.client.isEstablished == isAccepted)
        #expect((pair.client.peer != nil) == isAccepted)
        if !isAccepted {
            #expect(pair.clientError?.kind == .certificate)
            #expect(pair.serverError?.kind == .peerAlert)
        }
    }

    @Test("the client refuses a server of another name, and no name at all")
    func clientNames() throws {
        var server = authority.serverOptions(.off)
        server.virtualHosts[1].isDefault = true
        var options = ClientTLSOptions(trust: TrustStoreOptions(file: authority.clientTrust))
        var wrong = try EnginePair(server, options, name: "wrong.test")
        try wrong.run()
        #expect(wrong.clientError?.x509Code == 62)
        var address = try EnginePair(server, options, name: "127.0.0.2")
        try address.run()
        #expect(address.clientError?.x509Code == 64)
        var nameless = try EnginePair(server, options, name: nil)
        try nameless.run()
        #expect(nameless.clientError?.kind == .serverName)
        options.verifiedName = "safe.test"
        var renamed = try EnginePair(server, options, name: nil)
        try renamed.run()
        #expect(renamed.client.isEstablished == true)
    }
}
