import Core
import TLS

extension SettingsBuilder {
    mutating func revocation() {
        if reader.isGiven("revocation.denyList") {
            settings.revocation.denyListFiles = [reader.file("revocation.denyList")]
        }
        for name in reader.names(below: "revocation.issuers") {
            settings.revocation.issuers.append(issuer(name, "revocation.issuers.\(name)."))
        }
    }

    private mutating func issuer(_ name: String, _ base: String) -> RevocationIssuerOptions {
        let certificate = reader.file(base + "certificate")
        let texts = reader.list(base + "crls")
        if texts.isEmpty {
            reader.fail(base + "crls", "at least one path of a file or folder is required")
        }
        let choice = reader.choice(base + "whenStale")
        let grace = reader.duration(base + "grace")
        if choice != "grace", reader.isGiven(base + "grace") {
            reader.fail(base + "grace", "is for whenStale: grace, which is '\(choice)' here")
        }
        let policy: StalePolicy =
            switch choice {
            case "grace": .grace(seconds: Int64(grace.count / 1_000_000_000))
            case "open": .open
            default: .closed
            }
        var issuer = RevocationIssuerOptions(
            name: name, certificate: certificate, lists: [], whenStale: policy)
        // Each is judged for this issuer by itself.
        issuer.lists = texts.map { text in
            source(
                text, base + "crls", owner: String(base.dropLast()), .revocation(issuer))
        }
        return issuer
    }
}
