import Core
import Crypto
import Testing

@testable import TLS

@Suite struct RecordTests {
    static let versions: [TLSVersion] = [.tls12, .tls13]
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    private func connected(
        _ version: TLSVersion, outputSize: Int = 40_000
    ) throws -> EnginePair {
        var pair = try EnginePair(
            authority.serverOptions(), authority.clientOptions(version, authority.client()),
            outputSize: outputSize)
        try pair.run()
        #expect(pair.isComplete == true)
        return pair
    }

    private func pattern(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    }

    @Test(
        "large data passes both ways, whatever the size of the output buffers",
        arguments: versions, [256, 300, 1_000, 16_384, 40_000])
    func large(version: TLSVersion, outputSize: Int) throws {
        var pair = try connected(version, outputSize: outputSize)
        let bytes = pattern(200_001)
        try pair.write(bytes, .client)
        let atServer = try pair.read(.server, room: 1_000).bytes
        // The macro would take minutes to describe the difference.
        let isSameAtServer = atServer == bytes
        #expect(isSameAtServer)
        try pair.write(bytes, .server)
        let atClient = try pair.read(.client, room: 50_000).bytes
        let isSameAtClient = atClient == bytes
        #expect(isSameAtClient)
        #expect(pair.client.hasPending == false)
    }

    @Test("a write without room accepts nothing, a read without room asks for it")
    func noRoom() throws {
        var pair = try connected(.tls13)
        let pool = BufferPool(chunkSize: 40, limit: 2)
        var output = try #require(pool.take())
        var buffer = try #require(pool.take())
        var input = TLSInput.empty
        guard case .accepted(0) = pair.client.write(ByteView("hello"), &output) else {
            Issue.record("accepted")
            return
        }
        guard case .needOutput = pair.client.read(into: &buffer, &input, &output) else {
            Issue.record("read")
            return
        }
        #expect(output.count == 0)
    }

    @Test("close_notify is told from a truncation", arguments: versions)
    func closing(version: TLSVersion) throws {
        var pair = try connected(version)
        try pair.write(pattern(10), .client)
        guard case (let bytes, .needInput) = try pair.read(.server) else {
            Issue.record("expected to need more")
            return
        }
        #expect(bytes.count == 10)
        #expect(pair.server.receivedCloseNotify == false)
        try pair.write(pattern(20), .client)
        try pair.close(.client)
        try pair.close(.client)
        guard case (let rest, .closeNotify) = try pair.read(.server) else {
            Issue.record("expected a close_notify")
            return
        }
        #expect(rest.count == 20)
        #expect(pair.server.receivedCloseNotify == true)
        // The other direction stays open (RFC 8446 §6.1).
        try pair.write(pattern(30), .server)
        let late = try pair.read(.client).bytes
        #expect(late.count == 30)
    }

    @Test("a spoiled record is fatal, and its alert reaches the peer", arguments: versions)
    func spoiled(version: TLSVersion) throws {
        var pair = try connected(version)
        try pair.write(pattern(100), .client)
        pair.toServer[pair.toServer.count - 1] ^= 1
        guard case .failed(let error) = try pair.read(.server).end else {
            Issue.record("accepted")
            return
        }
        #expect(error.kind == .protocolViolation)
        #expect(error.alert == 20)
        #expect(pair.server.peer == nil)
        let alert = try pair.alertAtClient()
        #expect(alert == 20)
        guard case .failed(let again) = try pair.read(.server).end else {
            Issue.record("a failure must last")
            return
        }
        #expect(again == error)
    }

    @Test("what is no TLS at all fails with an error")
    func plainHTTP() throws {
        var pair = try EnginePair(authority.serverOptions(), authority.clientOptions(.tls13))
        pair.toServer = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        try pair.step(.server)
        #expect(pair.serverError?.kind == .protocolViolation)
        #expect(pair.serverError?.reason == "http request")
        #expect(pair.server.clientHelloSeen == false)
    }

    @Test("renegotiation is refused")
    func renegotiation() throws {
        var pair = try connected(.tls12)
        let isAsked = pair.client.requestRenegotiation()
        #expect(isAsked)
        var output = try #require(pair.pool.take())
        _ = pair.client.write(ByteView("x"), &output)
        pair.toServer += output.filled.array
        pair.pool.give(output)
        let host = pair.server.virtualHostIndex
        let end = try pair.read(.server).end
        // libssl answers with a no_renegotiation warning and goes on.
        if case .failed(let error) = end { #expect(error.kind == .protocolViolation) }
        #expect(pair.server.virtualHostIndex == host)
        guard case .failed(let error) = try pair.read(.client).end else {
            Issue.record("the client renegotiated")
            return
        }
        #expect(error.reason.contains("renegotiation"))
    }

    @Test("more than 32 KeyUpdates in a minute are a flood, spread over minutes they are not")
    func keyUpdates() throws {
        var pair = try EnginePair(
            authority.serverOptions(), authority.clientOptions(.tls13, authority.client()))
        try pair.run()
        for count in 1...33 {
            let isAsked = pair.client.requestKeyUpdate()
            #expect(isAsked)
            try pair.write([1], .client)
            let end = try pair.read(.server).end
            switch end {
            case .failed(let error):
                #expect(error.kind == .keyUpdateFlood)
                #expect(count == 33)
            default: #expect(count <= 32)
            }
        }
        let context = try ServerTLSContext(authority.serverOptions())
        var slow = try EnginePair(
            authority.serverOptions(), authority.clientOptions(.tls13, authority.client()))
        slow.server = TLSEngine(server: context)
        try slow.run()
        for count in 1...100 {
            context.setTime(
                Now(
                    monotonic: Instant(nanoseconds: UInt64(count) * 3_000_000_000),
                    wallSeconds: 0))
            let isAsked = slow.client.requestKeyUpdate()
            #expect(isAsked)
            try slow.write([1], .client)
            let bytes = try slow.read(.server).bytes
            #expect(bytes == [1])
        }
    }

    @Test("ALPN chooses http/1.1, then http/1.0; another offer is fatal, none is fine")
    func protocols() throws {
        for version in Self.versions {
            for (offer, isFine) in [
                (["http/1.1"], true), (["h2", "http/1.1"], true), ([], true), (["h2"], false),
                (["http/1.0", "h3"], true), (["spdy/3", "h3"], false),
            ] {
                var options = authority.clientOptions(version, try authority.client())
                options.protocols = offer
                var pair = try EnginePair(authority.serverOptions(), options)
                try pair.run()
                #expect(pair.isComplete == isFine)
                #expect(pair.server.negotiatedHTTP11 == offer.contains("http/1.1"))
                if !isFine { #expect(pair.clientError?.alert == 120) }
            }
        }
    }

    @Test("a client below the minimum version gets protocol_version")
    func minimumVersion() throws {
        var options = authority.serverOptions()
        options.minimumVersion = .tls13
        var pair = try EnginePair(options, authority.clientOptions(.tls12, authority.client()))
        try pair.run()
        #expect(pair.serverError?.alert == 70)
        #expect(pair.clientError?.alert == 70)
    }
}
