import Core

/// What to send, how often and for how long.
struct LoadPlan {
    let address: SocketAddress
    let serverName: String
    let connections: Int
    let duration: Nanoseconds
    /// Time between two requests of the open loop; nil for the closed loop.
    let interval: Nanoseconds?
    let isNewPerRequest: Bool
    /// Whether each new connection resumes an earlier one's session.
    let resumes: Bool
    /// The most connections where each is for one request.
    let requestLimit: Int
    /// Time between the opening of kept connections and the measurement.
    let settling: Nanoseconds
    let holdsIdle: Bool
    /// Bytes a second that each connection reads at most; nil for no limit.
    let readRate: UInt64?
    /// Head and body of a request, sent by every connection.
    let request: Buffer
    /// The first request of a connection that is kept, not measured: a GET.
    let warmUp: Buffer
    /// How often paused readers are looked at.
    static let readingTick = Nanoseconds.milliseconds(10)
    /// The most connections that open at the same time before the measurement.
    static let openingLimit = 64
    /// How long the connections may take to open.
    static let openingTime = Nanoseconds.seconds(60)
    /// How long requests may take that are under way when the duration ends.
    static let drainingTime = Nanoseconds.seconds(5)

    init(_ options: LoadCommand, address: SocketAddress) {
        self.address = address
        serverName = options.serverName
        connections = options.connections
        duration = Nanoseconds(UInt64(options.duration * 1e9))
        interval = options.rate > 0 ? Nanoseconds(UInt64(1e9 / options.rate)) : nil
        isNewPerRequest = options.newConnectionPerRequest
        resumes = options.resume
        requestLimit = options.requests > 0 ? options.requests : Int.max
        settling = Nanoseconds(UInt64(options.settle * 1e9))
        holdsIdle = options.holdIdle
        readRate = options.readRate > 0 ? UInt64(options.readRate) : nil
        request = Self.request(options, uploadBytes: options.uploadBytes)
        warmUp = Self.request(options, uploadBytes: 0)
    }

    private static func request(_ options: LoadCommand, uploadBytes: Int) -> Buffer {
        let method = uploadBytes > 0 ? "POST" : "GET"
        var head = "\(method) \(options.path) HTTP/1.1\r\nHost: \(options.serverName)\r\n"
        head += "User-Agent: postern-load/1\r\nAccept: application/json, text/plain, */*\r\n"
        head += "Accept-Encoding: gzip, br\r\nAccept-Language: en-GB,en;q=0.9\r\n"
        head += "Cache-Control: no-cache\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n"
        if uploadBytes > 0 { head += "Content-Length: \(uploadBytes)\r\n" }
        if options.newConnectionPerRequest { head += "Connection: close\r\n" }
        let missing = options.headerBytes - head.utf8.count - "X-Padding: \r\n\r\n".utf8.count
        if missing > 0 { head += "X-Padding: \(String(repeating: "p", count: missing))\r\n" }
        let bytes = Array((head + "\r\n").utf8)
        let size = bytes.count + uploadBytes
        guard var buffer = BufferPool(chunkSize: size, limit: 1).take() else {
            preconditionFailure("a new pool has a chunk")
        }
        unsafe bytes.withUnsafeBytes { _ = unsafe buffer.append(ByteView($0)) }
        while buffer.count < size { buffer.append(UInt8(ascii: "u")) }
        return buffer
    }
}
