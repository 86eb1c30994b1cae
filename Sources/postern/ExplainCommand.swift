import ArgumentParser
import GatewayConfiguration
import Server

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what the gateway would make of a client's certificate, and why.",
        discussion: """
            Reads the configuration and its files as `run` does, and opens no socket. Exit code 0 \
            when the client is accepted, 3 when it is refused, 1 when a file is bad.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "PEM file of what the client presents: its certificate, then intermediates.")
    var cert: String

    @Option(help: "The server name that the client asks for.")
    var sni: String?

    @Option(help: "The listener; by default the first that has a virtual host for the name.")
    var listener: String?

    @Option(help: "Also explain what becomes of a GET request for this path.")
    var path: String?

    @Option(help: "When: 2026-02-03T04:05:06Z, 2026-02-03, or seconds since 1970; default now.")
    var at: String?

    @Flag(help: "Print one line of JSON.")
    var json = false

    func validate() throws {
        if let at, UTCTime.seconds(at) == nil {
            throw ValidationError(
                "--at: '\(at)' is no time; write 2026-02-03T04:05:06Z, 2026-02-03 or seconds")
        }
    }

    func run() throws {
        var question = ExplanationQuestion(certificates: cert)
        question.serverName = sni
        question.listener = listener
        question.path = path
        question.time = at.flatMap(UTCTime.seconds)
        let explanation: Explanation
        do throws(GatewayError) {
            explanation = try Explanation(question, source: options.source)
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(1)
        }
        Terminal.print(json ? explanation.json : String(explanation.text.dropLast()))
        if !explanation.isAccepted { throw ExitCode(3) }
    }
}
