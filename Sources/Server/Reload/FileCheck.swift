import GatewayConfiguration
import TLS

extension Assembly {
    /// Everything that is wrong with certificates, keys and trust stores, each at the key that
    /// names the file at fault.
    func fileProblems() -> [Diagnostic] {
        var found: [Diagnostic] = []
        func report(_ path: String, _ message: String) {
            for file in settings.files
            where file.path == path || files.listing(file.path)?.contains(path) ?? false {
                let diagnostic = Diagnostic(
                    origin: file.origin, path: file.key, message: message)
                if !found.contains(diagnostic) { found.append(diagnostic) }
            }
        }
        /// What `problems` say of files that could be read, and which could not.
        func report(_ paths: [String], _ problems: [TLSConfigurationError]) {
            for path in paths {
                guard let reason = files.failure(path) else { continue }
                report(
                    path, "\(path): cannot be read (\(reason)); check the path and its permissions")
            }
            for problem in problems where files.failure(problem.subject) == nil {
                report(problem.subject, "\(problem)")
            }
        }
        for index in Set(settings.listeners.flatMap(\.virtualHosts)).sorted() {
            let host = settings.virtualHosts[index]
            for certificate in host.certificates {
                let pair = certificateFiles(certificate)
                report([pair.chain, pair.key, pair.passphraseFile ?? ""], pair.problems())
            }
            if let trust = trust(host) {
                report(
                    trust.contents.keys.sorted() + trust.sources + trust.extendedKeyUsageExceptions,
                    trust.problem().map { [$0] } ?? [])
            }
        }
        for tls in settings.upstreams.compactMap(\.tls) {
            if let certificate = tls.certificate {
                let pair = certificateFiles(certificate)
                report([pair.chain, pair.key, pair.passphraseFile ?? ""], pair.problems())
            }
            report([tls.trust], trust(tls).problem().map { [$0] } ?? [])
        }
        return found.sorted {
            ($0.origin.line, $0.origin.column) < ($1.origin.line, $1.origin.column)
        }
    }

    /// What is wrong with a source of revocation, at the key that names it or its folder.
    func revocationProblems(_ error: TLSConfigurationError) -> [Diagnostic] {
        let sources = settings.files.filter(\.isOfRevocation)
        let named =
            sources.first { error.subject == $0.path }
            // A place in a file, or a file in a folder.
            ?? sources.first { source in
                [":", "/"].contains { error.subject.hasPrefix(source.path + $0) }
            }
        return [
            Diagnostic(
                origin: named?.origin ?? Origin(source: settings.files.first?.origin.source ?? ""),
                path: named?.key ?? "revocation", message: "\(error)")
        ]
    }
}
