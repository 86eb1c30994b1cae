import Glibc

/// The gateway that is tested: what `--target` says, and where that is.
struct ProbeTarget {
    /// An address as the kernel takes it.
    struct Address {
        let family: Int32
        let bytes: [UInt8]
    }

    /// The host without brackets.
    let host: String
    let port: UInt16
    /// Host and port as they stand in the URL.
    let authority: String

    /// Reads `https://host:port`, the port 443 if there is none; nil for anything else.
    init?(_ text: String) {
        guard text.hasPrefix("https://") else { return nil }
        var rest = text.dropFirst("https://".count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        let isPlain = rest.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        guard isPlain, !rest.contains(where: { "/?#@\\".contains($0) }) else { return nil }
        authority = String(rest)
        var name = rest
        var number: Substring = "443"
        if let colon = rest.lastIndex(of: ":"), !rest.hasSuffix("]") {
            name = rest[..<colon]
            number = rest[rest.index(after: colon)...]
        }
        if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
        guard !name.isEmpty, let port = UInt16(number), port > 0 else { return nil }
        host = String(name)
        self.port = port
    }

    /// The addresses of the host; empty when there are none.
    func addresses() -> [Address] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, "\(port)", &hints, &list) == 0 else { return [] }
        defer { unsafe freeaddrinfo(list) }
        var found: [Address] = []
        var next = unsafe list
        while let entry = unsafe next {
            if let base = unsafe entry.pointee.ai_addr {
                let bytes = unsafe UnsafeRawBufferPointer(
                    start: base, count: Int(entry.pointee.ai_addrlen))
                found.append(
                    unsafe Address(family: entry.pointee.ai_family, bytes: Array(bytes)))
            }
            unsafe next = entry.pointee.ai_next
        }
        return found
    }
}
