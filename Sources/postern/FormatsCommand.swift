import ArgumentParser
import Server

struct FormatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "formats",
        abstract: "List the identity headers that there are, with an example of each.",
        discussion: """
            Presets are named in `identitySets.*.presets`, formats and encodings in \
            `identitySets.*.headers`, and variables in braces in a template there.
            """)

    func run() throws {
        do throws(GatewayError) {
            Terminal.print(String(try FormatList.text().dropLast()))
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(1)
        }
    }
}
