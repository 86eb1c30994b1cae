import Core
import Crypto
import Foundation
import TestSupport
import Testing

@testable import Identity
@testable import TLS

@Suite struct IdentityHeaderSetTests {
    private func chain(_ id: String) throws -> ValidatedChain {
        try #require(Vector.all.first { $0.id == id }).chain()
    }

    private func lines(_ set: IdentityHeaderSet, _ id: String = "v01-sample") throws -> String {
        String(decoding: try set.lines(of: chain(id)), as: UTF8.self)
    }

    @Test("a value over its limit is refused, or left out and flagged") func valueLimit() throws {
        let headers = try IdentityPreset.named("aws-alb").headers
        var limits = IdentityLimits()
        limits.valueBytes = 100
        let refusing = IdentityHeaderSet(headers, limits: limits)
        #expect(throws: IdentityError.tooLarge) { try lines(refusing) }
        // S24: a back end believes a flag wherever it comes from.
        #expect(refusing.ownedNames.contains("X-Amzn-Mtls-Clientcert-Leaf-Too-Large"))
        limits.excess = .omitAndFlag
        let flagging = IdentityHeaderSet(headers, limits: limits)
        let text = try lines(flagging)
        #expect(text.contains("X-Amzn-Mtls-Clientcert-Serial-Number: 01\r\n"))
        #expect(text.contains("X-Amzn-Mtls-Clientcert-Leaf-Too-Large: 1\r\n"))
        #expect(!text.contains("BEGIN"))
        #expect(flagging.ownedNames.contains("X-Amzn-Mtls-Clientcert-Leaf-Too-Large"))
        #expect(flagging.duplicateName == nil)
    }

    @Test("all lines over their limit are refused, or the last left out") func totalLimit() throws {
        let headers = try IdentityPreset.named("rfc9440").headers
        var limits = IdentityLimits()
        limits.totalBytes = 1_200
        #expect(throws: IdentityError.tooLarge) {
            try lines(IdentityHeaderSet(headers, limits: limits))
        }
        limits.excess = .omitAndFlag
        let text = try lines(IdentityHeaderSet(headers, limits: limits))
        #expect(text.hasPrefix("Client-Cert: :"))
        #expect(text.hasSuffix("Client-Cert-Chain-Too-Large: 1\r\n"))
        limits.totalBytes = 20
        #expect(throws: IdentityError.tooLarge) {
            try lines(IdentityHeaderSet(headers, limits: limits))
        }
    }

    @Test("two headers of one name are found") func duplicates() throws {
        let both =
            try IdentityPreset.named("nginx").headers + IdentityPreset.named("haproxy").headers
        #expect(IdentityHeaderSet(both).duplicateName == "X-SSL-Client-Verify")
        for preset in IdentityPreset.all {
            #expect(IdentityHeaderSet(preset.headers).duplicateName == nil)
        }
    }

    @Test("sets that differ in anything that renders are not equal") func equality() throws {
        func set(_ encoding: HeaderEncoding, _ fallback: String?) throws -> IdentityHeaderSet {
            IdentityHeaderSet([
                try IdentityHeader(
                    name: "X", template: "{subject.CN}", encoding: encoding, fallback: fallback)
            ])
        }
        var limits = IdentityLimits()
        limits.valueBytes = 9
        let sets = try [
            set(.raw, nil), set(.raw, "a"), set(.hex, nil), IdentityHeaderSet([]),
            IdentityHeaderSet([], limits: limits), IdentityHeaderSet([], proxyURIs: ["a:b"]),
            IdentityHeaderSet([], forwarding: Self.forwarding(.appendForward, "v02-kitchen-sink")),
        ]
        for (index, one) in sets.enumerated() {
            for (other, two) in sets.enumerated() { #expect((one == two) == (index == other)) }
        }
    }

    private static let spiffe = "spiffe://example.org/ns/prod/sa/payments"

    private static func forwarding(
        _ mode: ClientCertForwarding.Mode, _ hop: String
    ) throws -> ClientCertForwarding {
        var forwarding = ClientCertForwarding()
        forwarding.mode = mode
        forwarding.trustedHops = [
            hop == "v02-kitchen-sink"
                ? .spiffe(spiffe)
                : try #require(ClientCertForwarding.Hop("sha256:" + hop))
        ]
        return forwarding
    }

    @Test(
        "S25 a received X-Forwarded-Client-Cert goes on only from a listed peer, by mode",
        arguments: [
            (ClientCertForwarding.Mode.sanitize, ReceivedClientCert.removed, false, false),
            (.sanitizeSet, .removed, true, true), (.forwardOnly, .kept, false, false),
            (.appendForward, .appended, false, true),
            (.alwaysForwardOnly, .kept, false, false),
        ])
    func forwarding(
        mode: ClientCertForwarding.Mode, received: ReceivedClientCert, isSet: Bool,
        isSetForOthers: Bool
    ) throws {
        let headers = try IdentityPreset.named("xfcc-short").headers
        let digest = "a224e27985ec7a00b2592e46e3f313e4d404f8653f25d9927cde38bc1baf36cd"
        for (hop, trusted, other) in [
            ("v02-kitchen-sink", "v02-kitchen-sink", "v01-sample"),
            (digest, "v01-sample", "v02-kitchen-sink"),
        ] {
            let set = IdentityHeaderSet(headers, forwarding: try Self.forwarding(mode, hop))
            let mine = try set.render(chain(trusted))
            #expect(mine.received == received)
            #expect(mine.lines.isEmpty == !isSet)
            #expect(mine.appendix.isEmpty == (received != .appended))
            if received == .appended {
                let text = String(decoding: mine.appendix, as: UTF8.self)
                #expect(text.hasPrefix("By=;Hash=") && text.hasSuffix("\r\n"))
            }
            let others = try set.render(chain(other))
            #expect(others.received == .removed)
            #expect(others.lines.isEmpty == !isSetForOthers)
            #expect(others.appendix.isEmpty)
        }
    }

    @Test("S25 where ours is left out, what was received is not taken for ours")
    func appendixTooLarge() throws {
        let headers = try IdentityPreset.named("xfcc").headers
        var limits = IdentityLimits()
        (limits.valueBytes, limits.excess) = (100, .omitAndFlag)
        let set = IdentityHeaderSet(
            headers, limits: limits,
            forwarding: try Self.forwarding(.appendForward, "v02-kitchen-sink"))
        let mine = try set.render(chain("v02-kitchen-sink"))
        #expect(mine.received == .removed)
        #expect(mine.appendix.isEmpty)
        #expect(mine.lines == Array("X-Forwarded-Client-Cert-Too-Large: 1\r\n".utf8))
    }

    @Test("peers on the list are written by fingerprint or SPIFFE identity") func hops() {
        #expect(ClientCertForwarding.Hop(Self.spiffe) == .spiffe(Self.spiffe))
        #expect(
            ClientCertForwarding.Hop("sha256:" + String(repeating: "aF", count: 32))
                == .fingerprint([UInt8](repeating: 0xaf, count: 32)))
        for bad in [
            "", "sha256:", "sha256:" + String(repeating: "+f", count: 32), "spiffe://A/b",
            "sha256:" + String(repeating: "a", count: 63), "10.0.0.1", "CN=x",
        ] { #expect(ClientCertForwarding.Hop(bad) == nil, "\(bad)") }
    }

    @Test("By has the URIs of the gateway's own certificate unless it is told others")
    func proxyURIs() throws {
        let pem = try #require(
            FileManager.default.contents(atPath: Vector.folder + "/certs/server.pem"))
        let own = try #require(PeerCertificate(firstOf: Array(pem)))
        let headers = try IdentityPreset.named("xfcc").headers
        let expected = try #require(
            Vector.all.first?.value("envoy_xfcc", "x-forwarded-client-cert"))
        let set = IdentityHeaderSet(headers)
        #expect(
            try lines(set.naming(own))
                == "X-Forwarded-Client-Cert: \(String(decoding: expected, as: UTF8.self))\r\n")
        #expect(set.naming(nil) == set)
        let told = IdentityHeaderSet(headers, proxyURIs: ["a:b"])
        #expect(told.naming(own) == told)
        let azure = IdentityHeaderSet(try IdentityPreset.named("azure").headers)
        #expect(azure.naming(own) == azure)
        #expect(PeerCertificate(firstOf: Array("nothing".utf8)) == nil)
    }

    @Test("S10 a backslash at a value's end does not swallow the quotation mark behind it")
    func trailingBackslash() throws {
        let pki = try TestPKI()
        let peer = try #require(
            try pki.verifiedPeer([.init("O", "end\\"), .init("CN", "a\\\"b")]))
        let set = IdentityHeaderSet(
            try IdentityPreset.named("xfcc-short").headers, proxyURIs: ["a:,\\", "a:\"\\b"])
        let text = String(decoding: try set.lines(of: peer.validated), as: UTF8.self)
        #expect(text.contains(#"Subject="CN=a\\\"b,O=end\5C";URI="#), "\(text)")
        #expect(text.contains(#": By="a:,%5C";By="a:\"%5Cb";Hash="#), "\(text)")
    }

    @Test("who shows no certificate is never described, only said to be nobody")
    func anonymous() throws {
        func lines(_ preset: String) throws -> String {
            let set = IdentityHeaderSet(try IdentityPreset.named(preset).headers)
            return String(decoding: set.anonymousLines, as: UTF8.self)
        }
        #expect(try lines("nginx") == "X-SSL-Client-Verify: NONE\r\n")
        #expect(try lines("ingress-nginx") == "ssl-client-verify: NONE\r\n")
        #expect(try lines("aws-cloudfront") == "CloudFront-Viewer-Cert-Present: 0\r\n")
        #expect(
            try lines("gcp")
                == "X-Client-Cert-Present: false\r\nX-Client-Cert-Chain-Verified: false\r\n")
        let others = Set(IdentityPreset.names).subtracting([
            "nginx", "ingress-nginx", "aws-cloudfront", "gcp",
        ])
        for preset in others { #expect(try lines(preset).isEmpty, "\(preset)") }
        let sets = try ["azure", "nginx"].map {
            IdentityHeaderSet(try IdentityPreset.named($0).headers)
        }
        let block = try #require(IdentityBlock(anonymousOf: sets))
        #expect(block.part(0).lines.isEmpty)
        #expect(block.part(1).lines.string == "X-SSL-Client-Verify: NONE\r\n")
        #expect(block.part(1).received == .removed)
        #expect(IdentityBlock(anonymousOf: [sets[0]]) == nil)
    }

    @Test("each set is rendered once for a chain, and refused by itself") func block() throws {
        let pki = try TestPKI()
        let peer = try #require(try pki.verifiedPeer([.init("CN", "client1"), .init("OU", "é")]))
        let plain = IdentityHeaderSet([try IdentityHeader(name: "X-A", format: "subject")])
        let other = IdentityHeaderSet([
            try IdentityHeader(name: "X-B", template: "{subject.OU}", encoding: .rfc8941)
        ])
        var limits = IdentityLimits()
        limits.valueBytes = 3
        let small = IdentityHeaderSet(plain.headers, limits: limits)
        let sets = [plain, other, small, IdentityHeaderSet([])]
        let block = try IdentityBlock.of(peer, sets: sets)
        #expect(block.part(0).lines.string == "X-A: CN=client1,OU=\\C3\\A9\r\n")
        #expect(block.part(0).refusal == nil)
        #expect(block.part(1).refusal == .unrepresentable)
        #expect(block.part(2).refusal == .tooLarge)
        #expect(block.part(3).lines.isEmpty)
        #expect(try IdentityBlock.of(peer, sets: sets) === block)
        // Other virtual hosts and later configurations have theirs kept as well, up to a limit.
        let later = try IdentityBlock.of(peer, sets: [plain])
        #expect(later !== block)
        #expect(try IdentityBlock.of(peer, sets: [plain]) === later)
        #expect(try IdentityBlock.of(peer, sets: sets) === block)
        for index in 0..<4 {
            _ = try IdentityBlock.of(peer, sets: Array(repeating: plain, count: index + 2))
        }
        let tooMany = Array(repeating: plain, count: 9)
        #expect(try IdentityBlock.of(peer, sets: tooMany) !== IdentityBlock.of(peer, sets: tooMany))
        #expect(try IdentityBlock.of(peer, sets: [plain]) === later)
        #expect(throws: IdentityError.unrepresentable) {
            try IdentityBlock.of(peer, sets: [other, plain])
        }
    }
}
