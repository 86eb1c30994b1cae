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
        Terminal.print("liburing: \(Self.liburing() ?? "unknown")")
        Terminal.print("kernel: \(Self.kernel())")
        do {
            switch try BackendProbe.probe(.auto) {
            case .uring: Terminal.print("io_uring: works here; the event loop uses it")
            case .epoll(let reason):
                Terminal.print("io_uring: \(reason); the event loop uses epoll")
            }
        } catch {
            Terminal.print("io_uring: \(error)")
        }
    }

    /// The version in the name of the library's file, such as `liburing.so.2.3`: before 2.4 nothing
    /// in the library or its headers says it. Nil where it is linked statically.
    private static func liburing() -> String? {
        guard let maps = unsafe fopen("/proc/self/maps", "r") else { return nil }
        defer { unsafe fclose(maps) }
        // A line is 73 columns and a path.
        var line = [CChar](repeating: 0, count: 73 + Int(PATH_MAX) + 2)
        while unsafe fgets(&line, Int32(line.count), maps) != nil {
            let text = line.prefix { $0 != 0 && $0 != 10 }
            let path = String(decoding: text.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let file = path.split(separator: "/").last ?? ""
            let name = "liburing.so."
            if file.hasPrefix(name) { return String(file.dropFirst(name.count)) }
        }
        return nil
    }

    private static func kernel() -> String {
        var name = utsname()
        guard unsafe uname(&name) == 0 else { return "unknown" }
        return unsafe withUnsafeBytes(of: &name.release) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
