import Core
import Foundation
import Testing

@testable import TLS

/// A server and a client engine joined in memory; bytes in flight are arrays a test can change.
struct EnginePair: ~Copyable {
    enum Side {
        case server
        case client
    }

    var server: TLSEngine
    var client: TLSEngine
    var toServer: [UInt8] = []
    var toClient: [UInt8] = []
    var serverError: TLSError?
    var clientError: TLSError?
    /// Size of every output buffer.
    let pool: BufferPool

    init(
        _ serverOptions: ServerTLSOptions, _ clientOptions: ClientTLSOptions,
        name: String? = "safe.test", outputSize: Int = 40_000
    ) throws {
        self.init(
            try ServerTLSContext(serverOptions, libraries: Self.libraries),
            try ClientTLSContext(clientOptions), name: name, outputSize: outputSize)
    }

    /// A connection of its own between contexts that other connections use too.
    init(
        _ serverContext: ServerTLSContext, _ clientContext: ClientTLSContext,
        name: String? = "safe.test", resuming session: ClientSession? = nil,
        outputSize: Int = 40_000
    ) {
        server = TLSEngine(server: serverContext)
        client = TLSEngine(client: clientContext, serverName: name, resuming: session)
        pool = BufferPool(chunkSize: outputSize, limit: 8)
    }

    deinit { pool.destroy() }

    /// What servers parse certificates with: our own libraries, unless TLS_LIBRARIES says `stock`.
    /// `Tools/test` runs the suite both ways.
    static var libraries: CryptoLibraries {
        ProcessInfo.processInfo.environment["TLS_LIBRARIES"] == "stock"
            ? stock : own ?? stock
    }

    /// One object, as each worker has one: a cache goes on only beside the same libraries.
    private static let stock = CryptoLibraries.stock
    private static let own = CryptoLibraries.restricted()

    /// One call of the handshake on `side`, with at most `limit` bytes of what has arrived.
    /// Returns whether any byte moved.
    @discardableResult
    mutating func step(_ side: Side, limit: Int = .max) throws -> Bool {
        var output = try #require(pool.take())
        defer { pool.give(output) }
        let arrived = side == .server ? toServer : toClient
        let offered = Array(arrived.prefix(limit))
        var consumed = 0
        var error: TLSError?
        unsafe offered.withUnsafeBytes { bytes in
            var input = unsafe TLSInput(ByteView(bytes))
            let result =
                switch side {
                case .server: server.handshake(&input, &output)
                case .client: client.handshake(&input, &output)
                }
            if case .failed(let failure) = result { error = failure }
            consumed = input.consumed
        }
        switch side {
        case .server:
            toServer.removeFirst(consumed)
            toClient += output.filled.array
            if let error { serverError = error }
        case .client:
            toClient.removeFirst(consumed)
            toServer += output.filled.array
            if let error { clientError = error }
        }
        return consumed > 0 || output.count > 0
    }

    /// Runs both handshakes until nothing moves any more.
    mutating func run(limit: Int = .max) throws {
        for _ in 0..<20_000 {
            let clientMoved = try clientError == nil && step(.client, limit: limit)
            let serverMoved = try serverError == nil && step(.server, limit: limit)
            if !clientMoved && !serverMoved { return }
        }
        Issue.record("the handshake never ends")
    }

    /// Spoils the last byte of the client's signature, which TLS 1.2 sends in the clear; false when
    /// it is not on its way.
    mutating func spoilCertificateVerify() -> Bool {
        var index = 0
        while index + 5 < toServer.count {
            let count = Int(toServer[index + 3]) << 8 | Int(toServer[index + 4])
            if toServer[index] == 22, toServer[index + 5] == 15 {
                toServer[index + 4 + count] ^= 1
                return true
            }
            index += 5 + count
        }
        return false
    }

    var isComplete: Bool { server.isEstablished && client.isEstablished }

    /// Encrypts all of `bytes` on `side` with one buffer for each call.
    mutating func write(_ bytes: [UInt8], _ side: Side) throws {
        var sent = 0
        while sent < bytes.count {
            var output = try #require(pool.take())
            defer { pool.give(output) }
            let rest = Array(bytes[sent...])
            let result = unsafe rest.withUnsafeBytes { raw in
                unsafe side == .server
                    ? server.write(ByteView(raw), &output) : client.write(ByteView(raw), &output)
            }
            guard case .accepted(let count) = result else {
                Issue.record("write failed: \(result)")
                return
            }
            if side == .server {
                toClient += output.filled.array
            } else {
                toServer += output.filled.array
            }
            guard count > 0 || output.count > 0 else {
                Issue.record("no progress")
                return
            }
            sent += count
        }
    }

    /// Decrypts everything that has arrived at `side`; also the result that ended it.
    mutating func read(_ side: Side, room: Int = 65_536) throws -> (bytes: [UInt8], end: ReadResult)
    {
        var plain: [UInt8] = []
        let rooms = BufferPool(chunkSize: room, limit: 1)
        defer { rooms.destroy() }
        while true {
            var output = try #require(pool.take())
            var buffer = try #require(rooms.take())
            defer {
                pool.give(output)
                rooms.give(buffer)
            }
            let arrived = side == .server ? toServer : toClient
            var consumed = 0
            let result = unsafe arrived.withUnsafeBytes { raw in
                var input = unsafe TLSInput(ByteView(raw))
                defer { consumed = input.consumed }
                return side == .server
                    ? server.read(into: &buffer, &input, &output)
                    : client.read(into: &buffer, &input, &output)
            }
            if side == .server {
                toServer.removeFirst(consumed)
                toClient += output.filled.array
            } else {
                toClient.removeFirst(consumed)
                toServer += output.filled.array
            }
            guard case .bytes(let count) = result else { return (plain, result) }
            #expect(count == buffer.count)
            plain += buffer.filled.array
        }
    }

    /// Sends close_notify from `side`.
    mutating func close(_ side: Side) throws {
        var output = try #require(pool.take())
        defer { pool.give(output) }
        if side == .server {
            server.closeNotify(&output)
            toClient += output.filled.array
        } else {
            client.closeNotify(&output)
            toServer += output.filled.array
        }
    }

    /// The alert that the client got, in the handshake or, with TLS 1.3, in its first read.
    mutating func alertAtClient() throws -> UInt8? {
        if let clientError { return clientError.alert }
        guard client.isEstablished, case .failed(let error) = try read(.client).end else {
            return nil
        }
        return error.alert
    }
}
