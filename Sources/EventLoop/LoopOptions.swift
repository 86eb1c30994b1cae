/// Which backend to run.
public enum IOChoice: String, Sendable, CaseIterable {
    /// io_uring where the probe passes, else epoll.
    case auto
    /// io_uring, or fail to start.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case io_uring
    /// epoll.
    case epoll
}

/// Sizes of one worker's backend.
public struct LoopOptions: Sendable, Equatable {
    /// The most sockets, listeners included.
    public var socketLimit = 65_536
    /// Entries of the io_uring submission queue.
    public var submissionEntries: UInt32 = 1_024
    /// Entries of the io_uring completion queue.
    public var completionEntries: UInt32 = 4_096
    /// Receive buffers provided to io_uring; a power of two.
    public var receiveBufferCount: UInt32 = 256
    /// Size of each of them in bytes.
    public var receiveBufferSize: UInt32 = 16_384
    /// The most bytes epoll reads from one socket per turn.
    public var epollReadSize = 32_768
    /// The most connections epoll accepts from one listener per turn.
    public var acceptBudget = 4

    /// The defaults.
    public init() {}
}
