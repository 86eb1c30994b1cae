import Crypto
import Foundation
import Testing

@testable import TLS

@Suite("S18 a list that would be read wrongly is refused") struct RevocationListTests {
    let fixture: RevocationFixture

    init() throws { fixture = try RevocationFixture() }

    @Test("S18 the list that the refusals below differ from is good") func good() throws {
        #expect(try fixture.refusal { _ in } == nil)
        #expect(try fixture.refusal { $0.number = nil } == nil)
    }

    @Test("S18 the signer is that authority") func signer() throws {
        let twin = try fixture.root.issue(
            .authority(
                "Issuing CA", notBefore: fixture.now - 60, notAfter: fixture.now + 86_400),
            key: CertificateKey(.p256))
        let forged = try fixture.list(twin, [fixture.leafSerial])
        for policy in [StalePolicy.closed, .grace(seconds: 60), .open] {
            let error = #expect(throws: TLSConfigurationError.self) {
                try fixture.load([forged], policy)
            }
            #expect(error?.subject == forged)
            #expect(error?.reason.contains("not its signature") == true)
        }
        var damaged = try fixture.intermediate.revocationList(fixture.request([[1, 2, 3, 4]]))
        let place = try #require(damaged.firstRange(of: [1, 2, 3, 4])).lowerBound
        damaged[place + 3] = 5
        let path = try fixture.write(damaged)
        #expect(throws: TLSConfigurationError.self) { try fixture.load([path], .open) }
    }

    @Test("S18 the signer may sign lists") func usage() throws {
        var request = CertificateRequest.authority(
            "No lists", notBefore: fixture.now - 60, notAfter: fixture.now + 86_400)
        request.signsRevocationLists = false
        let silent = try fixture.root.issue(request, key: CertificateKey(.p256))
        // Without keyUsage nothing is forbidden, but a leaf is no authority.
        request.version = 1
        let ancient = try CertificateAuthority.root(request, key: CertificateKey(.p256))
        for (authority, isAccepted) in [
            (silent, false), (fixture.leaf, false), (ancient, true),
        ] {
            let issuer = try fixture.issuer("x", authority, [fixture.list(authority)])
            do {
                _ = try fixture.load([issuer])
                #expect(isAccepted)
            } catch let error as TLSConfigurationError {
                #expect(!isAccepted && error.subject == issuer.certificate, "\(error)")
            }
        }
    }

    @Test("S18 an issuer is one certificate, and stands there once") func issuer() throws {
        let path = try fixture.list(fixture.intermediate)
        var both = try fixture.issuer("x", fixture.intermediate, [path])
        both.certificate = try fixture.files.file(
            fixture.intermediate.pem + fixture.root.pem)
        let error = #expect(throws: TLSConfigurationError.self) { try fixture.load([both]) }
        #expect(error?.reason.contains("2 certificates") == true)
        let twice = #expect(throws: TLSConfigurationError.self) {
            try fixture.load([
                fixture.issuer("a", fixture.intermediate, [path]),
                fixture.issuer("b", fixture.intermediate, [path]),
            ])
        }
        #expect(twice?.reason.contains("'a' as well as of 'b'") == true)
    }

    @Test("S18 indirect lists are refused") func indirect() throws {
        let list = try fixture.refusal { $0.distributionPoint = "indirectCRL:TRUE" }
        #expect(list?.contains("indirect") == true)
        let entry = try fixture.refusal { $0.entries[0].namesItsIssuer = true }
        #expect(entry?.contains("indirect") == true)
    }

    @Test("S18 deltas are refused") func delta() throws {
        #expect(try fixture.refusal { $0.deltaBase = 3 }?.contains("delta") == true)
    }

    @Test(
        "S18 lists that are limited in scope are refused",
        arguments: [
            ("onlyuser:TRUE", "onlyContainsUserCerts"), ("onlyCA:TRUE", "onlyContainsCACerts"),
            ("onlyAA:TRUE", "onlyContainsAttributeCerts"),
            ("onlysomereasons:keyCompromise", "onlySomeReasons"),
            ("fullname:URI:http://crl.test/1", "distributionPoint"),
        ])
    func scope(value: String, name: String) throws {
        let reason = try fixture.refusal { $0.distributionPoint = value }
        #expect(reason?.contains("limited in scope (\(name))") == true)
    }

    @Test("S18 unknown critical extensions are refused, of the list and of an entry")
    func unknown() throws {
        let list = try fixture.refusal { $0.hasUnknownExtension = true }
        #expect(list?.contains("critical extension that is not known (1.3.6.1.4") == true)
        let entry = try fixture.refusal { $0.entries[0].hasUnknownExtension = true }
        #expect(entry?.contains("an entry with a critical extension") == true)
    }

    @Test("S18 a list from the future or without an end is refused") func times() throws {
        let now = fixture.now
        #expect(try fixture.refusal { $0.thisUpdate = now + 240 } == nil)
        let future = try fixture.refusal { $0.thisUpdate = now + 360 }
        #expect(future?.contains("future") == true)
        #expect(try fixture.refusal { $0.nextUpdate = nil }?.contains("nextUpdate") == true)
    }

    @Test("S18 a certificate that is taken off the list is not revoked") func removed() throws {
        let path = try fixture.list(fixture.intermediate) {
            $0.entries = [.init(self.fixture.leafSerial, reason: 8), .init([1])]
        }
        let set = try fixture.load([path])
        #expect(set.summaries.map(\.revoked) == [1])
        #expect(try set.judge(fixture.chain(fixture.leaf), wallSeconds: fixture.now) == .good)
    }

    /// Numbers of the list in force and of the next one, and whether that one is taken.
    static let numbers: [(UInt64?, UInt64?, Int64, Bool)] = [
        (7, 8, 0, true), (7, 7, 0, true), (7, 6, 60, false), (256, 255, 60, false),
        (255, 256, 0, true), (7, nil, 60, false), (nil, 1, 0, true), (nil, nil, 0, true),
        (nil, nil, -1, false), (nil, nil, 1, true),
    ]

    @Test("S18 a lower number does not replace a higher one", arguments: numbers)
    func rollback(old: UInt64?, new: UInt64?, seconds: Int64, isTaken: Bool) throws {
        let made = fixture.now - 1_000
        let first = try fixture.list(fixture.intermediate, [fixture.leafSerial]) {
            $0.number = old
            $0.thisUpdate = made
        }
        let second = try fixture.list(fixture.intermediate) {
            $0.number = new
            $0.thisUpdate = made + seconds
        }
        let before = try fixture.load([first])
        let after = try fixture.load([second], previous: before)
        let chain = try fixture.chain(fixture.leaf)
        let verdict = after.judge(chain, wallSeconds: fixture.now)
        #expect(verdict == (isTaken ? .good : .revoked(index: 0, reason: .unspecified)))
        #expect(after.problems.map(\.subject) == (isTaken ? [] : [second]))
        #expect(after.generation == 2)
    }

    @Test("S18 a source that goes bad leaves what was known in force, the others take effect")
    func lastGood() throws {
        let (root, middle) = (fixture.root, fixture.intermediate)
        let middlePath = try fixture.list(middle, [fixture.leafSerial])
        let rootPath = try fixture.list(root)
        let middleIssuer = try fixture.issuer("issuing", middle, [middlePath])
        let rootIssuer = try fixture.issuer("root", root, [rootPath], .open)
        let chain = try fixture.chain(fixture.leaf)
        let before = try fixture.load([middleIssuer, rootIssuer])
        let revokedLeaf = RevocationSet.Verdict.revoked(index: 0, reason: .unspecified)
        for text in ["", "junk", "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n", "0"] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: middlePath))
            let after = try fixture.load([middleIssuer, rootIssuer], previous: before)
            #expect(after.judge(chain, wallSeconds: fixture.now) == revokedLeaf)
            #expect(after.problems.map(\.subject) == [middlePath])
            #expect(throws: TLSConfigurationError.self) { try fixture.load([middleIssuer]) }
        }
        try FileManager.default.removeItem(atPath: middlePath)
        try FileManager.default.removeItem(atPath: middleIssuer.certificate)
        try Data(root.revocationList(fixture.request([[9], [8]]))).write(
            to: URL(fileURLWithPath: rootPath))
        let after = try fixture.load([middleIssuer, rootIssuer], previous: before)
        #expect(after.judge(chain, wallSeconds: fixture.now) == revokedLeaf)
        #expect(after.problems.map(\.subject) == [middleIssuer.certificate])
        #expect(after.summaries.map(\.revoked) == [1, 2])
        // A list that vanishes is not forgotten, even where none need be there.
        try FileManager.default.removeItem(atPath: rootPath)
        let last = try fixture.load([rootIssuer], previous: after)
        #expect(last.summaries.map(\.revoked) == [2])
        #expect(last.problems.count == 2)
    }

    @Test("S18 random damage to a list is an error or not, never a crash") func damage() throws {
        let original = try fixture.intermediate.revocationList(
            fixture.request([fixture.leafSerial, [1], [2]]) {
                $0.distributionPoint = "onlyuser:TRUE"
                $0.deltaBase = 1
                $0.entries[0] = .init([3], reason: 1)
                $0.entries[1].namesItsIssuer = true
                $0.entries[2].hasUnknownExtension = true
            })
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var compiled = 0
        for _ in 0..<3_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
            let path = "\(fixture.files.directory)/damaged.crl"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            // As if the signature were good: it is what keeps damage from getting this far.
            do throws(TLSConfigurationError) {
                for list in try SignedRevocationList.read(path) ?? [] {
                    _ = try list.compiled(now: fixture.now)
                    compiled += 1
                }
            } catch {
                #expect(error.subject == path, "seed \(seed)")
            }
        }
        #expect(compiled < 3_000, "seed \(seed)")
    }

    @Test("S18 serial numbers of any length are told apart") func serials() throws {
        let long = [UInt8](repeating: 0x11, count: 40)
        let all: [[UInt8]] = [
            [0], [1], [1, 0], long, long.dropLast() + [0x12], Array(long.prefix(24)),
            Array(long.prefix(20)), [0xFF],
        ]
        #expect(Set(all.map { SerialNumber($0) }).count == all.count)
        #expect(SerialNumber([0, 0, 5]) == SerialNumber([5]))
        #expect(SerialNumber([UInt8]()) == SerialNumber([0]))
        var table = SerialTable(capacity: all.count)
        for serial in all.dropFirst(2) { table.insert(SerialNumber(serial), .superseded) }
        table.insert(SerialNumber(long), .keyCompromise)
        #expect(table.count == all.count - 2)
        for (index, serial) in all.enumerated() {
            #expect(
                table.reason(of: SerialNumber(serial)) == (index < 2 ? nil : .superseded))
        }
        #expect(SerialTable(capacity: 0).reason(of: SerialNumber([1])) == nil)
    }
}
