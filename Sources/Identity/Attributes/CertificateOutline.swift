/// The parts of a certificate (RFC 5280 §4.1) that are read further.
struct CertificateOutline {
    let version: Int
    /// Content of the INTEGER.
    let serialNumber: [UInt8]
    /// Dotted.
    let signatureAlgorithm: String
    let publicKey: DERReader.Element
    private let extensionList: DERReader.Element?

    init(_ der: [UInt8]) throws(CertificateMistake) {
        do throws(DERReader.Mistake) {
            try self.init(parsing: der)
        } catch {
            throw CertificateMistake(part: "structure")
        }
    }

    private init(parsing der: [UInt8]) throws(DERReader.Mistake) {
        var outer = DERReader(der[...])
        var certificate = try outer.element(DERReader.sequence).reader
        try outer.finish()
        var body = try certificate.element(DERReader.sequence).reader
        var algorithm = try certificate.element(DERReader.sequence).reader
        signatureAlgorithm = try algorithm.dottedIdentifier()
        _ = try certificate.element(DERReader.bitString)
        try certificate.finish()

        if var explicit = try body.optional(0xa0)?.reader {
            version = try explicit.number() + 1
            try explicit.finish()
        } else {
            version = 1
        }
        serialNumber = Array(try body.element(DERReader.integer).content)
        // RFC 5280 allows 20 bytes (§4.1.2.2); writing a long one in decimal takes quadratic time.
        guard !serialNumber.isEmpty, serialNumber.count <= 64 else { throw DERReader.Mistake() }
        // Signature algorithm, issuer, validity, subject.
        for _ in 0..<4 { _ = try body.element(DERReader.sequence) }
        publicKey = try body.element(DERReader.sequence)
        // Unique identifiers of issuer and subject, which nobody uses.
        _ = try body.optional(0x81)
        _ = try body.optional(0x82)
        extensionList = try body.optional(0xa3)
        try body.finish()
    }

    func extensions() throws(CertificateMistake) -> CertificateExtensions {
        try CertificateExtensions(extensionList)
    }
}
