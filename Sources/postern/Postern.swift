import ArgumentParser

/// The command line. Exit codes: 0 done, 1 the configuration or the start failed, 3 explained
/// as refused or got through, 64 wrong usage.
@main
struct Postern: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "postern",
        abstract: "An edge gateway that verifies client certificates and says who the client is.",
        subcommands: [
            RunCommand.self, CheckCommand.self, ExplainCommand.self, ConfigCommand.self,
            FormatsCommand.self, SelftestCommand.self, EchoCommand.self, CertificatesCommand.self,
            VersionCommand.self,
        ])
}
