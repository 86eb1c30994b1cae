import Foundation
import Testing

@Suite struct ManyClientsForLoad {
    @Test("`certificates test --clients` lists clients that verify, with one key and many names")
    func clients() throws {
        let folder = NSTemporaryDirectory() + "postern-clients-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let made = try GatewayUnderTest.shell([
            GatewayUnderTest.binary, "certificates", "test", "--output", folder, "--clients", "3",
        ])
        #expect(made.status == 0, "\(made.text)")
        let list = try String(contentsOfFile: "\(folder)/clients.list", encoding: .utf8)
        let lines = list.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(
            lines == (1...3).map { ["\(folder)/clients/\($0).pem", "\(folder)/clients.key"] })
        let key = try GatewayUnderTest.shell([
            "openssl", "pkey", "-in", "\(folder)/clients.key", "-pubout",
        ])
        var names: Set<String> = []
        for line in lines {
            // The file presents its own intermediate.
            let verified = try GatewayUnderTest.shell([
                "openssl", "verify", "-purpose", "sslclient", "-CAfile", "\(folder)/ca.pem",
                "-untrusted", line[0], line[0],
            ])
            #expect(verified.status == 0, "\(verified.text)")
            let leaf = ["openssl", "x509", "-in", line[0], "-noout"]
            names.insert(try GatewayUnderTest.shell(leaf + ["-subject", "-serial"]).text)
            #expect(try GatewayUnderTest.shell(leaf + ["-pubkey"]).text == key.text)
        }
        #expect(names.count == 3)
    }

    @Test("more clients than a disk should take are refused", arguments: ["-1", "100001", "x"])
    func refused(count: String) throws {
        let folder = NSTemporaryDirectory() + "postern-clients-\(UUID().uuidString)"
        let output = try GatewayUnderTest.shell([
            GatewayUnderTest.binary, "certificates", "test", "--output", folder,
            "--clients=\(count)",
        ])
        #expect(output.status == 64, "\(output.text)")
        #expect(!FileManager.default.fileExists(atPath: folder))
    }
}
