import Crypto
import Identity

/// The identity headers that there are, each with what it would say of an example.
public enum FormatList {
    /// Characters of a value that are shown.
    private static let width = 96

    /// Presets, formats, encodings and variables, as lines.
    ///
    /// - Throws: when the example cannot be made.
    public static func text() throws(GatewayError) -> String {
        let listing = IdentityListing(try example())
        let presets: [Report] = IdentityPreset.all.map { preset in
            .object([
                ("preset", .text(preset.name)), ("of", .text(preset.summary)),
                ("headers", .list(listing.headers(of: preset).map(line))),
            ])
        }
        return Report.object([
            ("presets", .list(presets)),
            ("formats", .list(IdentityFormat.names.map(Report.text))),
            ("encodings", .list(HeaderEncoding.names.map(Report.text))),
            ("variables", .list(listing.variables.map(line))),
            ("variables to fill in", .list(IdentityTemplate.patterns.map(Report.text))),
        ]).lines
    }

    private static func line(_ line: IdentityListing.Line) -> Report {
        guard line.value.count > width else { return .text("\(line.name): \(line.value)") }
        return .text(
            "\(line.name): \(line.value.prefix(width))… (\(line.value.utf8.count) bytes)")
    }

    /// A certificate made for this list: of 2026, by an authority of its own.
    private static func example() throws(GatewayError) -> IdentityInput {
        let chain: [[UInt8]]
        let (start, end): (Int64, Int64) = (1_767_574_923, 2_082_758_399)
        do throws(CertificateError) {
            let root = try CertificateAuthority.root(
                .authority("Example CA", notBefore: start, notAfter: end),
                key: CertificateKey(.p256))
            var request = CertificateRequest.client(
                try CertificateRequest.attributes(in: "C=DE,O=Acme\\, Inc.,OU=Payments,CN=client1"),
                notBefore: start, notAfter: end)
            request.serialNumber = [0x0a, 0x1b, 0x2c]
            request.alternativeNames = [
                .uri("spiffe://acme.example/ns/prod/sa/payments"), .dns("client1.acme.example"),
                .email("client1@acme.example"), .ip("192.0.2.10"),
            ]
            let leaf = try root.issue(request, key: CertificateKey(.p256))
            chain = [leaf.der, root.der]
        } catch {
            throw GatewayError("\(error)")
        }
        guard let input = IdentityInput(unverified: chain) else {
            throw GatewayError("the example is no certificate")
        }
        return input
    }
}
