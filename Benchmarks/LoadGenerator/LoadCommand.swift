import ArgumentParser
import Core
import EventLoop
import GatewayConfiguration
import Glibc
import TLS

/// An mTLS load generator for HTTP/1.1: one thread, many connections, closed or open loop.
@main
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "LoadGenerator",
        abstract: "Send HTTP/1.1 requests over mutual TLS and measure what comes back.")

    @Option(help: "Address of the gateway: 127.0.0.1:PORT or [::1]:PORT.")
    var target: String

    @Option(help: "Server name (SNI and Host).")
    var serverName = "localhost"

    @Option(help: "PEM file of the CA that signed the server.")
    var ca: String

    @Option(help: "PEM file of the client's chain; none for an anonymous client.")
    var cert: String?

    @Option(help: "PEM file of the client's key.")
    var key: String?

    @Option(
        help: "File with lines 'chain.pem key.pem': each new connection uses the next one's files.")
    var certList: String?

    @Option(help: "Connections at once.")
    var connections = 64

    @Option(help: "Seconds to run.")
    var duration = 2.0

    @Option(
        help: "Requests per second over all connections (open loop); 0 for as fast as answers come."
    )
    var rate = 0.0

    @Flag(help: "A new connection, with a full handshake, for each request.")
    var newConnectionPerRequest = false

    @Flag(
        help: """
            With --new-connection-per-request: each connection resumes the session of the one \
            before it, of as many series as there are connections at once.
            """)
    var resume = false

    @Option(
        help: """
            With --new-connection-per-request: the requests to send at most, if the duration does \
            not end before; 0 for no limit.
            """)
    var requests = 0

    @Option(
        help: """
            Instead of all that, at most so many new connections that each send the same recorded \
            ClientHello, wait for the first answer, and go.
            """)
    var floodHellos = 0

    @Option(help: "Seconds between the opening of kept connections and the measurement.")
    var settle = 0.0

    @Option(help: "Path of the requests.")
    var path = "/"

    @Option(help: "Bytes of a request's head, reached by padding.")
    var headerBytes = 0

    @Option(help: "Bytes of a request's body; GET when 0, else POST.")
    var uploadBytes = 0

    @Flag(help: "One request on each connection, then hold them idle.")
    var holdIdle = false

    @Option(
        help: """
            Bytes a second that each connection reads at most; 0 for no limit. Answers that are \
            unfinished when the duration ends are no errors then.
            """)
    var readRate = 0

    @Flag(help: "Print the figures as one line of JSON.")
    var json = false

    @Option(help: "auto, io_uring or epoll.")
    var io = "epoll"

    func validate() throws {
        guard rate == 0 || !newConnectionPerRequest else {
            throw ValidationError("--rate and --new-connection-per-request exclude each other")
        }
        guard newConnectionPerRequest || (!resume && requests == 0) else {
            throw ValidationError("--resume and --requests need --new-connection-per-request")
        }
        guard connections > 0, requests >= 0, floodHellos >= 0, settle >= 0 else {
            throw ValidationError("a number is negative, or there are no connections")
        }
        guard readRate == 0 || (readRate > 0 && rate == 0 && !newConnectionPerRequest) else {
            throw ValidationError("--read-rate is for the closed loop on connections that stay")
        }
    }

    func run() throws {
        guard let address = Self.address(target) else {
            throw ValidationError("--target: '\(target)' is no IP address with a port")
        }
        signal(SIGPIPE, SIG_IGN)
        _ = try? Sockets.raiseDescriptorLimit(to: UInt64(connections + 64))
        do {
            let contexts = try ClientContexts(
                certificates().map {
                    var options = ClientTLSOptions(
                        trust: TrustStoreOptions(file: ca), certificate: $0)
                    options.keepsSessions = resume
                    return options
                })
            var options = LoopOptions()
            options.socketLimit = connections + 1_024
            // Small pieces, so that no connection is ahead of its rate by more than 1/8 s.
            if readRate > 0 { options.epollReadSize = min(max(readRate / 8, 1_024), 32_768) }
            let plan = LoadPlan(self, address: address)
            switch try BackendProbe.probe(IOChoice(rawValue: io) ?? .epoll, options: options) {
            case .uring: drive(try UringBackend(options: options), plan, contexts)
            case .epoll: drive(try EpollBackend(options: options), plan, contexts)
            }
        } catch {
            print("error: \(error)")
            throw ExitCode(1)
        }
    }

    /// What the connections identify themselves with in turn; never empty.
    private func certificates() throws -> [CertificateFiles?] {
        if let certList { return try CertificateList(path: certList).files }
        guard let cert, let key else { return [nil] }
        return [CertificateFiles(chain: cert, key: key)]
    }

    private func drive<Loop: Backend & ~Copyable>(
        _ loop: consuming Loop, _ plan: LoadPlan, _ contexts: ClientContexts
    ) {
        if floodHellos > 0, let context = contexts.context(0) {
            var driver = FloodDriver(
                loop: loop, plan: plan, context: context, most: floodHellos)
            driver.run()
            print(json ? driver.figures.json : driver.figures.text)
        } else {
            var driver = LoadDriver(loop: loop, plan: plan, contexts: contexts)
            driver.run()
            print(json ? driver.figures.json : driver.figures.text)
        }
    }

    private static func address(_ text: String) -> SocketAddress? {
        guard let address = SocketAddress(text), address.port != nil else { return nil }
        return address
    }
}
