import Testing

@Suite("the echo backend tells everything that arrived", .serialized)
struct EchoTellsWhatArrived {
    @Test("trailers are told, and what is no HTTP is answered")
    func trailersAndRefusals() throws {
        let gateway = try GatewayUnderTest(.epoll)
        let parts = gateway.backendAddress.split(separator: ":")
        func ask(_ request: String) throws -> String {
            let script = """
                import socket, sys
                s = socket.create_connection(('\(parts[0])', \(parts[1])), timeout=10)
                s.sendall(b'\(request)')
                s.shutdown(socket.SHUT_WR)
                while True:
                    piece = s.recv(65536)
                    if not piece: break
                    sys.stdout.buffer.write(piece)
                """
            return try GatewayUnderTest.shell(["python3", "-c", script]).text
        }
        let head = "POST / HTTP/1.1\\r\\nHost: a\\r\\nTransfer-Encoding: chunked\\r\\n"
        let trailed = try ask(
            head + "\\r\\n2\\r\\nok\\r\\n0\\r\\nX-A: one\\r\\nX-B: 2\\r\\nx-a: three\\r\\n\\r\\n")
        #expect(
            trailed.hasSuffix(#""requestTrailers":{"x-a":"one, three","x-b":"2"}}"#), "\(trailed)")
        #expect(trailed.contains(#""bodyBytes":2,"#))
        let refused = try ask(head + "Content-Length: 2\\r\\n\\r\\n2\\r\\nok\\r\\n0\\r\\n\\r\\n")
        #expect(refused.hasPrefix("HTTP/1.1 400 "), "\(refused)")
        #expect(refused.contains(#"{"refused":""#))
    }
}
