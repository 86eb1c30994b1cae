import Core
import Testing

@testable import Proxy

@Suite struct AddressTests {
    @Test("a network holds its addresses, mapped ones too") func networks() throws {
        let network = try #require(
            AddressList.Network(.ipv4(0x0a00_0000, port: 0), prefixLength: 8))
        let list = AddressList([network])
        #expect(list.contains(.ipv4(0x0aff_0001, port: 9)))
        #expect(!list.contains(.ipv4(0x0b00_0001, port: 9)) && !list.contains(.unix(path: "/x")))
        let mapped = SocketAddress.InlineAddress(high: 0, low: 0xffff_0a00_0001)
        #expect(list.contains(.ipv6(mapped, port: 1)))
        #expect(AddressList.Network(.ipv4(0, port: 0), prefixLength: 33) == nil)
        #expect(!AddressList().contains(.ipv4(0, port: 0)))
    }

    @Test(
        "peers' texts",
        arguments: [
            (0x2001_0db8_0000_0000 as UInt64, 1 as UInt64, "2001:db8::1"), (0, 1, "::1"),
            (0, 0, "::"),
            (0x0001_0000_0000_0002, 0x0000_0000_0000_0003, "1:0:0:2::3"),
            (0, 0xffff_7f00_0001, "127.0.0.1"),
            (0x0001_0002_0003_0004, 0x0005_0006_0007_0008, "1:2:3:4:5:6:7:8"),
        ])
    func texts(high: UInt64, low: UInt64, text: String) {
        #expect(PeerAddress(.ipv6(.init(high: high, low: low), port: 1)).description == text)
        #expect(PeerAddress(.ipv4(0xc0a8_0a64, port: 1)).description == "192.168.10.100")
    }
}
