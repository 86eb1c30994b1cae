internal import COpenSSL

/// A revocation list as it was read (RFC 5280 §5). Nothing in it is believed before its signature
/// is verified.
@safe
final class SignedRevocationList {
    /// Lists are megabytes; more than this is not one.
    static let sizeLimit = 64 << 20
    static let filesPerFolder = 1_024

    /// Where it was found, for messages.
    let origin: String
    // Invariant: an `X509_CRL` that this object owns.
    let pointer: OpaquePointer

    private init(_ pointer: OpaquePointer, origin: String) {
        self.origin = origin
        unsafe self.pointer = unsafe pointer
    }

    deinit { unsafe X509_CRL_free(pointer) }

    /// The lists at `path`, a file or a folder of files; nil when nothing is there.
    static func read(_ path: String) throws(TLSConfigurationError) -> [SignedRevocationList]? {
        switch FileBytes.kind(of: path) {
        case .missing: return nil
        case .file: return try lists(in: path)
        case .folder:
            let files = try FileBytes.paths(in: path)
            guard files.count <= filesPerFolder else {
                throw TLSConfigurationError(
                    path, "holds more than \(filesPerFolder) files", advice: "remove some")
            }
            var found: [SignedRevocationList] = []
            for file in files where FileBytes.kind(of: file) == .file {
                found += try lists(in: file)
            }
            return found
        }
    }

    private static func lists(
        in path: String
    ) throws(TLSConfigurationError) -> [SignedRevocationList] {
        let bytes = try FileBytes.contents(of: path, limit: sizeLimit)
        // DER begins with a SEQUENCE, which is no text.
        return bytes.first == 0x30 ? try decode(bytes, path) : try decodePEM(bytes, path)
    }

    private static func decode(
        _ bytes: [UInt8], _ path: String
    ) throws(TLSConfigurationError) -> [SignedRevocationList] {
        var lists: [SignedRevocationList] = []
        var offset = 0
        ErrorQueue.clear()
        while offset < bytes.count {
            let list = unsafe bytes.withUnsafeBufferPointer { bytes in
                var cursor = bytes.extracting(offset...).baseAddress
                let start = unsafe cursor
                let list = unsafe d2i_X509_CRL(nil, &cursor, bytes.count - offset)
                if let start = unsafe start, let end = unsafe cursor {
                    offset += unsafe end - start
                }
                return unsafe list
            }
            guard let list = unsafe list else { throw broken(path, lists.count + 1) }
            lists.append(unsafe SignedRevocationList(list, origin: path))
        }
        return lists
    }

    private static func decodePEM(
        _ bytes: [UInt8], _ path: String
    ) throws(TLSConfigurationError) -> [SignedRevocationList] {
        let blocks = bytes.split(separator: UInt8(ascii: "\n")).count {
            $0.starts(with: "-----BEGIN X509 CRL-----".utf8)
        }
        guard blocks > 0 else {
            throw TLSConfigurationError(
                path, "contains no revocation list",
                advice: "name DER, or PEM blocks 'BEGIN X509 CRL'")
        }
        guard let bio = unsafe COpenSSL_BIO_copying(bytes, bytes.count) else {
            throw TLSConfigurationError(path, "out of memory", advice: "free memory and try again")
        }
        defer { unsafe BIO_free(bio) }
        var lists: [SignedRevocationList] = []
        ErrorQueue.clear()
        while let list = unsafe COpenSSL_PEM_read_revocation_list(bio) {
            lists.append(unsafe SignedRevocationList(list, origin: path))
        }
        guard lists.count == blocks else { throw broken(path, lists.count + 1) }
        // The end of the file is an error to the reader.
        ErrorQueue.clear()
        return lists
    }

    private static func broken(_ path: String, _ number: Int) -> TLSConfigurationError {
        TLSConfigurationError(
            path, "revocation list \(number) is broken (\(ErrorQueue.drainedText()))",
            advice: "replace the file")
    }
}
