import ArgumentParser
import Glibc
import TLS

/// A file that names many client certificates, one in each line: `chain.pem key.pem`.
struct CertificateList {
    /// A hundred thousand lines with long paths; more than this is another file.
    private static let sizeLimit = 16 << 20
    /// At least one.
    let files: [CertificateFiles]

    /// Reads the file at `path`.
    init(path: String) throws(ValidationError) {
        var files: [CertificateFiles] = []
        for line in try Self.text(path).split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 2 else {
                throw ValidationError("--cert-list: '\(line)' is not 'chain.pem key.pem'")
            }
            files.append(CertificateFiles(chain: words[0], key: words[1]))
        }
        guard !files.isEmpty else { throw ValidationError("--cert-list: '\(path)' is empty") }
        self.files = files
    }

    private static func text(_ path: String) throws(ValidationError) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ValidationError("--cert-list: cannot open '\(path)'") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe read(descriptor, &chunk, chunk.count)
            guard count >= 0 else { throw ValidationError("--cert-list: cannot read '\(path)'") }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
            guard bytes.count <= sizeLimit else {
                throw ValidationError("--cert-list: '\(path)' is larger than 16 MiB")
            }
        }
    }
}
