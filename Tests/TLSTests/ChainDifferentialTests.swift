import COpenSSL
import Core
import Testing

@testable import TLS

/// Chains with something wrong in them, judged by our server and by OpenSSL (S08).
@Suite struct ChainDifferentialTests {
    static let cases = 320

    private static let own = CryptoLibraries.restricted()

    static var libraries: [CryptoLibraries] { [.stock] + (own.map { [$0] } ?? []) }

    @Test("S08 cold is what openssl verify says, warm accepts no leaf that cold never did")
    func differential() throws {
        let cases = try ChainCases()
        let presented = try (0..<Self.cases).map { try cases.make(seed: UInt64($0)) }
        let truths = try presented.map { try cases.forge.isValid($0.list) }
        let valid = Set(zip(presented, truths).filter(\.1).map(\.0.list[0].der))
        #expect(truths.filter(\.self).count > 50 && truths.filter { !$0 }.count > 100)
        for libraries in Self.libraries {
            let warm = try cases.forge.server(libraries)
            for (each, isValid) in zip(presented, truths) {
                let cold = try cases.forge.server(libraries)
                let verdict = try cases.forge.connect(each.list, to: cold)
                #expect(
                    (verdict.chain != nil) == isValid,
                    "\(each.text), restricted \(libraries.isRestricted): \(verdict.error as Any)")
                // The neighbour's chain is good, and so are the authorities in it.
                let neighbour = try cases.forge.connect(each.neighbour, to: warm)
                #expect(neighbour.chain != nil, "\(each.text) neighbour \(neighbour.error as Any)")
                for _ in 0..<2 {
                    let again = try cases.forge.connect(each.list, to: warm).chain != nil
                    #expect(again == valid.contains(each.list[0].der), "\(each.text) warm")
                }
            }
        }
    }

    @Test("S08 the program openssl is of the same opinion") func program() throws {
        let cases = try ChainCases()
        for seed in stride(from: UInt64(0), to: UInt64(Self.cases), by: 7) {
            let each = try cases.make(seed: seed)
            #expect(
                try cases.forge.isValidByProgram(each.list) == cases.forge.isValid(each.list),
                "\(each.text)")
        }
    }
}

/// Makes chains that are good but for one thing, by number.
private final class ChainCases {
    struct Case {
        let text: String
        let list: [ForgedCertificate]
        /// A good chain by the same authorities, as far as they are good.
        let neighbour: [ForgedCertificate]
    }

    /// What is wrong with one certificate of a chain; 0 is the leaf.
    private typealias Change = (inout Forgery) throws -> Void

    let forge: Forge
    private let weak: ForgedKey
    private let kinds: [ForgedKey]
    private let signers: [ForgedKey]
    private let good: [ForgedCertificate]
    private let now: Int64

    init() throws {
        forge = try Forge()
        now = forge.now
        weak = try .rsa(1_024)
        kinds = try [
            .curve("P-384"), .curve("P-521"), .rsa(2_048), .rsa(3_072), .named("ED25519"),
            .named("ED448"), .named("RSA-PSS"),
        ]
        signers = try kinds + [.curve("secp256k1"), .curve("brainpoolP256r1"), .curve("P-224")]
        let intermediate = try forge.intermediate("Good CA")
        good = [try forge.leaf("good", below: intermediate), intermediate]
    }

    private var changesOfAny: [(String, Change)] {
        let (now, weak) = (now, weak)
        return [
            ("expired", { $0.notAfter = now - 1 }), ("not yet valid", { $0.notBefore = now + 60 }),
            ("server only", { $0.extensions[NID_ext_key_usage] = "serverAuth" }),
            ("any usage", { $0.extensions[NID_ext_key_usage] = "anyExtendedKeyUsage" }),
            ("both usages", { $0.extensions[NID_ext_key_usage] = "serverAuth,clientAuth" }),
            ("no key usage", { $0.extensions[NID_key_usage] = nil }),
            ("no signing", { $0.extensions[NID_key_usage] = "critical,keyEncipherment" }),
            ("cRLSign only", { $0.extensions[NID_key_usage] = "critical,cRLSign" }),
            ("no constraints", { $0.extensions[NID_basic_constraints] = nil }),
            ("weak key", { $0.key = weak }), ("SHA-1", { $0.digest = "SHA1" }),
            ("SHA-384", { $0.digest = "SHA384" }), ("SHA-512", { $0.digest = "SHA512" }),
            ("SHA3-256", { $0.digest = "SHA3-256" }), ("SHA-224", { $0.digest = "SHA224" }),
            ("spoilt signature", { $0.hasSpoiltSignature = true }),
            ("unknown critical", { $0.rawExtensions = [("1.2.3.4.5", true, [5, 0])] }),
            ("unknown", { $0.rawExtensions = [("1.2.3.4.5", false, [5, 0])] }),
            ("broken key usage", { $0.rawExtensions = [("2.5.29.15", true, [4, 4])] }),
            ("extension twice", { $0.rawExtensions = [("2.5.29.19", true, [0x30, 0])] }),
            ("broken names", { $0.rawExtensions = [("2.5.29.17", false, [0x30, 9, 1])] }),
            ("version 1", { $0.version = 1 }), ("negative serial", { $0.hasNegativeSerial = true }),
            ("other issuer name", { $0.issuerName = "Nobody" }),
            ("date without seconds", { $0.notAfterText = (23, "3012312359Z") }),
            ("date with offset", { $0.notAfterText = (23, "301231235959+0100") }),
            ("general date", { $0.notAfterText = (24, "20311231235959Z") }),
            ("general date early", { $0.notAfterText = (24, "20191231235959Z") }),
            ("fraction of a second", { $0.notAfterText = (24, "20311231235959.5Z") }),
            ("no date", { $0.notAfterText = (23, "tomorrow") }),
            ("far date", { $0.notAfterText = (24, "99991231235959Z") }),
            ("nothing", { _ in }), ("nothing at all", { _ in }),
        ]
    }

    private var changesOfAuthorities: [(String, Change)] {
        let signers = signers
        return [
            ("no authority", { $0.extensions[NID_basic_constraints] = "critical,CA:FALSE" }),
            ("path length 0", { $0.extensions[NID_basic_constraints] = "CA:TRUE,pathlen:0" }),
            ("path length 1", { $0.extensions[NID_basic_constraints] = "CA:TRUE,pathlen:1" }),
            ("excluded", { $0.extensions[NID_name_constraints] = "critical,excluded;DNS:a.test" }),
            (
                "permitted",
                { $0.extensions[NID_name_constraints] = "critical,permitted;DNS:b.test" }
            ),
            ("digitalSignature", { $0.extensions[NID_key_usage] = "critical,digitalSignature" }),
        ]
            + signers.indices.map { index in
                ("kind of key \(index)", { $0.key = signers[index] })
            }
    }

    /// The case of that number.
    func make(seed: UInt64) throws -> Case {
        var random = SeededGenerator(seed: seed)
        let depth = [0, 1, 1, 1, 2, 2, 2, 3, 4].randomElement(using: &random) ?? 1
        let kind = Int.random(in: 0..<8, using: &random)
        // One certificate in two cases of three, and the list in one of three.
        let level = Int.random(in: 0...depth, using: &random)
        var text = "case \(seed): \(depth) intermediates, \(level): "
        var change: Change = { _ in }
        if kind < 6 {
            var changes = changesOfAny
            if level > 0 { changes += changesOfAuthorities }
            if level == 0 {
                let kinds = kinds
                changes += kinds.indices.map { index in ("leaf \(index)", { $0.key = kinds[index] })
                }
            }
            guard let chosen = changes.randomElement(using: &random) else { fatalError() }
            text += chosen.0
            change = chosen.1
        }
        var issuer = forge.root
        var list: [ForgedCertificate] = []
        for index in stride(from: depth, to: 0, by: -1) {
            issuer = try forge.intermediate(
                "CA \(seed).\(index)", below: issuer, key: forge.key(index),
                index == level ? change : { _ in })
            list.insert(issuer, at: 0)
        }
        let leaf = try forge.leaf("leaf \(seed)", below: issuer) {
            $0.extensions[NID_subject_alt_name] = "DNS:a.test"
            if level == 0 { try change(&$0) }
        }
        let neighbour = try neighbour(below: issuer, list)
        list.insert(leaf, at: 0)
        if kind >= 6 { text += try changeList(&list, &random) }
        return Case(text: text, list: list, neighbour: neighbour)
    }

    private func neighbour(
        below issuer: ForgedCertificate, _ authorities: [ForgedCertificate]
    ) throws -> [ForgedCertificate] {
        let list = try [forge.leaf("neighbour", below: issuer)] + authorities
        return try forge.isValid(list) ? list : good
    }

    private func changeList(
        _ list: inout [ForgedCertificate], _ random: inout SeededGenerator
    ) throws -> String {
        let others = Array(list.dropFirst())
        let name = try #require(list[0].issuer).subject
        switch Int.random(in: 0..<9, using: &random) {
        case 0:
            list.removeLast(list.count > 1 ? 1 : 0)
            return "the last is missing"
        case 1:
            list = [list[0]] + others.reversed()
            return "reversed"
        case 2:
            list += others + others
            return "thrice"
        case 3:
            list.insert(good[1], at: 1)
            return "a foreign one first"
        case 4:
            list.append(forge.root)
            return "with the root"
        case 5:
            // The same name with another key: the path must go round it.
            list.insert(try forge.intermediate(name, key: forge.key(5)), at: 1)
            return "a namesake first"
        case 6:
            list.insert(
                try forge.intermediate(name, key: forge.key(5)) {
                    $0.rawExtensions = [("2.5.29.15", true, [4, 4])]
                }, at: 1)
            return "a broken namesake first"
        case 7:
            list.insert(
                try forge.intermediate(name, key: .named("X25519")) { $0.notAfter = self.now - 5 },
                at: 1)
            return "an expired namesake with no signing key first"
        default:
            list = [list[0]]
            return "the leaf alone"
        }
    }
}
