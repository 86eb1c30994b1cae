import ArgumentParser
import Core
import EventLoop
import Selftest
import TLS

struct SelftestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "selftest",
        abstract: "Try to spoof identity headers through a running gateway.",
        discussion: """
            The gateway's backend has to be `postern echo`. Each header is claimed in every way \
            known, with the certificate and without one. Exit code 0 when nothing got through, 3 \
            when something did, 1 when nothing is proved: the gateway is not reached, what answers \
            is no echo backend, or a probe is unclear. Paths are reported, but do not count.
            """)

    @Option(help: "The gateway: https://host:port.")
    var target: String

    @Option(help: "PEM file with the CA of the gateway's certificate.")
    var ca: String

    @Option(help: "PEM file with a client certificate and its intermediates.")
    var cert: String?

    @Option(help: "PEM file with the client's key.")
    var key: String?

    @Option(help: "Name to ask for and to verify, also sent as Host; default the target's.")
    var serverName: String?

    @Option(
        name: .customLong("header"),
        help: "An identity header to claim; repeatable. Default those of all presets.")
    var headers: [String] = []

    @Option(help: "Path of the requests; the route to test.")
    var path = "/"

    @Option(help: "Seconds to wait for the answers to one probe, 1 to 600.")
    var timeout = 5

    @Flag(help: "Print one line of JSON with every probe.")
    var json = false

    func validate() throws {
        guard ProbeTarget(target) != nil else {
            throw ValidationError("--target: '\(target)' is not of the form https://host:port")
        }
        guard (cert == nil) == (key == nil) else {
            throw ValidationError("--cert and --key go together")
        }
        guard (1...600).contains(timeout) else {
            throw ValidationError("--timeout: \(timeout) is not a number from 1 to 600")
        }
        let isPath = path.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "#") }
        guard path.hasPrefix("/"), isPath, !path.contains("?") else {
            throw ValidationError("--path: '\(path)' is no path")
        }
        for name in headers where !name.utf8.allSatisfy(Self.isNameByte) || name.isEmpty {
            throw ValidationError("--header: '\(name)' is not made of letters, digits, '-', '_'")
        }
        if let serverName, !serverName.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) {
            throw ValidationError("--server-name: '\(serverName)' is no name")
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    func run() throws {
        guard let target = ProbeTarget(target) else { return }
        let corpus = ProbeCorpus(
            host: serverName ?? target.authority, path: path,
            names: headers.isEmpty ? ProbeCorpus.presetNames : headers,
            run: String(UInt32.random(in: 0x1000_0000 ... .max), radix: 16))
        let addresses = target.addresses()
        do {
            var passes: [SelftestReport.Pass] = []
            var focus = corpus.names[0]
            if let cert, let key {
                let files = CertificateFiles(chain: cert, key: key)
                let client = try client(files, target, addresses)
                passes.append(try pass(corpus, client, hasCertificate: true, &focus))
            }
            if passes.allSatisfy({ !$0.outcomes.isEmpty }) {
                let client = try client(nil, target, addresses)
                passes.append(try pass(corpus, client, hasCertificate: false, &focus))
            }
            let report = SelftestReport(target: target.authority, passes: passes)
            Terminal.print(json ? report.json : String(report.text.dropLast()))
            if report.exitCode != 0 { throw ExitCode(report.exitCode) }
        } catch let error as TLSConfigurationError {
            Terminal.error("error: \(error)")
            throw ExitCode(1)
        } catch let error as ProbeClient.Unreachable {
            Terminal.error("error: \(target.authority) cannot be reached: \(error)")
            throw ExitCode(1)
        }
    }

    private func client(
        _ files: CertificateFiles?, _ target: ProbeTarget, _ addresses: [ProbeTarget.Address]
    ) throws(TLSConfigurationError) -> ProbeClient {
        let now = Clock.now()
        let options = ClientTLSOptions(trust: TrustStoreOptions(file: ca), certificate: files)
        let context = try ClientTLSContext(options, at: now.wallSeconds)
        return ProbeClient(
            addresses, serverName: serverName ?? target.host, context: context,
            timeout: .milliseconds(UInt64(timeout) * 1_000))
    }

    /// Runs the control request, then every probe if the gateway talks to the client at all.
    /// `focus` becomes a header that the gateway sets.
    private func pass(
        _ corpus: ProbeCorpus, _ client: borrowing ProbeClient, hasCertificate: Bool,
        _ focus: inout String
    ) throws(ProbeClient.Unreachable) -> SelftestReport.Pass {
        let judge = ProbeJudge(corpus)
        let conversation = try client.converse(corpus.control)
        let control = judge.control(conversation)
        var baseline: Baseline?
        switch control {
        case .echoed(let found):
            baseline = found
            let known = corpus.names.first { found.identity[$0.lowercased()] != nil }
            if hasCertificate, let known { focus = known }
        case .refused where !conversation.bytes.isEmpty: break
        case .refused, .noEcho:
            return SelftestReport.Pass(
                hasCertificate: hasCertificate, control: control, outcomes: [])
        }
        var outcomes: [SelftestReport.Outcome] = []
        for probe in corpus.probes(focus: focus) {
            let conversation = try client.converse(probe)
            outcomes.append(
                SelftestReport.Outcome(
                    probe, judge.judge(probe, conversation, baseline),
                    reachedBackend: judge.reachedBackend(conversation)))
        }
        return SelftestReport.Pass(
            hasCertificate: hasCertificate, control: control, outcomes: outcomes)
    }
}
