import Core
import GatewayConfiguration
import Glibc

/// A server of an upstream: where it is, and the host that the configuration names it by, which is
/// what its certificate has to be for. A socket in the file system has no host.
struct ResolvedMember: Equatable, Sendable {
    let address: SocketAddress
    let host: String?
}

extension [ResolvedMember] {
    var addresses: [SocketAddress] { map(\.address) }

    /// Hosts by address; where an address has two, the first counts.
    var hosts: [SocketAddress: String] {
        reduce(into: [:]) { hosts, member in
            if hosts[member.address] == nil { hosts[member.address] = member.host }
        }
    }
}

/// Turns an upstream's members into addresses. Blocks: never called on a worker's thread.
enum Resolver {
    /// The addresses of `members`, in order; a name that does not resolve contributes none.
    static func addresses(of members: [MemberSettings]) -> [ResolvedMember] {
        members.flatMap { member -> [ResolvedMember] in
            switch member {
            case .address(let address):
                [ResolvedMember(address: address, host: address.host)]
            case .name(let name, let port):
                // A certificate, as SNI, has no trailing dot (RFC 6066 §3).
                resolve(name, port).map {
                    ResolvedMember(
                        address: $0, host: String(name.hasSuffix(".") ? name.dropLast() : name[...])
                    )
                }
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
