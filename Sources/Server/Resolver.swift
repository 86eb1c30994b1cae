import Core
import GatewayConfiguration
import Glibc

/// Turns an upstream's members into addresses. Blocks: never called on a worker's thread.
enum Resolver {
    /// The addresses of `members`, in order; a name that does not resolve contributes none.
    static func addresses(of members: [MemberSettings]) -> [SocketAddress] {
        members.flatMap { member -> [SocketAddress] in
            switch member {
            case .address(let address): [address]
            case .name(let name, let port): resolve(name, port)
            }
        }
    }

    /// Whether any member has to be resolved at all.
    static func hasNames(_ members: [MemberSettings]) -> Bool {
        members.contains { member in
            if case .name = member { return true }
            return false
        }
    }

    private static func resolve(_ name: String, _ port: UInt16) -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { unsafe freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            if let address = unsafe address(entry.pointee, port), !found.contains(address) {
                found.append(address)
            }
            unsafe next = entry.pointee.ai_next
        }
        return found
    }

    private static func address(_ entry: addrinfo, _ port: UInt16) -> SocketAddress? {
        guard let base = unsafe entry.ai_addr else { return nil }
        switch unsafe entry.ai_family {
        case AF_INET:
            let bits = unsafe UnsafeRawPointer(base).loadUnaligned(as: sockaddr_in.self).sin_addr
            return .ipv4(UInt32(bigEndian: bits.s_addr), port: port)
        case AF_INET6:
            let raw = unsafe UnsafeRawPointer(base).advanced(by: 8)
            let high = unsafe raw.loadUnaligned(as: UInt64.self)
            let low = unsafe raw.advanced(by: 8).loadUnaligned(as: UInt64.self)
            let bits = SocketAddress.InlineAddress(
                high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
            return .ipv6(bits, port: port)
        default:
            return nil
        }
    }
}
