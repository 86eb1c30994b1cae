import Foundation
import Testing

/// Binds the TCP socket `descriptor` to a port of the loopback interface that nobody has; returns
/// its name.
func bindToLoopback(_ descriptor: Int32) throws -> sockaddr_in {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = unsafe withUnsafeMutablePointer(to: &name) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(descriptor, $0, length) == 0
                && getsockname(descriptor, $0, &length) == 0
        }
    }
    try #require(isBound)
    return name
}

extension sockaddr_in {
    var port: UInt16 { UInt16(bigEndian: sin_port) }
}
