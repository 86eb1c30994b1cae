public import Crypto

/// What one worker signs requests to AWS by: one for all its authorizers, of every generation of
/// the configuration. Not to be shared between threads.
public final class RequestSigning {
    /// The newest credentials; nil as long as there were none.
    public private(set) var credentials: SignatureV4.Credentials?
    /// Changes with the credentials.
    private(set) var generation = 0
    private var isRefused = false

    /// Signing by `credentials`.
    public init(_ credentials: SignatureV4.Credentials? = nil) { self.credentials = credentials }

    /// Signs by `credentials` from now on.
    public func replace(by credentials: SignatureV4.Credentials) {
        guard credentials != self.credentials else { return }
        self.credentials = credentials
        generation += 1
        isRefused = false
    }

    /// AWS does not accept what was signed.
    func refuse() { isRefused = true }

    /// Whether AWS has refused what was signed since this was asked last.
    public func takeRefusal() -> Bool {
        defer { isRefused = false }
        return isRefused
    }
}
