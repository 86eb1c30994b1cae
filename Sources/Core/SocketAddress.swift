/// Where a socket listens or connects: an IP address with a port, or a path in the file system.
public enum SocketAddress: Hashable, Sendable {
    /// Four address bytes in network order, and a port.
    case ipv4(UInt32, port: UInt16)
    /// Sixteen address bytes in network order, and a port.
    case ipv6(InlineAddress, port: UInt16)
    /// A Unix-domain stream socket.
    case unix(path: String)

    /// The sixteen bytes of an IPv6 address, network order, most significant half first.
    public struct InlineAddress: Hashable, Sendable {
        /// Bytes 0 to 7, big-endian.
        public var high: UInt64
        /// Bytes 8 to 15, big-endian.
        public var low: UInt64

        /// The address with the given halves.
        public init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }
    }

    /// Port number; nil for a Unix-domain socket.
    public var port: UInt16? {
        switch self {
        case .ipv4(_, let port), .ipv6(_, let port): port
        case .unix: nil
        }
    }
}
