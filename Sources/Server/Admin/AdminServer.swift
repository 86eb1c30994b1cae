import Core
import EventLoop
import GatewayConfiguration
import Glibc
import Synchronization
import TLS
import Telemetry

/// `/metrics`, `/healthz`, `/readyz` and `POST /authorizers/purge` on a thread of its own, one
/// request per connection.
///
/// Local by configuration, and apart from the data path: a slow scraper slows nobody.
final class AdminServer: Sendable {
    private let descriptor: Int32
    private let metrics: [WorkerMetrics]
    /// Names of the upstreams and of the external authorizers, in the order of their counters.
    private let workers: [Mailbox<ControlMessage>]
    private let names: Mutex<(upstreams: [String], authorizers: [String])>
    private let sources: SourceKeepers
    private let ready = Atomic<Bool>(true)
    private let stopping = Atomic<Bool>(false)
    let boundAddress: String

    init(
        address: SocketAddress, metrics: [WorkerMetrics], upstreams: [String],
        authorizers: [String], sources: SourceKeepers, workers: [Mailbox<ControlMessage>]
    ) throws(GatewayError) {
        self.metrics = metrics
        self.sources = sources
        self.workers = workers
        names = Mutex((upstreams, authorizers))
        do throws(SystemError) {
            descriptor = try Sockets.makeListener(address, backlog: 64)
            boundAddress = try Sockets.localAddress(descriptor).text
        } catch {
            throw GatewayError("admin.address: \(address.text): \(error)")
        }
        _ = try Thread { [self] in serve() }
    }

    /// What `/readyz` says.
    var isReady: Bool {
        get { ready.load(ordering: .relaxed) }
        set { ready.store(newValue, ordering: .relaxed) }
    }

    /// The names of both, in the order of their counters, from now on.
    func setNames(upstreams: [String], authorizers: [String]) {
        names.withLock { $0 = (upstreams, authorizers) }
    }

    func stop() { stopping.store(true, ordering: .relaxed) }

    private func serve() {
        while !stopping.load(ordering: .relaxed) {
            var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&poller, 1, 200) > 0 else { continue }
            let connection = accept(descriptor, nil, nil)
            guard connection >= 0 else {
                // Without a descriptor the next accept would fail at once, too.
                usleep(100_000)
                continue
            }
            answer(connection)
            close(connection)
        }
        close(descriptor)
    }

    private func answer(_ connection: Int32) {
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        unsafe setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var head: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        let deadline = Clock.monotonic() + .seconds(2)
        while head.count < 16_384, Clock.monotonic() < deadline,
            !String(decoding: head, as: UTF8.self).contains("\r\n\r\n")
        {
            let count = unsafe recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { return }
            head += chunk[..<count]
        }
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count == 3, words[0] == "GET" || words[0] == "POST" else {
            send(connection, "405 Method Not Allowed", "only GET and POST are served here\n")
            return
        }
        if words[0] == "POST" {
            // A page in the operator's browser has no business here.
            let isOfPage = lines.contains { $0.lowercased().hasPrefix("origin:") }
            let (status, body) = isOfPage ? Self.forbidden : command(String(words[1]))
            send(connection, status, body)
            return
        }
        switch words[1] {
        case "/metrics":
            let (upstreams, authorizers) = names.withLock { $0 }
            send(
                connection, "200 OK",
                PrometheusText.render(
                    metrics, upstreams: upstreams, authorizers: authorizers,
                    sources: sources.readings))
        case "/healthz": send(connection, "200 OK", "ok\n")
        case "/readyz":
            isReady
                ? send(connection, "200 OK", "ready\n")
                : send(connection, "503 Service Unavailable", "draining\n")
        default: send(connection, "404 Not Found", "try /metrics, /healthz or /readyz\n")
        }
    }

    private static let forbidden = ("403 Forbidden", "not for pages of a browser\n")

    /// Does what is asked for by POST.
    private func command(_ target: String) -> (status: String, body: String) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.first == "/authorizers/purge" else {
            return ("404 Not Found", "try /authorizers/purge\n")
        }
        var identity: Fingerprint?
        if parts.count > 1 {
            let pair = parts[1].split(separator: "=", maxSplits: 1)
            identity = pair.count == 2 ? Fingerprint(hexadecimal: String(pair[1])) : nil
            guard pair.first == "sha256", identity != nil else {
                return (
                    "400 Bad Request",
                    "allowed is sha256=, with the SHA-256 of a certificate in hexadecimal; "
                        + "without it all certificates are meant\n"
                )
            }
        }
        let told = workers.filter { $0.post(.purge(identity)) }
        guard told.count == workers.count else {
            return ("503 Service Unavailable", "not every worker could be told; try again\n")
        }
        return ("202 Accepted", "authorizers are asked again\n")
    }

    private func send(_ connection: Int32, _ status: String, _ body: String) {
        let head =
            "HTTP/1.1 \(status)\r\nContent-Type: text/plain; version=0.0.4\r\n"
            + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
        var bytes = Array((head + body).utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
