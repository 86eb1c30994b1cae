import ArgumentParser
import GatewayConfiguration
import Glibc
import Logging
import Server
import TLS

/// Where the configuration comes from; shared by `run` and `check`.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "The configuration file.")
    var config: String

    @Option(name: .customLong("set"), help: "Override a key: --set timeouts.idle=30s. Repeatable.")
    var overrides: [String] = []

    @Option(help: "Same as --set io=…: auto, io_uring or epoll.")
    var io: String?

    @Option(help: "Same as --set workers=…; 0 for one per core.")
    var workers: Int?

    /// Where the settings come from, at the start and at every reload.
    var source: ConfigurationSource {
        var all = overrides
        if let io { all.append("io=\(io)") }
        if let workers { all.append("workers=\(workers)") }
        return ConfigurationSource(
            file: config, environment: Self.environment(), overrides: all)
    }

    private static func environment() -> [String: String] {
        var variables: [String: String] = [:]
        var next = unsafe environ
        while let entry = unsafe next.pointee {
            let text = unsafe String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            unsafe next += 1
        }
        return variables
    }
}

/// Output to the terminal.
enum Terminal {
    /// One line to standard error.
    static func error(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    }

    /// One line to standard output, at once.
    static func print(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = unsafe write(STDOUT_FILENO, bytes, bytes.count)
    }
}

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Serve until SIGTERM or SIGINT; a second one stops at once.")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "Write each listener's name and bound address to this file once all serve.")
    var readyFile: String?

    func run() throws {
        TLSLibrary.useOwnAllocator()
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        do {
            let gateway = try Gateway(source: options.source, logger: Logger(label: "postern"))
            let listeners = try gateway.start()
            for listener in listeners {
                gateway.logger.notice(
                    "listening", metadata: ["\(listener.name)": "\(listener.address)"])
            }
            if let readyFile { try write(listeners, to: readyFile) }
            gateway.runUntilSignal()
        } catch let error as GatewayError {
            Terminal.error("\(error)")
            throw ExitCode(1)
        }
    }

    private func write(_ listeners: [(name: String, address: String)], to path: String) throws {
        let text = listeners.map { "\($0.name) \($0.address)\n" }.joined()
        try OutputFile.write(text, to: path, mode: 0o644)
    }
}

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract:
            "Check a configuration, certificates and keys included; exit 0 when `run` would start.",
        discussion: "Warnings about certificates of trust stores do not change the exit code.")

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        let findings: CheckFindings
        do throws(GatewayError) {
            findings = try Gateway.check(options.source)
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(1)
        }
        for warning in findings.warnings { Terminal.error(warning) }
        Terminal.print("\(options.config): the configuration is good")
        for note in findings.notes { Terminal.print(note) }
    }
}

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "About the configuration.",
        subcommands: [Reference.self])

    struct Reference: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print every key with its values, default and environment name.")

        func run() { Terminal.print(ConfigurationReference.markdown()) }
    }
}
