import COpenSSL
import Testing

@testable import TLS

/// What TLS13-KDF is asked for, as libssl asks.
private struct Derivation {
    var mode = Int32(EVP_KDF_HKDF_MODE_EXPAND_ONLY)
    var digest = "SHA2-256"
    var key: [UInt8]?
    var salt: [UInt8]?
    var prefix: [UInt8]? = Array("tls13 ".utf8)
    var label: [UInt8]? = Array("derived".utf8)
    var data: [UInt8]?
    var count = 32

    /// The derived bytes by OpenSSL itself, or by ours in `library`; nil when refused.
    func derived(in library: OpaquePointer?) -> [UInt8]? {
        let kdf = unsafe EVP_KDF_fetch(library, "TLS13-KDF", nil)
        let context = unsafe EVP_KDF_CTX_new(kdf)
        defer {
            unsafe EVP_KDF_CTX_free(context)
            unsafe EVP_KDF_free(kdf)
        }
        var out = [UInt8](repeating: 0, count: count)
        let parameters = ParameterList()
        parameters.add(mode, "mode")
        parameters.add(digest, "digest")
        for (bytes, name) in [
            (key, "key"), (salt, "salt"), (prefix, "prefix"), (label, "label"), (data, "data"),
        ] {
            if let bytes { parameters.add(bytes, name) }
        }
        return unsafe parameters.withParameters {
            unsafe EVP_KDF_derive(context, &out, out.count, $0) > 0
        } ? out : nil
    }
}

/// Parameters whose values live as long as the list.
@safe
private final class ParameterList {
    private var parameters: [OSSL_PARAM] = unsafe []
    private var owned: [UnsafeMutableRawPointer] = unsafe []

    deinit { unsafe owned.forEach { unsafe $0.deallocate() } }

    private func copy(_ bytes: [UInt8]) -> UnsafeMutableRawPointer {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes.count + 1, alignment: 16)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes.count + 1)
        unsafe bytes.withUnsafeBytes { source in
            unsafe memory.copyMemory(
                from: source.baseAddress ?? UnsafeRawPointer(memory),
                byteCount: bytes.count)
        }
        unsafe owned.append(memory)
        return unsafe memory
    }

    private func name(_ text: String) -> UnsafePointer<CChar> {
        unsafe UnsafePointer(copy(Array(text.utf8)).assumingMemoryBound(to: CChar.self))
    }

    func add(_ bytes: [UInt8], _ key: String) {
        unsafe parameters.append(
            OSSL_PARAM_construct_octet_string(name(key), copy(bytes), bytes.count))
    }

    func add(_ text: String, _ key: String) {
        let value = unsafe copy(Array(text.utf8)).assumingMemoryBound(to: CChar.self)
        unsafe parameters.append(OSSL_PARAM_construct_utf8_string(name(key), value, 0))
    }

    func add(_ number: Int32, _ key: String) {
        let value = unsafe copy([0, 0, 0, 0]).assumingMemoryBound(to: Int32.self)
        unsafe value.pointee = number
        unsafe parameters.append(OSSL_PARAM_construct_int(name(key), value))
    }

    func withParameters<R>(_ body: (UnsafePointer<OSSL_PARAM>?) -> R) -> R {
        let whole = unsafe parameters + [OSSL_PARAM_construct_end()]
        return unsafe whole.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
    }
}

@Suite("TLS 1.3's keys, derived by our provider")
struct KeyDerivationTests {
    private func bytes(_ count: Int, _ generator: inout SystemRandomNumberGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    private func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16) ?? 0
        }
    }

    private func libraries() throws -> CryptoLibraries {
        try #require(CryptoLibraries.restricted())
    }

    @Test("the secrets of RFC 8448's simple handshake come out")
    func publishedTrace() throws {
        let library = unsafe try libraries().connections
        let zero = [UInt8](repeating: 0, count: 32)
        var early = Derivation(mode: Int32(EVP_KDF_HKDF_MODE_EXTRACT_ONLY))
        early.key = zero
        let earlySecret = unsafe early.derived(in: library)
        #expect(
            earlySecret
                == bytes("33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a"))
        var handshake = Derivation(mode: Int32(EVP_KDF_HKDF_MODE_EXTRACT_ONLY))
        handshake.salt = earlySecret
        handshake.key = bytes("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d")
        let handshakeSecret = unsafe handshake.derived(in: library)
        #expect(
            handshakeSecret
                == bytes("1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac"))
        var client = Derivation(key: handshakeSecret)
        client.label = Array("c hs traffic".utf8)
        client.data = bytes("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8")
        let clientSecret = unsafe client.derived(in: library)
        #expect(
            clientSecret
                == bytes("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"))
        var key = Derivation(key: clientSecret, count: 16)
        key.label = Array("key".utf8)
        #expect(
            unsafe key.derived(in: library) == bytes("dbfaa693d1762c5b666af5d950258d01"))
    }

    @Test("what is derived is what OpenSSL derives, whatever the inputs")
    func differential() throws {
        let library = unsafe try libraries().connections
        var generator = SystemRandomNumberGenerator()
        var derivations = 0
        for round in 0..<2_000 {
            let isLong = round.isMultiple(of: 2)
            var derivation = Derivation(digest: isLong ? "SHA2-384" : "SHA2-256")
            let size = isLong ? 48 : 32
            func maybe(_ counts: ClosedRange<Int>) -> [UInt8]? {
                Bool.random() ? nil : bytes(Int.random(in: counts), &generator)
            }
            derivation.label = bytes(Int.random(in: 1...249), &generator)
            if Bool.random() {
                derivation.mode = Int32(EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
                // libssl gives no empty secrets.
                derivation.key = maybe(1...300)
                derivation.salt = maybe(1...300)
                derivation.count = size
            } else {
                derivation.key = bytes(Int.random(in: 1...300), &generator)
                derivation.data = maybe(0...255)
                derivation.count = Int.random(in: 1...400)
            }
            let stock = unsafe derivation.derived(in: nil)
            #expect(unsafe derivation.derived(in: library) == stock, "\(derivation)")
            derivations += stock == nil ? 0 : 1
        }
        #expect(derivations > 1_500, "most of them are possible")
    }

    @Test("what TLS 1.3 does not ask for is refused")
    func refusals() throws {
        let library = unsafe try libraries().connections
        let key = [UInt8](repeating: 7, count: 32)
        let good = Derivation(key: key)
        #expect(unsafe good.derived(in: library) != nil)
        let changes: [(String, (inout Derivation) -> Void)] = [
            ("another digest", { $0.digest = "SHA1" }),
            ("no secret", { $0.key = nil }),
            ("no label", { $0.label = nil }),
            ("an empty label", { $0.label = [] }),
            ("no prefix", { $0.prefix = nil }),
            ("a label that is too long", { $0.label = .init(repeating: 1, count: 250) }),
            ("data that is too long", { $0.data = .init(repeating: 1, count: 256) }),
            ("more than HKDF gives", { $0.count = 255 * 32 + 1 }),
            ("another mode", { $0.mode = Int32(EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND) }),
            (
                "an extracted secret of another length",
                {
                    $0.mode = Int32(EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
                    $0.count = 31
                }
            ),
        ]
        for (name, change) in changes {
            var bad = good
            change(&bad)
            #expect(unsafe bad.derived(in: library) == nil, "\(name)")
        }
    }
}
