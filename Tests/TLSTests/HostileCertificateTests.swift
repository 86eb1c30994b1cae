import COpenSSL
import Core
import Crypto
import Foundation
import Testing

@testable import TLS

/// Certificates that nobody honest presents, cold and after a good neighbour was cached.
@Suite struct HostileCertificateTests {
    static let versions: [TLSVersion] = [.tls12, .tls13]
    let forge: Forge
    let intermediate: ForgedCertificate

    init() throws {
        forge = try Forge()
        intermediate = try forge.intermediate("Intermediate")
    }

    /// Why `list` is refused, cold and with its neighbour cached; nil when it is accepted.
    private func verdicts(
        _ list: [ForgedCertificate], _ version: TLSVersion, server: ServerTLSContext? = nil
    ) throws -> [Int32?] {
        let neighbour = [try forge.leaf("neighbour", below: intermediate), intermediate]
        let server = try server ?? forge.server()
        var codes: [Int32?] = []
        for _ in 0..<3 {
            let outcome = try forge.connect(list, to: server, version)
            codes.append(outcome.chain == nil ? outcome.error?.x509Code ?? -1 : nil)
            #expect(try forge.connect(neighbour, to: server, version).chain != nil)
        }
        return codes
    }

    @Test("S08 S09 the kinds of certificate that must be refused", arguments: versions)
    func negative(version: TLSVersion) throws {
        let (now, intermediate) = (forge.now, intermediate)
        func leaf(_ change: (inout Forgery) throws -> Void) throws -> [ForgedCertificate] {
            [try forge.leaf("leaf", below: intermediate, change), intermediate]
        }
        let parent = try forge.leaf("client1", below: intermediate)
        let namesake = try forge.intermediate("Intermediate", key: forge.key(5))
        var deep: [ForgedCertificate] = []
        for level in 1...4 { deep.append(try forge.intermediate("CA \(level)", below: deep.last)) }
        let weak = try ForgedKey.rsa(1_024)
        let kinds: [(String, [ForgedCertificate], Set<Int32>)] = try [
            ("expired", leaf { $0.notAfter = now - 86_400 * 1_000 }, [10]),
            ("not yet valid", leaf { $0.notBefore = now + 86_400 * 1_000 }, [9]),
            ("server's usage", leaf { $0.extensions[NID_ext_key_usage] = "serverAuth" }, [26]),
            ("self-signed", [forge.leaf("leaf", below: intermediate) { $0.issuer = nil }], [18]),
            ("a namesake signed it", [forge.leaf("leaf", below: namesake)], [20]),
            ("with its namesake", [forge.leaf("leaf", below: namesake), intermediate], [7, 20]),
            (
                "a leaf as an authority", [forge.leaf("c", below: parent), parent, intermediate],
                [24, 79]
            ),
            ("six certificates", [forge.leaf("deep", below: deep[3])] + deep.reversed(), [20, 22]),
            (
                "five certificates", [forge.leaf("deep", below: deep[2])] + deep[..<3].reversed(),
                [20, 22]
            ),
            ("RSA with 1,024 bits", leaf { $0.key = weak }, [66]),
        ]
        for (name, list, codes) in kinds {
            for code in try verdicts(list, version) {
                #expect(code.map { codes.contains($0) } == true, "\(name): \(code as Any)")
            }
        }
        // What OpenSSL accepts: version 1 says nothing about its use, and four are not too many.
        let first = try leaf {
            $0.version = 1
            $0.extensions = [:]
        }
        #expect(try verdicts(first, version) == [nil, nil, nil])
        let four = [try forge.leaf("deep", below: deep[1])] + deep[..<2].reversed()
        #expect(try verdicts(four, version) == [nil, nil, nil])
    }

    @Test("chains of every kind of key that TLS knows", arguments: versions)
    func kindsOfKey(version: TLSVersion) throws {
        let keys: [(String, ForgedKey)] = try [
            ("RSA-PSS", .named("RSA-PSS")), ("P-384", .curve("P-384")),
            ("Ed25519", .named("ED25519")), ("Ed448", .named("ED448")), ("RSA", .rsa(2_048)),
        ]
        for (name, key) in keys {
            let root = try forge.intermediate("Root", key: key) { $0.issuer = nil }
            let middle = try forge.intermediate("Middle", below: root, key: key)
            let leaf = try forge.leaf("leaf", below: middle, key: key)
            let server = try forge.server(anchors: [root])
            for _ in 0..<3 {
                let outcome = try forge.connect([leaf, middle], to: server, version)
                #expect(outcome.chain != nil, "\(name): \(outcome.error as Any)")
            }
            #expect(server.validationStatistics.hits == 2, "\(name)")
        }
    }

    @Test("S10 NUL and control characters in names do not upset a handshake")
    func controlCharacters() throws {
        let server = try forge.server()
        for bytes: [UInt8] in [
            Array("client1\u{0}.evil".utf8), [0], Array("a\r\nX-Admin: yes".utf8), [0x1B, 0x5B],
            [0x7F], [UInt8](repeating: 0x41, count: 60),
        ] {
            let leaf = try forge.leaf("n", below: intermediate) { $0.subjectBytes = bytes }
            for version in Self.versions {
                let outcome = try forge.connect([leaf, intermediate], to: server, version)
                let chain = try #require(outcome.chain)
                let attribute = chain.leaf.subject.relativeNames.last?.first
                #expect(attribute?.utf8 == bytes)
                #expect(attribute?.containsNUL == bytes.contains(0))
            }
        }
        let refused = try forge.leaf("n", below: intermediate) {
            $0.subjectBytes = Array("a\r\n\u{0}\u{1B}[2J".utf8)
            $0.notAfter = forge.now - 5
        }
        let subject = try forge.connect([refused, intermediate], to: server).error?
            .subjectOfFailedCertificate
        #expect(subject?.utf8.allSatisfy { (0x20...0x7E).contains($0) } == true)
    }

    @Test("a certificate list of 16 KB is read, one of 17 KB refused", arguments: versions)
    func longLists(version: TLSVersion) throws {
        let good = [try forge.leaf("leaf", below: intermediate), intermediate]
        func padded(to size: Int) throws -> [ForgedCertificate] {
            let size = size - good.reduce(0) { $0 + $1.der.count + 5 }
            // An extension of that size, so that the message has it exactly, or nearly.
            let padding = try forge.intermediate("Padding") {
                $0.rawExtensions = [("1.2.3.4", false, [UInt8](repeating: 0, count: size - 500))]
            }
            return good + [padding]
        }
        let server = try forge.server()
        #expect(try forge.connect(padded(to: 16_000), to: server, version).chain != nil)
        let refused = try forge.connect(padded(to: 17_500), to: server, version)
        #expect(refused.error?.kind == .certificate && refused.chain == nil)
    }

    @Test("a hundred certificates, and giant and strange keys, beside a good chain")
    func strangeCompany() throws {
        let keys: [ForgedKey] = try [
            .named("X25519"), .named("ED448"), .noise(bits: 16_384), .curve("secp256k1"),
            .rsa(1_024), .dsa(), .named("RSA-PSS"), .noise(bits: 20_000),
        ]
        let leaf = try forge.leaf("leaf", below: intermediate)
        // The strangers bear the issuer's name, so that OpenSSL has to look at each.
        var strangers = try keys.map { key in
            try forge.intermediate("Intermediate", key: key) { $0.hasNegativeSerial = true }
        }
        while strangers.count < 98 {
            strangers.append(try forge.intermediate("Intermediate", key: forge.key(4)))
        }
        for libraries in ChainDifferentialTests.libraries {
            let server = try forge.server(libraries) { $0.certificateListLimit = 100_000 }
            for version in Self.versions {
                for list in [
                    [leaf] + strangers + [intermediate], [leaf, intermediate] + strangers,
                ] {
                    let cold = try forge.server(libraries) { $0.certificateListLimit = 100_000 }
                    let isValid = try forge.isValid(list)
                    let verdict = try forge.connect(list, to: cold, version)
                    #expect((verdict.chain != nil) == isValid, "\(verdict.error as Any)")
                    _ = try forge.connect(list, to: server, version)
                }
            }
            #expect(server.validationStatistics.hits >= 2)
        }
    }

    @Test("a broken stranger beside a good chain does no harm, however the bytes arrive")
    func brokenStranger() throws {
        let broken = try forge.intermediate("Intermediate", key: forge.key(5)) {
            $0.rawExtensions = [("2.5.29.15", true, [4, 4])]
        }
        let leaf = try forge.leaf("leaf", below: intermediate)
        for libraries in ChainDifferentialTests.libraries {
            for list in [[leaf, broken, intermediate], [leaf, intermediate, broken]] {
                #expect(try forge.isValid(list))
                for (version, limit) in [(TLSVersion.tls12, 100), (.tls13, 100), (.tls13, .max)] {
                    var pair = EnginePair(
                        try forge.server(libraries), try forge.client(list, version))
                    try pair.run(limit: limit)
                    #expect(pair.serverError == nil && pair.server.peer != nil, "\(version)")
                }
            }
        }
    }

    @Test("S06 a stolen certificate without its key is found and fails", arguments: versions)
    func stolen(version: TLSVersion) throws {
        let server = try forge.server(mode: .optional)
        let victim = [try forge.leaf("victim", below: intermediate), intermediate]
        let thief = try ForgedKey.stolen(from: victim[0].key)
        for hits in 0..<3 {
            let refused = try forge.connect(victim, to: server, key: thief, version)
            #expect(refused.error?.kind == .protocolViolation && refused.chain == nil)
            // The chain is valid, whoever shows it: so it is remembered.
            #expect(server.validationStatistics.hits == UInt64(hits))
        }
        #expect(try forge.connect(victim, to: server, version).chain != nil)
        #expect(server.validationStatistics.hits == 3)
    }

    @Test("empty, truncated and senseless certificates are refused cleanly")
    func notCertificates() throws {
        let good = try forge.leaf("leaf", below: intermediate).der
        func sized(_ bytes: [UInt8], _ width: Int) -> [UInt8] {
            (0..<width).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * (width - 1 - $0))) }
                + bytes
        }
        var lengthened = good
        lengthened.append(0)
        let lists: [[UInt8]] = [
            sized([], 3), sized([], 3) + sized(good, 3), sized(good, 3) + sized([], 3),
            sized(Array(good.dropLast()), 3), sized(lengthened, 3), sized([0x30, 0x80], 3),
            sized([UInt8](repeating: 0x30, count: 9_000), 3), [0, 0], [0xFF, 0xFF, 0xFF],
            sized([0x30, 0x84, 0x7F, 0xFF, 0xFF, 0xFF], 3),
        ]
        for list in lists {
            let server = try forge.server(mode: .optional)
            let client = try forge.client(
                [forge.leaf("leaf", below: intermediate), intermediate], .tls12)
            var pair = EnginePair(server, client)
            try pair.step(.client)
            try pair.step(.server)
            try pair.step(.client)
            let handshake = [11] + sized(sized(list, 3), 3)
            pair.toServer = [22, 3, 3] + sized(handshake, 2) + pair.toServer
            try pair.step(.server)
            #expect(pair.serverError != nil, "\(list.prefix(12))")
            #expect(pair.server.peer == nil)
            #expect(server.validationStatistics.hits == 0)
        }
    }

    @Test("signatures of every digest and of DSA are judged alike by every library")
    func digests() throws {
        let rsa = try forge.intermediate("RSA", key: .rsa(2_048))
        let dsa = try forge.intermediate("DSA", key: .dsa())
        let names = ["MD5", "SHA1", "RIPEMD160", "SHA224", "SHA384", "SHA512-256", "SHA3-256"]
        let lists =
            try names.map { name in
                [try forge.leaf(name, below: rsa) { $0.digest = name }, rsa]
            } + [[try forge.leaf("below DSA", below: dsa), dsa]]
        for (level, list) in lists.flatMap({ list in [(1, list), (2, list)] }) {
            let isValid = try forge.isValid(list, level: Int32(level))
            for libraries in ChainDifferentialTests.libraries {
                let server = try forge.server(libraries) {
                    $0.virtualHosts[0].trust?.securityLevel = level
                }
                let outcome = try forge.connect(list, to: server)
                #expect(
                    (outcome.chain != nil) == isValid,
                    "\(list[0].subject), restricted \(libraries.isRestricted), level \(level)")
            }
        }
    }

    @Test("dates of every form, at the edges of validity")
    func dates() throws {
        let server = try forge.server()
        for (text, type, isValid) in [
            ("20301231235959Z", 24, true), ("301231235959Z", 23, true), ("491231235959Z", 23, true),
            ("500101000000Z", 23, false), ("19500101000000Z", 24, false),
            ("00000101000000Z", 24, false), ("99991231235959Z", 24, true),
            ("20301331000000Z", 24, false), ("20300230000000Z", 24, false), ("", 23, false),
            ("\u{0}", 23, false), ("20301231235959", 24, false),
        ] as [(String, Int32, Bool)] {
            let leaf = try forge.leaf("leaf", below: intermediate) {
                $0.notAfterText = (type, text)
            }
            let outcome = try forge.connect([leaf, intermediate], to: server)
            #expect((outcome.chain != nil) == isValid, "\(text)")
            #expect(try forge.isValid([leaf, intermediate]) == isValid, "\(text)")
        }
    }
}
