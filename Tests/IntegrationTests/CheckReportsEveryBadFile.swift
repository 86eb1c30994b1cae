import Foundation
import Testing

@Suite("`postern check` reports every bad file of a configuration at once", .serialized)
struct CheckReportsEveryBadFile {
    private static let configuration = """
        listeners:
          edge: {address: "127.0.0.1:0"}
        virtualHosts:
          one:
            serverNames: [one.example]
            certificates:
              first: {chain: no-chain.pem, key: broken.key}
              second:
                chain: FOLDER/server.pem
                key: FOLDER/client.key
            trustStore: empty
            routes: {all: {path: /, upstream: backend}}
          two:
            serverNames: [two.example]
            certificates:
              main: {chain: FOLDER/server.pem, key: FOLDER/server.key, passphraseFile: none}
            trustStore: good
            routes: {all: {path: /, upstream: backend}}
        trustStores:
          empty: {file: empty.pem}
          good: {file: FOLDER/ca.pem}
        upstreams:
          backend: {members: ["127.0.0.1:1"]}
          secure:
            members: ["127.0.0.1:1"]
            tls: {trust: no-ca.pem, certificate: FOLDER/server.pem, key: FOLDER/client.key}
        """

    @Test("each stands at the key that names it") func all() throws {
        let folder = NSTemporaryDirectory() + "postern-check-\(UUID().uuidString)"
        let manager = FileManager.default
        try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? manager.removeItem(atPath: folder) }
        let certificates = GatewayUnderTest.certificates
        let file = folder + "/postern.yaml"
        try Self.configuration.replacingOccurrences(of: "FOLDER", with: certificates).write(
            toFile: file, atomically: true, encoding: .utf8)
        try "no key".write(toFile: folder + "/broken.key", atomically: true, encoding: .utf8)
        try "".write(toFile: folder + "/empty.pem", atomically: true, encoding: .utf8)
        let output = try GatewayUnderTest.shell(
            [GatewayUnderTest.binary, "check", "--config", file])
        #expect(output.status == 1)
        let lines = output.text.split(separator: "\n")
        let expected = [
            ("7:22", "one.certificates.first.chain: \(folder)/no-chain.pem: cannot be read (No"),
            ("7:41", "one.certificates.first.key: \(folder)/broken.key: holds no usable"),
            ("10:14", "one.certificates.second.key: \(certificates)/client.key: does not fit"),
            ("16:", "two.certificates.main.passphraseFile: \(folder)/none: cannot be read (No"),
            ("20:17", "trustStores.empty.file: \(folder)/empty.pem: contains no certificate"),
            ("26:18", "upstreams.secure.tls.trust: \(folder)/no-ca.pem: cannot be read (No"),
            ("26:", "upstreams.secure.tls.key: \(certificates)/client.key: does not fit"),
        ]
        #expect(lines.count == expected.count, "\(output.text)")
        for (line, (place, message)) in zip(lines, expected) {
            #expect(line.hasPrefix("\(file):\(place)"), "\(line)")
            #expect(line.contains(": error: ") && line.contains(message), "\(line)")
        }
        let started = try GatewayUnderTest.shell(
            [GatewayUnderTest.binary, "run", "--config", file])
        #expect(started.status == 1 && started.text.contains("no-chain.pem"), "\(started.text)")
    }
}
