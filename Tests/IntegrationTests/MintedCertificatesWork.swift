import Foundation
import Testing

@Suite("certificates of one's own wishes come from two commands", .serialized)
struct MintedCertificatesWork {
    private let folder = NSTemporaryDirectory() + "postern-minted-\(UUID().uuidString)"

    /// Runs `postern certificates` with `arguments`; its output, and its exit status.
    private func certificates(_ arguments: [String]) throws -> GatewayUnderTest.Output {
        try GatewayUnderTest.shell([GatewayUnderTest.binary, "certificates"] + arguments)
    }

    private func issue(_ arguments: [String]) throws -> GatewayUnderTest.Output {
        let authority = ["--ca", folder + "/ca.pem", "--ca-key", folder + "/ca.key"]
        return try certificates(["issue", "--out", folder] + authority + arguments)
    }

    @Test(
        "a client with names of every kind is who it says, with every kind of key",
        arguments: ["p256", "p384", "rsa2048", "ed25519"])
    func clients(key: String) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let root = try certificates(
            ["ca", "--subject", "CN=My CA,O=Acme", "--key", key, "--out", folder])
        #expect(root.status == 0 && root.text == folder + "/ca.pem\n", "\(root.text)")
        let server = try issue([
            "--subject", "CN=localhost", "--usage", "server", "--san", "dns:localhost",
            "--san", "ip:127.0.0.1", "--key", key,
        ])
        #expect(server.status == 0, "\(server.text)")
        let client = try issue([
            "--subject", #"O=Acme\, Inc.,CN=client7"#, "--san", "uri:spiffe://acme.example/7",
            "--san", "email:a@acme.example", "--key", key, "--days", "30",
        ])
        #expect(client.status == 0, "\(client.text)")
        let text = try GatewayUnderTest.shell(
            ["openssl", "x509", "-noout", "-text", "-in", folder + "/client.pem"]
        ).text
        #expect(text.contains("URI:spiffe://acme.example/7, email:a@acme.example"), "\(text)")
        #expect(text.contains("TLS Web Client Authentication") && text.contains("CA:FALSE"))
        let late = String(30 * 86_400 + 60)
        #expect(
            try GatewayUnderTest.shell([
                "openssl", "x509", "-checkend", late, "-in", folder + "/client.pem",
            ]).status == 1)
        let mode = try FileManager.default.attributesOfItem(atPath: folder + "/client.key")
        #expect(mode[.posixPermissions] as? Int == 0o600)
        let gateway = try GatewayUnderTest(.epoll) { upstream, folder in
            GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: folder)
                .replacing(GatewayUnderTest.certificates, with: self.folder)
        }
        let answer = try GatewayUnderTest.shell([
            "curl", "-sS", "--max-time", "10", "--cacert", folder + "/ca.pem",
            "--cert", folder + "/client.pem", "--key", folder + "/client.key",
            "https://\(gateway.address)/",
        ]).text
        #expect(answer.contains(#""x-client-cert-sub":"O=Acme\\, Inc.,CN=client7""#), "\(answer)")
    }

    @Test("an intermediate issues, and what it issues brings the chain") func intermediate() throws
    {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try certificates(["ca", "--subject", "CN=Root", "--out", folder])
        let files = ["--ca", folder + "/ca.pem", "--ca-key", folder + "/ca.key"]
        let middle = try certificates(
            ["ca", "--subject", "CN=Middle", "--path-length", "0", "--name", "middle"]
                + ["--out", folder] + files)
        #expect(middle.status == 0, "\(middle.text)")
        let client = try certificates([
            "issue", "--subject", "CN=deep", "--out", folder, "--ca", folder + "/middle.pem",
            "--ca-key", folder + "/middle.key",
        ])
        #expect(client.status == 0, "\(client.text)")
        let verified = try GatewayUnderTest.shell([
            "openssl", "verify", "-purpose", "sslclient", "-CAfile", folder + "/ca.pem",
            "-untrusted", folder + "/client.pem", folder + "/client.pem",
        ])
        #expect(verified.status == 0, "\(verified.text)")
    }

    @Test("wrong usage is 64 and says what is wrong, nothing is overwritten") func refusals() throws
    {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let root = ["ca", "--subject", "CN=Root", "--out", folder]
        #expect(try certificates(root).status == 0)
        let again = try certificates(root)
        #expect(again.status == 1 && again.text.contains("ca.key exists"), "\(again.text)")
        let subject = ["--subject", "CN=x"]
        for (arguments, text) in [
            (["--subject", "x"], "'x' is not TYPE=VALUE"),
            (subject + ["--san", "x"], "'x' is not dns:NAME"),
            (subject + ["--days", "0"], "--days: 0 is not a number from 1 to 36500"),
            (subject + ["--name", "../x"], "'../x' is no file name"),
            (subject + ["--key", "dsa"], "dsa"),
        ] {
            let answer = try issue(arguments)
            #expect(answer.status == 64 && answer.text.contains(text), "\(answer.text)")
        }
        let nonsense = try issue(["--subject", "nonsense=x"])
        #expect(nonsense.status == 1 && nonsense.text.contains("attribute nonsense"))
        let address = try issue(subject + ["--san", "ip:300.1.1.1"])
        #expect(address.status == 1 && address.text.hasPrefix("error: "), "\(address.text)")
        let swapped = try certificates(
            [
                "issue", "--out", folder, "--ca", folder + "/ca.key", "--ca-key",
                folder + "/ca.pem",
            ] + subject)
        #expect(swapped.status == 1 && swapped.text.contains("no unencrypted private key"))
    }
}
