import Crypto
import Foundation
import Testing

@testable import TLS

/// Authorities, a client below them, and the lists that they sign, in a folder of their own.
final class RevocationFixture {
    let files: TestAuthority
    let leaf: CertificateAuthority
    let leafSerial: [UInt8] = [0x7A, 0x01, 0x02]
    let intermediate: CertificateAuthority
    let intermediateSerial: [UInt8] = [0x5B, 0x01]
    var root: CertificateAuthority { files.root }
    var now: Int64 { files.now }
    private var count = 0

    init() throws {
        files = try TestAuthority()
        var request = CertificateRequest.authority(
            "Issuing CA", notBefore: files.now - 86_400, notAfter: files.now + 86_400)
        request.serialNumber = intermediateSerial
        intermediate = try files.root.issue(request, key: CertificateKey(.p256))
        request = files.clientRequest()
        request.serialNumber = leafSerial
        leaf = try intermediate.issue(request, key: CertificateKey(.p256))
    }

    /// A path in the folder that nothing has yet.
    func path(_ suffix: String) -> String {
        count += 1
        return "\(files.directory)/r\(count)\(suffix)"
    }

    func write(_ bytes: [UInt8], _ suffix: String = ".crl") throws -> String {
        let path = path(suffix)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// A list with `serials`, number 7, good for an hour unless `change` says otherwise.
    func request(
        _ serials: [[UInt8]] = [], _ change: (inout RevocationListRequest) -> Void = { _ in }
    ) -> RevocationListRequest {
        var request = RevocationListRequest(
            serials.map { .init($0) }, number: 7, thisUpdate: now - 60, nextUpdate: now + 3_600)
        change(&request)
        return request
    }

    /// Path of a list that `authority` signs.
    func list(
        _ authority: CertificateAuthority, _ serials: [[UInt8]] = [],
        _ change: (inout RevocationListRequest) -> Void = { _ in }
    ) throws -> String {
        try write(authority.revocationList(request(serials, change)))
    }

    /// An issuer called `name` whose lists stand at `paths`.
    func issuer(
        _ name: String, _ authority: CertificateAuthority, _ paths: [String],
        _ whenStale: StalePolicy = .closed
    ) throws -> RevocationIssuerOptions {
        RevocationIssuerOptions(
            name: name, certificate: try files.file(authority.pem), lists: paths,
            whenStale: whenStale)
    }

    /// The set of the intermediate's lists at `paths`.
    func load(
        _ paths: [String], _ whenStale: StalePolicy = .closed, previous: RevocationSet? = nil
    ) throws -> RevocationSet {
        try load([issuer("issuing", intermediate, paths, whenStale)], previous: previous)
    }

    func load(
        _ issuers: [RevocationIssuerOptions] = [], denying text: String? = nil,
        previous: RevocationSet? = nil
    ) throws -> RevocationSet {
        var options = RevocationOptions(issuers: issuers)
        if let text { options.denyListFiles = [try write(Array(text.utf8), ".txt")] }
        return try RevocationSet.load(
            options, generation: (previous?.generation ?? 0) + 1, now: now, previous: previous)
    }

    /// What loading the intermediate's list with `change` is refused with.
    func refusal(
        _ change: (inout RevocationListRequest) -> Void
    ) throws -> String? {
        let path = try list(intermediate, [leafSerial], change)
        do {
            _ = try load([path], .open)
            return nil
        } catch let error as TLSConfigurationError {
            #expect(error.subject == path)
            return error.reason
        }
    }

    /// `certificate` and its issuers up to the root.
    func chain(_ certificate: CertificateAuthority) throws -> [ChainMember] {
        var text = ""
        var next: CertificateAuthority? = certificate
        while let certificate = next {
            text += try certificate.pem
            next = certificate.issuer
        }
        let list = try PEMFile(path: files.file(text)).certificates()
        let parsed = try (0..<list.count).map {
            try #require(unsafe PeerCertificate(list[$0]))
        }
        let members = unsafe ChainMember.chain(parsed) { unsafe list[$0] }
        return try #require(members)
    }
}

/// Numbers that a seed decides (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
