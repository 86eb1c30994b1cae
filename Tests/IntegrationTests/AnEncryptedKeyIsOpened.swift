import Foundation
import Testing

@Suite("an encrypted key is opened by its passphrase file", .serialized)
struct AnEncryptedKeyIsOpened {
    @Test(
        "a reload to an encrypted key says what is missing, then takes it",
        arguments: LoopKind.allCases)
    func encrypted(loop: LoopKind) throws {
        let test = try ReloadedGateway(loop)
        let key = test.files + "/server.key"
        let encrypted = test.files + "/encrypted.key"
        let made = try GatewayUnderTest.shell([
            "openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", key, "-out", encrypted,
            "-passout", "pass:sesame",
        ])
        try #require(made.status == 0, "\(made.text)")
        let failures = "postern_config_reload_failures_total"
        try test.replace("server.key", by: encrypted)
        #expect(try test.reaches(1, failures))
        #expect(
            test.log.contains("\(key): is encrypted; name its passphraseFile"), "\(test.log)")
        try test.write("open", to: "passphrase")
        try test.edit(("key: \(key)", "key: \(key), passphraseFile: \(test.files)/passphrase"))
        #expect(try test.reaches(2, failures))
        #expect(test.log.contains("cannot be decrypted with the passphrase"), "\(test.log)")
        #expect(try test.metric("postern_config_generation") == 1)
        // Watched, although the configuration that names it was refused.
        try test.write("sesame\n", to: "passphrase")
        #expect(try test.reaches(2))
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
    }
}
