import Foundation
import Testing

@testable import TLS

@Suite struct EncryptedKeyTests {
    private let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    /// PKCS #8 (RFC 5958), and the older form with `Proc-Type: 4,ENCRYPTED` (RFC 1421).
    private static let commands = [
        ["pkcs8", "-topk8", "-v2", "aes-256-cbc"], ["ec", "-aes256"],
    ]

    /// The server's key under the passphrase `sesame`.
    private func encryptedKey(_ command: [String]) throws -> String {
        let path = authority.directory + "/\(UUID().uuidString).key"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["openssl"] + command
            + ["-in", authority.server.key, "-out", path, "-passout", "pass:sesame"]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return path
    }

    private func problems(_ key: String, _ passphrase: String?) throws -> [TLSConfigurationError] {
        let file = try passphrase.map { try authority.file($0) }
        let files = CertificateFiles(
            chain: authority.server.chain, key: key, passphraseFile: file)
        var options = authority.serverOptions()
        options.virtualHosts[0].certificates = [files]
        let found = files.problems()
        // What is said beforehand is what the context says.
        do {
            _ = try ServerTLSContext(options)
            #expect(found == [])
        } catch {
            #expect(found == [error])
        }
        return found
    }

    @Test("a key is opened by the first line of its passphrase file", arguments: commands)
    func opens(command: [String]) throws {
        let key = try encryptedKey(command)
        for passphrase in ["sesame", "sesame\n", "sesame\r\n", "sesame\nanother line\n"] {
            #expect(try problems(key, passphrase) == [], "\(passphrase)")
        }
    }

    @Test("a wrong passphrase, none and an empty one are told apart", arguments: commands)
    func refuses(command: [String]) throws {
        let key = try encryptedKey(command)
        let none = try problems(key, nil)
        #expect(none.map(\.subject) == [key])
        #expect(none.map(\.reason) == ["is encrypted"])
        let wrong = try problems(key, "open\n")
        #expect(wrong.map(\.subject) == [key])
        #expect(wrong.first?.reason.contains("cannot be decrypted") == true, "\(wrong)")
        for (text, reason) in [
            ("", "has an empty first line"), ("\nsesame", "has an empty first line"),
            (String(repeating: "x", count: 1_024), "has a first line of 1024 bytes"),
        ] {
            #expect(try problems(key, text).map(\.reason) == [reason])
        }
    }

    @Test("a passphrase for a key that is not encrypted does no harm") func plain() throws {
        #expect(try problems(authority.server.key, "sesame") == [])
        let missing = CertificateFiles(
            chain: authority.server.chain, key: authority.server.key, passphraseFile: "/nowhere")
        #expect(missing.problems().map(\.subject) == ["/nowhere"])
    }

    @Test("a bad chain and a bad key are both reported") func both() throws {
        let broken = try authority.file("no PEM")
        let files = CertificateFiles(chain: "/nowhere/chain", key: broken)
        #expect(files.problems().map(\.subject) == ["/nowhere/chain", broken])
    }

    @Test("bytes that were read already are used, whatever is on the disk") func contents() throws {
        var files = CertificateFiles(chain: "/nowhere/chain", key: "/nowhere/key")
        #expect(files.problems().count == 2)
        for (path, source) in [
            (files.chain, authority.server.chain), (files.key, authority.server.key),
        ] {
            files.contents[path] = try Array(Data(contentsOf: URL(fileURLWithPath: source)))
        }
        #expect(files.problems() == [])
        var trust = TrustStoreOptions(file: "/nowhere/trust")
        #expect(trust.problem()?.subject == "/nowhere/trust")
        trust.contents["/nowhere/trust"] = try Array(
            Data(contentsOf: URL(fileURLWithPath: authority.clientTrust)))
        #expect(trust.problem() == nil)
    }
}
