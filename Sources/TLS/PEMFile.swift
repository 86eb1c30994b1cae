internal import COpenSSL
internal import Core

/// A PEM file in memory, and the certificates or the key in it.
@safe
struct PEMFile {
    /// Bundles are kilobytes; more than this is not one.
    static let sizeLimit = 16 << 20

    let path: String
    private let bytes: [UInt8]

    /// The file at `path`, of which `contents` have been read already, or are read now.
    init(path: String, contents: [UInt8]? = nil) throws(TLSConfigurationError) {
        self.path = path
        if let contents {
            bytes = contents
            return
        }
        bytes = try FileBytes.contents(of: path, limit: Self.sizeLimit)
    }

    /// All certificates in the file, in order.
    ///
    /// Fails when a block is broken, and when there is none.
    func certificates() throws(TLSConfigurationError) -> CertificateList {
        let blocks = certificateBlocks
        guard blocks > 0 else {
            throw TLSConfigurationError(
                path, "contains no certificate",
                advice: "the file must hold PEM blocks 'BEGIN CERTIFICATE'")
        }
        guard let bio = unsafe COpenSSL_BIO_copying(bytes, bytes.count) else {
            throw Self.exhausted(path)
        }
        defer { unsafe BIO_free(bio) }
        let certificates = CertificateList()
        ErrorQueue.clear()
        while let certificate = unsafe COpenSSL_PEM_read_certificate(bio) {
            unsafe certificates.append(certificate)
        }
        let reason = ErrorQueue.drainedText()
        guard certificates.count == blocks else {
            throw TLSConfigurationError(
                path,
                "certificate \(certificates.count + 1) of \(blocks) is broken (\(reason))",
                advice: "replace or remove that block")
        }
        return certificates
    }

    /// The private key in the file. The caller frees it. `passphrase` opens an encrypted one, and
    /// is not looked at for another.
    func privateKey(passphrase: Passphrase?) throws(TLSConfigurationError) -> OpaquePointer {
        guard let bio = unsafe COpenSSL_BIO_copying(bytes, bytes.count) else {
            throw Self.exhausted(path)
        }
        defer { unsafe BIO_free(bio) }
        ErrorQueue.clear()
        var asked: Int32 = 0
        let key = unsafe COpenSSL_PEM_read_private_key(
            bio, passphrase?.bytes, passphrase?.bytes.count ?? 0, &asked)
        if let key = unsafe key {
            // The search for a key leaves entries behind even when it succeeds.
            ErrorQueue.clear()
            return unsafe key
        }
        let reason = ErrorQueue.drainedText()
        guard asked == 1 else {
            throw TLSConfigurationError(
                path, "holds no usable private key (\(reason))",
                advice: "the file must hold one PEM private key")
        }
        guard let passphrase else {
            throw TLSConfigurationError(
                path, "is encrypted", advice: "name its passphraseFile, or decrypt the key")
        }
        throw TLSConfigurationError(
            path, "cannot be decrypted with the passphrase in \(passphrase.path) (\(reason))",
            advice: "put the right passphrase into that file's first line")
    }

    /// What opens an encrypted key.
    struct Passphrase {
        /// OpenSSL's buffer takes no more.
        static let limit = 1_023

        let path: String
        let bytes: [UInt8]
    }

    /// The first line, without the end of the line.
    func passphrase() throws(TLSConfigurationError) -> Passphrase {
        var line = Array(bytes.prefix { $0 != UInt8(ascii: "\n") })
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        guard !line.isEmpty else {
            throw TLSConfigurationError(
                path, "has an empty first line", advice: "put the passphrase there")
        }
        guard line.count <= Passphrase.limit else {
            throw TLSConfigurationError(
                path, "has a first line of \(line.count) bytes",
                advice: "a passphrase has at most \(Passphrase.limit)")
        }
        return Passphrase(path: path, bytes: line)
    }

    /// How many blocks claim to be a certificate of any kind.
    private var certificateBlocks: Int {
        bytes.split(separator: UInt8(ascii: "\n")).count { line in
            var line = line
            while let last = line.last, last == 0x0D || last == 0x20 || last == 0x09 {
                line.removeLast()
            }
            return line.starts(with: "-----BEGIN ".utf8)
                && line.suffix(16).elementsEqual("CERTIFICATE-----".utf8)
        }
    }

    private static func exhausted(_ path: String) -> TLSConfigurationError {
        TLSConfigurationError(path, "out of memory", advice: "free memory and try again")
    }
}

/// Certificates in memory, freed with the list.
@safe
final class CertificateList {
    // Invariant: each is an `X509` that this list owns.
    private var pointers: [OpaquePointer] = unsafe []

    deinit {
        for index in 0..<count { unsafe X509_free(self[index]) }
    }

    var count: Int { unsafe pointers.count }

    subscript(index: Int) -> OpaquePointer { unsafe pointers[index] }

    /// Takes over `certificate`.
    func append(_ certificate: OpaquePointer) { unsafe pointers.append(certificate) }
}
