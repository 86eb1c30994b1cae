public import Core

/// Networks in CIDR notation: "is this peer one of them?"
public struct AddressList: Sendable, Equatable {
    /// One network: an address and the number of leading bits that count.
    public struct Network: Sendable, Equatable {
        var high: UInt64
        var low: UInt64
        var bits: Int

        /// The network of `address`'s first `prefixLength` bits; nil for a Unix-domain address or a
        /// length the family does not have. An IPv4 network is the mapped IPv6 one.
        public init?(_ address: SocketAddress, prefixLength: Int) {
            guard prefixLength >= 0, let (high, low) = AddressList.bits(of: address) else {
                return nil
            }
            if case .ipv4 = address {
                guard prefixLength <= 32 else { return nil }
                bits = prefixLength + 96
            } else {
                guard prefixLength <= 128 else { return nil }
                bits = prefixLength
            }
            self.high = high
            self.low = low
        }
    }

    private let networks: [Network]

    /// The union of `networks`.
    public init(_ networks: [Network] = []) { self.networks = networks }

    /// Whether `address` lies in one of the networks; a Unix-domain peer lies in none.
    public func contains(_ address: SocketAddress) -> Bool {
        guard !networks.isEmpty, let (high, low) = Self.bits(of: address) else { return false }
        return networks.contains { network in
            let highMask = Self.mask(network.bits)
            let lowMask = Self.mask(network.bits - 64)
            return (network.high ^ high) & highMask == 0 && (network.low ^ low) & lowMask == 0
        }
    }

    private static func mask(_ bits: Int) -> UInt64 {
        bits <= 0 ? 0 : bits >= 64 ? .max : .max << UInt64(64 - bits)
    }

    fileprivate static func bits(of address: SocketAddress) -> (UInt64, UInt64)? {
        switch address {
        case .ipv4(let address, _): (0, 0xffff_0000_0000 | UInt64(address))
        case .ipv6(let address, _): (address.high, address.low)
        case .unix: nil
        }
    }
}
