internal import CLinux
public import Core
internal import Glibc

/// Descriptors that are not yet, or not only, a backend's.
public enum Sockets {
    /// How a listener is made.
    public struct ListenerOptions: Sendable {
        /// Connections the kernel keeps before they are accepted.
        public var backlog: Int32 = 4_096
        /// Lets several listeners share one port, each with its share of the connections.
        public var reusePort = false
        /// Sends small segments at once; accepted sockets inherit it. Ignored for Unix sockets.
        public var noDelay = true
        /// Removes a file left over at a Unix socket's path.
        public var replacesUnixPath = true
        /// An IPv6 listener on `::` takes IPv4 connections as well.
        public var dualStack = false
        /// Seconds to wait for a first byte before a connection is reported; 0 for not at all.
        public var deferAccept: Int32 = 0

        /// The defaults.
        public init() {}
    }

    /// A listening, non-blocking, close-on-exec descriptor.
    public static func makeListener(
        _ address: SocketAddress, options: ListenerOptions = ListenerOptions()
    ) throws(SystemError) -> Int32 {
        guard let gather = unsafe CLinux_gather_create() else {
            throw SystemError(errno: ENOMEM, operation: "socket")
        }
        defer { unsafe CLinux_gather_destroy(gather) }
        try SystemError.check(unsafe store(address, in: gather), "socket")
        let descriptor = try SystemError.check(unsafe CLinux_socket(gather), "socket")
        do {
            try prepare(descriptor, for: address, options)
            try SystemError.check(unsafe CLinux_bind(descriptor, gather), "bind")
            try SystemError.check(CLinux_listen(descriptor, options.backlog), "listen")
        } catch {
            _ = CLinux_close(descriptor)
            throw error
        }
        return descriptor
    }

    /// The same with the usual options.
    public static func makeListener(
        _ address: SocketAddress, backlog: Int32, reusePort: Bool = false
    ) throws(SystemError) -> Int32 {
        var options = ListenerOptions()
        options.backlog = backlog
        options.reusePort = reusePort
        return try makeListener(address, options: options)
    }

    private static func prepare(
        _ descriptor: Int32, for address: SocketAddress, _ options: ListenerOptions
    ) throws(SystemError) {
        if case .unix(let path) = address {
            if options.replacesUnixPath { _ = unsafe unlink(path) }
            return
        }
        try SystemError.check(CLinux_set_reuse_address(descriptor), "SO_REUSEADDR")
        if options.reusePort {
            try SystemError.check(CLinux_set_reuse_port(descriptor), "SO_REUSEPORT")
        }
        if options.noDelay {
            try SystemError.check(CLinux_set_no_delay(descriptor, 1), "TCP_NODELAY")
        }
        if options.deferAccept > 0 {
            try SystemError.check(
                CLinux_set_defer_accept(descriptor, options.deferAccept), "TCP_DEFER_ACCEPT")
        }
        if case .ipv6 = address {
            let only: Int32 = options.dualStack ? 0 : 1
            try SystemError.check(CLinux_set_ipv6_only(descriptor, only), "IPV6_V6ONLY")
        }
    }

    /// The address a socket is bound to, with the port the kernel chose.
    public static func localAddress(_ descriptor: Int32) throws(SystemError) -> SocketAddress {
        var address = CLinux_address()
        try SystemError.check(unsafe CLinux_local_address(descriptor, &address), "getsockname")
        return convert(address)
    }

    /// The address of the peer; an unnamed Unix socket has an empty path.
    public static func peerAddress(_ descriptor: Int32) throws(SystemError) -> SocketAddress {
        var address = CLinux_address()
        try SystemError.check(unsafe CLinux_peer_address(descriptor, &address), "getpeername")
        return convert(address)
    }

    /// Sends small segments at once (true) or gathers them (false).
    public static func setNoDelay(_ descriptor: Int32, _ on: Bool = true) throws(SystemError) {
        try SystemError.check(CLinux_set_no_delay(descriptor, on ? 1 : 0), "TCP_NODELAY")
    }

    /// Probes idle peers: after `idle` seconds, every `interval` seconds, `count` times.
    public static func setKeepAlive(
        _ descriptor: Int32, idle: Int32, interval: Int32, count: Int32
    ) throws(SystemError) {
        try SystemError.check(
            CLinux_set_keep_alive(descriptor, idle, interval, count), "SO_KEEPALIVE")
    }

    /// Sets the kernel's send buffer, in bytes.
    public static func setSendBuffer(_ descriptor: Int32, _ bytes: Int32) throws(SystemError) {
        try SystemError.check(CLinux_set_send_buffer(descriptor, bytes), "SO_SNDBUF")
    }

    /// Sets the kernel's receive buffer, in bytes.
    public static func setReceiveBuffer(_ descriptor: Int32, _ bytes: Int32) throws(SystemError) {
        try SystemError.check(CLinux_set_receive_buffer(descriptor, bytes), "SO_RCVBUF")
    }

    /// Closes a descriptor no backend owns.
    public static func close(_ descriptor: Int32) { _ = CLinux_close(descriptor) }

    /// Raises the limit of open descriptors towards `wanted`; returns the limit in force.
    @discardableResult
    public static func raiseDescriptorLimit(to wanted: UInt64) throws(SystemError) -> Int64 {
        let limit = CLinux_raise_descriptor_limit(wanted)
        guard limit >= 0 else {
            throw SystemError(errno: Int32(truncatingIfNeeded: -limit), operation: "RLIMIT_NOFILE")
        }
        return limit
    }

    /// Raises the limit of locked memory to the most allowed; returns it (`Int64.max`: unlimited).
    @discardableResult
    public static func raiseMemlockLimit() throws(SystemError) -> Int64 {
        let limit = CLinux_raise_memlock_limit()
        guard limit >= 0 else {
            throw SystemError(
                errno: Int32(truncatingIfNeeded: -limit), operation: "RLIMIT_MEMLOCK")
        }
        return limit
    }

    /// Writes `address` into `gather`; 0 or -errno.
    @unsafe
    static func store(_ address: SocketAddress, in gather: OpaquePointer) -> Int32 {
        switch address {
        case .ipv4(let bytes, let port):
            unsafe CLinux_gather_set_ipv4(gather, bytes, port)
            return 0
        case .ipv6(let bytes, let port):
            unsafe CLinux_gather_set_ipv6(gather, bytes.high, bytes.low, port)
            return 0
        case .unix(let path):
            return unsafe path.withCString {
                unsafe CLinux_gather_set_unix(gather, $0, path.utf8.count)
            }
        }
    }

    private static func convert(_ address: CLinux_address) -> SocketAddress {
        switch address.family {
        case 4:
            return .ipv4(address.ipv4, port: address.port)
        case 6:
            let bytes = SocketAddress.InlineAddress(high: address.high, low: address.low)
            return .ipv6(bytes, port: address.port)
        default:
            let path = unsafe withUnsafeBytes(of: address.path) {
                unsafe String(decoding: $0.prefix(Int(address.path_count)), as: UTF8.self)
            }
            return .unix(path: path)
        }
    }
}
