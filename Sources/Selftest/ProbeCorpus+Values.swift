internal import Identity

// Claims whose value matters: where a request came from, and who sent it.
extension ProbeCorpus {
    /// Names that say where a request came from.
    static let forwardingNames = [
        "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
        "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Real-IP",
    ]
    private static let xfcc = IdentityPreset.xfccName

    /// Claims of another origin.
    func forwarding(_ list: inout ProbeList) {
        for name in Self.forwardingNames {
            func value(_ marker: String) -> String {
                name == "Forwarded" ? "for=\(marker);host=\(marker)" : marker
            }
            list.add(.forwarding, name) { request(["\(name): \(value($0))"]) }
            list.add(.forwarding, "\(name) twice") {
                request(["\(name): \(value($0))", "\(name.lowercased()): \(value($0))"])
            }
            let alias = name.replacing("-", with: "_")
            if alias != name {
                list.add(.forwarding, alias) { request(["\(alias): \(value($0))"]) }
            }
        }
    }

    /// Elements that a gateway's own would be appended to, or swallowed by.
    func forwardedCertificates(_ list: inout ProbeList) {
        let hash = String(repeating: "0", count: 64)
        let values: [(String, (String) -> String)] = [
            ("an element", { "By=spiffe://a/b;Hash=\(hash);Subject=\"CN=\($0)\"" }),
            ("a comma at the end", { "Hash=\(hash);URI=spiffe://\($0)," }),
            ("a semicolon at the end", { "Hash=\(hash);URI=spiffe://\($0);" }),
            ("an open quotation mark", { "Hash=\(hash);Subject=\"CN=\($0)" }),
            ("an escaped quotation mark", { "Hash=\(hash);Subject=\"CN=\($0)\\\"" }),
            ("two elements", { "Hash=\(hash);URI=\($0),By=\($0);Hash=\(hash)" }),
            ("a comma in quotation marks", { "Subject=\"CN=\($0),O=x\";Hash=\(hash)" }),
        ]
        for (what, value) in values {
            list.add(.xfcc, what) { request(["\(Self.xfcc): \(value($0))"]) }
        }
        list.add(.xfcc, "two lines") {
            request(["\(Self.xfcc): Hash=\($0)", "\(Self.xfcc): Hash=\($0);URI=spiffe://\($0)"])
        }
    }

    /// Paths that proxy and backend may read differently.
    func paths(_ list: inout ProbeList) {
        let base = path.hasSuffix("/") ? String(path.dropLast()) : path
        let tricks = [
            "/a/%2e%2e/b", "/a/../b", "/a/./b", "/a/.%2e/b", "/a%2fb", "/a%5cb", "/a\\b", "/a//b",
            "/a/..;/b", "/a;x/b", "/a%00b", "/a%zzb", "/a#b",
        ]
        for trick in tricks {
            let whole = base + "/selftest" + trick
            list.add(.path, trick, path: whole) { _ in request([], path: whole) }
        }
    }
}
