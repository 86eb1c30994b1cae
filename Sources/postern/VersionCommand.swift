import ArgumentParser
import EventLoop
import Glibc
import TLS

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the versions in use and what the kernel offers.")

    static let product = "0.1.0"

    func run() {
        Terminal.print("postern \(Self.product)")
        Terminal.print("OpenSSL: \(TLSLibrary.version)")
        Terminal.print("kernel: \(Self.kernel())")
        do {
            switch try BackendProbe.probe(.auto) {
            case .uring: Terminal.print("event loop: io_uring works")
            case .epoll(let reason): Terminal.print("event loop: epoll (\(reason))")
            }
        } catch {
            Terminal.print("event loop: \(error)")
        }
    }

    private static func kernel() -> String {
        var name = utsname()
        guard unsafe uname(&name) == 0 else { return "unknown" }
        return unsafe withUnsafeBytes(of: &name.release) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
