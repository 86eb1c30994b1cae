import ArgumentParser
import Core
import EventLoop
import GatewayConfiguration
import Glibc

struct EchoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo",
        abstract: "A backend for demonstrations, tests and load: answers with what it received.",
        discussion: """
            Without --body-bytes the path chooses what happens: /status/N, /bytes/N, /chunked/N,
            /close/N, /slow/MS, /split/MS, /reset/N, /early, /interim, /websocket; all else answers
            JSON with the method, the path, the fields, the trailers and the body's size, and 400
            to what is no HTTP. With --body-bytes /postern-echo-count answers how many requests were
            answered so far, itself not counted.
            """)

    @Option(help: "Address to listen on.")
    var listen = "127.0.0.1:3000"

    @Option(help: "Write the bound address to this file.")
    var portFile: String?

    @Option(help: "Answer every request with a body of this many bytes, as cheaply as possible.")
    var bodyBytes: Int?

    @Option(help: "auto, io_uring or epoll.")
    var io = "auto"

    func run() throws {
        guard let address = SocketAddress(listen) else {
            throw ValidationError("--listen: '\(listen)' is no address")
        }
        signal(SIGPIPE, SIG_IGN)
        do throws(SystemError) {
            let descriptor = try Sockets.makeListener(address, backlog: 4_096)
            _ = try? Sockets.raiseDescriptorLimit(to: 65_536)
            let bound = try Sockets.localAddress(descriptor).text
            if let portFile {
                do { try OutputFile.write(bound + "\n", to: portFile, mode: 0o644) } catch {
                    return
                }
            }
            Terminal.print("echo listens on \(bound)")
            switch try BackendProbe.probe(IOChoice(rawValue: io) ?? .auto) {
            case .uring: serve(on: try UringBackend(), descriptor)
            case .epoll: serve(on: try EpollBackend(), descriptor)
            }
        } catch {
            Terminal.error("error: \(error)")
        }
    }

    private func serve<Loop: Backend & ~Copyable>(on loop: consuming Loop, _ descriptor: Int32) {
        var server = EchoServer(loop: loop, bodyBytes: bodyBytes)
        server.run(descriptor)
    }
}
