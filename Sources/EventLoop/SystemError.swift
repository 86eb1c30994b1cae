import Glibc

/// A system call that failed.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The positive error number.
    public let errno: Int32
    /// What was tried, for example `bind`.
    public let operation: String

    /// The failure of `operation` with the positive error number `errno`.
    public init(errno: Int32, operation: String) {
        self.errno = errno
        self.operation = operation
    }

    /// For example `bind: Address already in use (98)`.
    public var description: String {
        guard let text = unsafe strerror(errno) else { return "\(operation): error \(errno)" }
        return unsafe "\(operation): \(String(cString: text)) (\(errno))"
    }

    /// Passes on a result >= 0, throws one that is -errno.
    @discardableResult
    static func check(_ result: Int32, _ operation: String) throws(SystemError) -> Int32 {
        guard result >= 0 else { throw SystemError(errno: -result, operation: operation) }
        return result
    }
}
