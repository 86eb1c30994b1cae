import Crypto
import Foundation
import Testing

@testable import TLS

@Suite("S18 revocation is judged from compiled lists") struct RevocationSetTests {
    let fixture: RevocationFixture
    let chain: [ChainMember]

    init() throws {
        fixture = try RevocationFixture()
        chain = try fixture.chain(fixture.leaf)
    }

    private func judge(_ set: RevocationSet, after seconds: Int64 = 0) -> RevocationSet.Verdict {
        set.judge(chain, wallSeconds: fixture.now + seconds)
    }

    @Test("S18 nothing configured, nothing revoked") func empty() throws {
        #expect(judge(.empty) == .good)
        #expect(judge(try fixture.load()) == .good)
        #expect(chain.count == 3 && chain[2].issuerKey == nil)
    }

    @Test("S18 a revoked leaf is found with its reason") func leaf() throws {
        let serial = fixture.leafSerial
        let good = try fixture.list(fixture.intermediate, [[1], [0x7A, 1], serial + [0]])
        #expect(judge(try fixture.load([good])) == .good)
        let bare = try fixture.load([fixture.list(fixture.intermediate, [[1], serial, [2]])])
        #expect(judge(bare) == .revoked(index: 0, reason: .unspecified))
        for (code, reason): (Int, RevocationReason) in [
            (1, .keyCompromise), (6, .certificateHold), (10, .aaCompromise), (42, .unspecified),
        ] {
            let path = try fixture.list(fixture.intermediate) {
                $0.entries = [.init(serial, reason: code)]
            }
            #expect(judge(try fixture.load([path])) == .revoked(index: 0, reason: reason))
        }
    }

    @Test("S18 a revoked intermediate is found, its own issuer's numbers only")
    func intermediate() throws {
        let (root, middle) = (fixture.root, fixture.intermediate)
        let set = try fixture.load([
            fixture.issuer("root", root, [fixture.list(root, [fixture.intermediateSerial])]),
            fixture.issuer("issuing", middle, [fixture.list(middle)]),
        ])
        #expect(judge(set) == .revoked(index: 1, reason: .unspecified))
        #expect(set.summaries.map(\.name) == ["issuing", "root"])
        #expect(set.summaries.map(\.revoked) == [0, 1])
        let swapped = try fixture.load([
            fixture.issuer("root", root, [fixture.list(root, [fixture.leafSerial])]),
            fixture.issuer(
                "issuing", middle, [fixture.list(middle, [fixture.intermediateSerial])]),
        ])
        #expect(judge(swapped) == .good)
    }

    @Test("S18 the leaf comes before its issuers, and revoked before stale") func order() throws {
        let (root, middle) = (fixture.root, fixture.intermediate)
        let revoked = try fixture.list(root, [fixture.intermediateSerial])
        let both = try fixture.load([
            fixture.issuer("root", root, [revoked]),
            fixture.issuer("issuing", middle, [fixture.list(middle, [fixture.leafSerial])]),
        ])
        #expect(judge(both) == .revoked(index: 0, reason: .unspecified))
        let old = try fixture.list(middle) { $0.nextUpdate = self.fixture.now - 1 }
        let stale = try fixture.load([
            fixture.issuer("root", root, [revoked]), fixture.issuer("issuing", middle, [old]),
        ])
        #expect(judge(stale) == .revoked(index: 1, reason: .unspecified))
    }

    @Test("S18 equal names with different keys do not cross") func equalNames() throws {
        let twin = try fixture.root.issue(
            .authority(
                "Issuing CA", notBefore: fixture.now - 60, notAfter: fixture.now + 86_400),
            key: CertificateKey(.p256))
        let twinList = try fixture.list(twin, [fixture.leafSerial])
        #expect(
            judge(try fixture.load([fixture.issuer("twin", twin, [twinList])])) == .good)
        // Both lists in both places: each authority takes its own.
        let ownList = try fixture.list(fixture.intermediate)
        let set = try fixture.load([
            fixture.issuer("twin", twin, [twinList, ownList]),
            fixture.issuer("issuing", fixture.intermediate, [twinList, ownList]),
        ])
        #expect(judge(set) == .good)
        #expect(set.summaries.map(\.revoked) == [0, 1])
        #expect(throws: TLSConfigurationError.self) { try fixture.load([twinList]) }
    }

    @Test("S18 a renewed authority with its old name and key is the same issuer")
    func renewed() throws {
        // PrintableString instead of UTF8String, other case: the same name to a chain builder.
        var request = CertificateRequest.authority(
            "ignored", notBefore: fixture.now - 60, notAfter: fixture.now + 86_400)
        request.subject = [
            .init("CN", bytes: Array("ISSUING  ca".utf8), isAlwaysUTF8: false)
        ]
        let renewed = try fixture.root.issue(request, key: fixture.intermediate.key)
        let path = try fixture.list(fixture.intermediate, [fixture.leafSerial])
        let set = try fixture.load([fixture.issuer("issuing", renewed, [path])])
        #expect(judge(set) == .revoked(index: 0, reason: .unspecified))
    }

    @Test("S18 a stale list is judged by policy, at the time of the look-up")
    func staleness() throws {
        let path = try fixture.list(fixture.intermediate, [[1]])
        let stale = RevocationSet.Verdict.stale(index: 0, issuer: "issuing")
        for (policy, seconds, verdict): (StalePolicy, Int64, RevocationSet.Verdict) in [
            (.closed, 0, .good), (.closed, 3_600, .good), (.closed, 3_601, stale),
            (.grace(seconds: 600), 4_200, .good), (.grace(seconds: 600), 4_201, stale),
            (.grace(seconds: .max), 1 << 40, .good), (.open, 1 << 40, .good),
        ] {
            #expect(judge(try fixture.load([path], policy), after: seconds) == verdict)
        }
        for (policy, end): (StalePolicy, Int64?) in [
            (.closed, 3_601), (.grace(seconds: 600), 4_201), (.grace(seconds: .max), nil),
            (.open, nil),
        ] {
            let set = try fixture.load([path], policy)
            let last = end.map { fixture.now + $0 } ?? .max
            #expect(set.nextStale(after: fixture.now) == last)
            #expect(set.nextStale(after: last) == .max)
        }
        #expect(RevocationSet.empty.nextStale(after: 0) == .max)
        let revoking = try fixture.list(fixture.intermediate, [fixture.leafSerial])
        #expect(
            judge(try fixture.load([revoking], .open), after: 1 << 40)
                == .revoked(index: 0, reason: .unspecified))
    }

    @Test("S18 a missing list is an error unless its policy is open") func missing() throws {
        let nowhere = fixture.path(".crl")
        let folder = fixture.path("")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let others = try fixture.list(fixture.root)
        for path in [nowhere, folder, others] {
            for policy in [StalePolicy.closed, .grace(seconds: 9)] {
                #expect(throws: TLSConfigurationError.self) { try fixture.load([path], policy) }
            }
            let set = try fixture.load([path], .open)
            #expect(judge(set) == .good)
            #expect(set.problems.last?.subject == path)
            #expect(set.summaries.first?.nextUpdate == nil)
        }
    }

    @Test("S18 PEM, DER, several to a file, and folders are read; the newest list counts")
    func forms() throws {
        let (root, middle, leaf) = (fixture.root, fixture.intermediate, fixture.leafSerial)
        let revoked = RevocationSet.Verdict.revoked(index: 0, reason: .unspecified)
        let pem =
            try root.revocationListPEM(fixture.request())
            + "comment\n" + middle.revocationListPEM(fixture.request([leaf]))
        #expect(judge(try fixture.load([fixture.write(Array(pem.utf8))])) == revoked)
        let der =
            try root.revocationList(fixture.request())
            + middle.revocationList(fixture.request([leaf]))
        #expect(judge(try fixture.load([fixture.write(der)])) == revoked)
        let folder = fixture.path("")
        try FileManager.default.createDirectory(
            atPath: folder + "/below", withIntermediateDirectories: true)
        try Data(pem.utf8).write(to: URL(fileURLWithPath: folder + "/b.pem"))
        try Data("junk".utf8).write(to: URL(fileURLWithPath: folder + "/.hidden"))
        #expect(judge(try fixture.load([folder])) == revoked)
        let newer = try middle.revocationList(fixture.request { $0.number = 300 })
        try Data(newer).write(to: URL(fileURLWithPath: folder + "/a.crl"))
        #expect(judge(try fixture.load([folder])) == .good)
        let newest = try fixture.list(middle, [leaf]) { $0.number = 1 << 40 }
        #expect(judge(try fixture.load([folder, newest])) == revoked)
    }

    @Test("S18 the deny list applies at any depth, the anchor included") func denied() throws {
        for index in chain.indices {
            let entry = "sha256:" + hexadecimal(chain[index].fingerprint.bytes)
            #expect(
                judge(try fixture.load(denying: entry))
                    == .revoked(index: index, reason: .denyList))
        }
        // The anchor is judged by the deny list only: its own list is no reason.
        let list = try fixture.list(fixture.root, [fixture.root.der.isEmpty ? [] : [1]])
        let set = try fixture.load([fixture.issuer("root", fixture.root, [list])])
        #expect(judge(set) == .good)
    }

    @Test("S18 100,000 entries: a look-up costs well under a microsecond") func cost() throws {
        var serials: [[UInt8]] = []
        var random = SystemRandomNumberGenerator()
        for _ in 0..<100_000 {
            serials.append((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        serials[50_000] = fixture.leafSerial
        let clock = ContinuousClock()
        let path = try fixture.list(fixture.intermediate, serials)
        var set = RevocationSet.empty
        let loading = try clock.measure { set = try fixture.load([path]) }
        #expect(set.summaries.first?.revoked == 100_000)
        #expect(judge(set) == .revoked(index: 0, reason: .unspecified))
        let absent = try fixture.chain(
            fixture.intermediate.issue(fixture.files.clientRequest(), key: CertificateKey(.p256)))
        let rounds = 20_000
        var (good, revoked) = (0, 0)
        let time = clock.measure {
            for _ in 0..<rounds {
                if set.judge(absent, wallSeconds: fixture.now) == .good { good += 1 }
                if set.judge(chain, wallSeconds: fixture.now) != .good { revoked += 1 }
            }
        }
        #expect(good == rounds && revoked == rounds)
        let nanoseconds = (time / (2 * rounds)).components.attoseconds / 1_000_000_000
        print(
            "revocation: \(nanoseconds) ns to judge a chain against 100,000 entries,",
            "loaded in \(loading)")
        // A debug build on a busy machine; a release build takes some 100 ns.
        #expect(nanoseconds < 20_000)
    }
}

/// `bytes` in pairs of digits with colons, as OpenSSL prints them.
func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { String(format: "%02X", Int($0)) }.joined(separator: ":")
}
