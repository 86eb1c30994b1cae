import COpenSSL
import Core
import Crypto
import Foundation
import TestSupport
import Testing

@testable import Identity
@testable import TLS

@Suite struct MalformedCertificateTests {
    /// Content of a subjectAltName.
    private static func names(_ element: [UInt8]) -> [UInt8] { sequence(element) }

    private static func sequence(_ content: [UInt8]) -> [UInt8] {
        [0x30, UInt8(content.count)] + content
    }

    private func extensions(_ oid: [UInt8], _ content: [UInt8]) throws -> CertificateExtensions {
        let item = Self.sequence(
            [6, UInt8(oid.count)] + oid + [4, UInt8(content.count)] + content)
        let list = Self.sequence(item)
        var reader = DERReader([0xa3, UInt8(list.count)] + list)
        return try CertificateExtensions(try reader.element(0xa3))
    }

    @Test("every kind of alternative name is read") func kinds() throws {
        let other: [UInt8] = [0x06, 3, 0x2a, 3, 4, 0xa0, 4, 0x0c, 2, 0x68, 0x69]
        let directory = Self.sequence(
            [0x31, 12] + Self.sequence([6, 3, 0x55, 4, 3, 0x0c, 3, 97, 98, 99]))
        let content =
            [0xa0, UInt8(other.count)] + other + [0x82, 1, 0x61] + [0x88, 3, 0x2a, 3, 4]
            + [0xa4, UInt8(directory.count)] + directory + [0xa5, 2, 0x80, 0]
        let names = try extensions([0x55, 0x1d, 0x11], Self.names(content)).alternativeNames()
        #expect(names.count == 5)
        #expect(names[0].text(ofOther: "1.2.3.4") == "hi")
        #expect(names[0].text(ofOther: "1.2.3.5") == nil)
        #expect(names[1] == .dns("a"))
        #expect(names[2] == .registeredID("1.2.3.4"))
        guard case .directory(let name) = names[3] else {
            Issue.record("no directory name")
            return
        }
        #expect(name.attribute("CN")?.utf8 == [97, 98, 99])
        #expect(names[4] == .obsolete(tag: 5, content: [0x80, 0]))
    }

    @Test(
        "S10 an alternative name that is malformed or holds a control character is an error",
        arguments: [
            [0x82, 1, 0], [0x82, 1, 0x0a], [0x86, 1, 0x7f], [0x81, 1, 0xc3], [0x87, 3, 1, 2, 3],
            [0x82, 2, 0x61], [0x89, 0], [0x88, 0], [0x88, 1, 0x80], [0xa0, 0], [0xa4, 0],
            [0xa4, 2, 0x31, 0], [0x82, 0x81, 1, 0x61], [0x9f, 0x81, 0], [0x82], [],
        ])
    func malformed(element: [UInt8]) throws {
        let found = try extensions([0x55, 0x1d, 0x11], Self.names(element))
        #expect(throws: CertificateMistake(part: "subjectAltName")) {
            try found.alternativeNames()
        }
    }

    @Test("other extensions that are malformed are errors") func others() throws {
        for (last, part) in [
            (0x25, "extendedKeyUsage"), (0x20, "certificatePolicies"), (0x0f, "keyUsage"),
            (0x13, "basicConstraints"), (0x0e, "subjectKeyIdentifier"),
            (0x23, "authorityKeyIdentifier"),
        ] as [(UInt8, String)] {
            let found = try extensions([0x55, 0x1d, last], [0x30, 3, 1, 1])
            #expect(throws: CertificateMistake(part: part)) {
                _ = try found.extendedKeyUsages()
                _ = try found.policies()
                _ = try found.keyUsage()
                _ = try found.basicConstraints()
                _ = try found.subjectKeyIdentifier()
                _ = try found.authorityKeyIdentifier()
            }
        }
    }

    @Test("an extension that stands there twice is an error") func twice() throws {
        let item = Self.sequence([6, 3, 0x55, 0x1d, 0x0e, 4, 2, 4, 0])
        let list = Self.sequence(item + item)
        var reader = DERReader([0xa3, UInt8(list.count)] + list)
        let element = try reader.element()
        #expect(throws: CertificateMistake(part: "extensions")) {
            try CertificateExtensions(element)
        }
    }

    @Test("object identifiers are written dotted, and bad ones are errors") func identifiers()
        throws
    {
        #expect(try DERReader.dotted([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]) == "1.2.840.113549")
        #expect(try DERReader.dotted([0x55, 4, 3]) == "2.5.4.3")
        #expect(try DERReader.dotted([0x88, 0x37, 3]) == "2.999.3")
        let tooLong = [UInt8](repeating: 0xff, count: 10) + [0x7f]
        for bad in [[], [0x80, 1], [0x2a, 0x80, 1], [0x2a, 0x86], tooLong] as [[UInt8]] {
            #expect(throws: DERReader.Mistake()) { try DERReader.dotted(bad[...]) }
        }
    }

    @Test("certificates that are to be refused are read, or refused with a reason")
    func negative() throws {
        let folder = Vector.folder + "/negative"
        var count = 0
        for file in try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        where file.hasSuffix(".pem") && file != "crl.pem" {
            let attributes = try CertificateAttributes(Vector.chain(["negative/" + file]))
            #expect(!attributes.sha256.isEmpty)
            #expect(attributes.version == (file == "x509v1.pem" ? 1 : 3), "\(file)")
            count += 1
        }
        #expect(count >= 9)
    }

    @Test("a serial number is no place for kilobytes: in decimal they would take seconds")
    func longSerialNumber() throws {
        let until = Int64(Date().timeIntervalSince1970) + 86_400
        let root = try CertificateAuthority.root(
            .authority("CA", notBefore: 0, notAfter: until), key: CertificateKey(.p256))
        for (count, isRead) in [(20, true), (64, true), (65, false), (15_000, false)] {
            var request = CertificateRequest.client(
                [.init("CN", "c")], notBefore: 0, notAfter: until)
            request.serialNumber = [1] + [UInt8](repeating: 7, count: count - 1)
            let der = try root.issue(request, key: CertificateKey(.p256)).der
            let chain = try #require(Self.decode(der).flatMap(Self.chain))
            let attributes = try? CertificateAttributes(chain)
            #expect((attributes != nil) == isRead, "\(count)")
        }
    }

    @Test("bytes changed at random are read, or refused with a reason; nothing crashes")
    func mutated() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(seed: seed)
        var (read, refused, undecodable) = (0, 0, 0)
        let originals = try Vector.all.map { try $0.chain().leaf.der }
        for round in 0..<4_000 {
            var der = originals[round % originals.count]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<der.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: der[place] = UInt8.random(in: 0...255, using: &random)
                case 1: der[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                default:
                    der[place] =
                        [0, 0x7f, 0x80, 0x81, 0x82, 0xff].randomElement(using: &random) ?? 0
                }
            }
            guard let certificate = Self.decode(der), let chain = Self.chain(certificate) else {
                undecodable += 1
                continue
            }
            do throws(CertificateMistake) {
                _ = try CertificateAttributes(chain)
                read += 1
            } catch {
                #expect(!error.part.isEmpty)
                refused += 1
            }
        }
        #expect(read > 0 && refused > 0 && undecodable > 0, "seed \(seed)")
    }

    @Test("S10 whatever names a certificate has, each header stays one line of its own")
    func injection() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(seed: seed)
        let originals = try Vector.all.map { try $0.chain().leaf }
        let templates = try TemplateVariable.fixed.filter { $0.value.kind != .bytes }.keys.map {
            [try IdentityHeader(name: "X-T", template: "{\($0)}")]
        }
        var limits = IdentityLimits()
        (limits.valueBytes, limits.totalBytes) = (1 << 20, 1 << 20)
        // Their names are escaped, and so there is always a way to write them.
        let escaping = Set([
            "aws-alb", "aws-cloudfront", "nginx", "ingress-nginx", "xfcc", "gcp", "haproxy",
        ])
        var (sent, refused) = (0, 0)
        for round in 0..<80 {
            let original = originals[round % originals.count]
            guard let names = original.der.firstRange(of: original.subjectDER) else { continue }
            var der = original.der
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                der[Int.random(in: names, using: &random)] =
                    Array("\0\t\n\r\u{1b}\u{7f}\";,\\é".utf8).randomElement(using: &random) ?? 0
            }
            guard let certificate = Self.decode(der), let chain = Self.chain(certificate) else {
                continue
            }
            for headers in IdentityPreset.all.map(\.headers) + templates {
                let set = IdentityHeaderSet(headers, limits: limits)
                guard let lines = try? set.lines(of: chain) else {
                    refused += 1
                    let name = headers[0].format.name.dropFirst("preset ".count)
                    #expect(!escaping.contains(String(name)), "seed \(seed): \(name)")
                    continue
                }
                sent += 1
                var names = headers.map { Array("\($0.name): ".utf8) }
                for line in lines.split(separator: 0x0a) {
                    #expect(line.last == 0x0d && line.count { $0 == 0x0d || $0 == 0 } == 1)
                    let place = names.firstIndex { line.starts(with: $0) }
                    names.removeFirst((place ?? names.count - 1) + 1)
                    #expect(place != nil, "seed \(seed): \(headers[0].format.name)")
                }
            }
        }
        #expect(sent > 100 && refused > 0, "seed \(seed)")
    }

    private static func chain(_ certificate: PeerCertificate) -> ValidatedChain? {
        ValidatedChain(
            [certificate], fingerprint: Fingerprint(of: certificate.der), members: [])
    }

    /// What OpenSSL makes of `der`.
    private static func decode(_ der: [UInt8]) -> PeerCertificate? {
        let certificate = unsafe der.withUnsafeBufferPointer { bytes in
            var cursor = bytes.baseAddress
            return unsafe d2i_X509(nil, &cursor, bytes.count)
        }
        defer {
            unsafe X509_free(certificate)
            ERR_clear_error()
        }
        guard let certificate = unsafe certificate else { return nil }
        return unsafe PeerCertificate(certificate)
    }
}

/// Random numbers that a seed repeats.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
