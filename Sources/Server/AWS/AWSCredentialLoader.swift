import Crypto
import Glibc
import TLS

/// Reads credentials for AWS from where the environment says. Blocks: never called by a worker.
struct AWSCredentialLoader: Sendable {
    /// Credentials, and where they come from.
    struct Loaded: Equatable {
        let credentials: SignatureV4.Credentials
        let source: AWSCredentialSource
    }

    private let environment: [String: String]

    /// A loader for a process with the variables `environment`.
    init(environment: [String: String]) { self.environment = environment }

    /// The credentials of the first source that has any, as they are now.
    func load() throws(AWSCredentialProblem) -> Loaded {
        let chain = try AWSCredentialChain(environment: environment)
        for source in chain.sources {
            if let credentials = try credentials(from: source) {
                return Loaded(credentials: credentials, source: source)
            }
        }
        throw AWSCredentialProblem(
            "no source has credentials: neither the variables AWS_ACCESS_KEY_ID and "
                + "AWS_SECRET_ACCESS_KEY" + chain.sources.map { ", nor \($0)" }.joined())
    }

    private func credentials(
        from source: AWSCredentialSource
    ) throws(AWSCredentialProblem) -> SignatureV4.Credentials? {
        switch source {
        case .environment(let credentials): return credentials
        case .file(let file):
            let text: [UInt8]
            do throws(FileBytes.Unreadable) {
                text = try FileBytes.read(file.path, limit: AWSCredentialsFile.sizeLimit)
            } catch {
                if error == .system(ENOENT), !file.isNamed { return nil }
                throw AWSCredentialProblem("\(file.path): cannot be read: \(error.reason)")
            }
            return try file.credentials(in: text)
        }
    }
}
