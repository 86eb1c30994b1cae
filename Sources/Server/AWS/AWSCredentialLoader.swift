import Authorization
import Core
import Crypto
import Fetch
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
    private let fetcher: Fetcher

    /// Bytes of an endpoint's answer, and of a file with a token.
    private static let answerLimit = 65_536
    /// Who answers is on this machine, or not there.
    private static let connectTimeout = Nanoseconds.seconds(1)
    private static let timeout = Nanoseconds.seconds(5)

    /// A loader for a process with the variables `environment`.
    init(environment: [String: String], fetcher: Fetcher) {
        self.environment = environment
        self.fetcher = fetcher
    }

    /// The credentials of the first source that has any, as they are at `wallSeconds`, which is
    /// now.
    func load(at wallSeconds: Int64) throws(AWSCredentialProblem) -> Loaded {
        let chain = try AWSCredentialChain(environment: environment)
        for source in chain.sources {
            if let credentials = try credentials(from: source, at: wallSeconds) {
                return Loaded(credentials: credentials, source: source)
            }
        }
        throw AWSCredentialProblem(
            "no source has credentials: neither the variables AWS_ACCESS_KEY_ID and "
                + "AWS_SECRET_ACCESS_KEY" + chain.sources.map { ", nor \($0)" }.joined())
    }

    /// Ends a `load` under way, and all that would be later. From any thread.
    func cancel() { fetcher.cancel() }

    private func credentials(
        from source: AWSCredentialSource, at wallSeconds: Int64
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
        case .container(let endpoint):
            let answer = try ask(try endpoint.question(token: try token(of: endpoint)), source)
            return try AWSContainerEndpoint.credentials(
                status: answer.status, Self.parse(answer.body), at: wallSeconds)
        case .instance(var metadata):
            var question = metadata.first
            while true {
                let answer = try ask(question, source)
                let step = try metadata.answered(
                    status: answer.status, String(decoding: answer.body, as: UTF8.self),
                    Self.parse(answer.body), at: wallSeconds)
                switch step {
                case .ask(let next): question = next
                case .found(let credentials): return credentials
                }
            }
        }
    }

    private func token(of endpoint: AWSContainerEndpoint) throws(AWSCredentialProblem) -> String? {
        guard let path = endpoint.tokenFile else { return endpoint.token }
        do throws(FileBytes.Unreadable) {
            let bytes = try FileBytes.read(path, limit: Self.answerLimit)
            return String(decoding: bytes, as: UTF8.self)
                .split(omittingEmptySubsequences: true, whereSeparator: \.isNewline)
                .joined(separator: "\n")
        } catch {
            throw AWSCredentialProblem("\(path): cannot be read: \(error.reason)")
        }
    }

    private func ask(
        _ question: AWSCredentialQuestion, _ source: AWSCredentialSource
    ) throws(AWSCredentialProblem) -> FetchAnswer {
        var request = FetchRequest(
            question.url, method: question.method,
            fields: question.fields.map { ($0.name, $0.value) })
        request.connectTimeout = Self.connectTimeout
        request.timeout = Self.timeout
        request.limit = Self.answerLimit
        do throws(FetchError) {
            return try fetcher.fetch(request)
        } catch {
            // The words about a request that cannot be made quote it.
            let reason = error.kind == .request ? "this is no address to ask" : error.reason
            throw AWSCredentialProblem("\(source): \(reason)")
        }
    }

    private static func parse(_ body: [UInt8]) -> AWSCredentialAnswer? {
        guard let value = try? JSONReader.read(body, limit: answerLimit),
            case .object = value
        else { return nil }
        var answer = AWSCredentialAnswer()
        answer.code = value["Code"]?.text
        answer.accessKey = value["AccessKeyId"]?.text
        answer.secretKey = value["SecretAccessKey"]?.text
        answer.token = value["Token"]?.text
        answer.expiration = value["Expiration"]?.text
        return answer
    }
}
