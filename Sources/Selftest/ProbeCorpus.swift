internal import Identity

/// Makes the probes for one gateway.
///
/// The names that are claimed are tried in every simple way; what is not about a name is tried
/// with one of them, `focus`.
public struct ProbeCorpus: Sendable {
    /// The field by which an answer is known to be to a request of this run.
    static let controlName = "X-Selftest"
    /// A field in which anything may stand.
    static let padName = "X-Selftest-Pad"

    /// The value of the request's `Host`.
    public let host: String
    /// The path of all requests.
    public let path: String
    /// Identity headers that are claimed.
    public let names: [String]
    /// Part of all markers, of this run only: letters and digits.
    public let run: String

    /// A corpus for the gateway at `host`.
    public init(host: String, path: String, names: [String], run: String) {
        precondition(!names.isEmpty)
        self.host = host
        self.path = path
        self.names = names
        self.run = run
    }

    /// The headers of all presets, and the API Gateway sample's.
    public static var presetNames: [String] {
        var names = ["X-Client-Cert-Sub"]
        for header in IdentityPreset.all.flatMap(\.headers) {
            let folded = AliasClass.of(header.name)
            if !names.contains(where: { AliasClass.of($0) == folded }) { names.append(header.name) }
        }
        return names
    }

    /// A request that claims nothing: what the backend gets of it is what it should always get.
    public var control: Probe {
        Probe(.plain, "control", marker: run, request([]))
    }

    /// All probes; `focus` is one of the headers that the gateway sets.
    public func probes(focus: String) -> [Probe] {
        var list = ProbeList(run)
        for name in names { claims(of: name, &list) }
        edges(of: focus, &list)
        nominations(&list, focus)
        syntax(&list, focus)
        framing(&list, focus)
        pipelining(&list, focus)
        forwarding(&list)
        forwardedCertificates(&list)
        upgrades(&list, focus)
        paths(&list)
        return list.probes
    }

    /// A request whose last fields are `lines` and `Connection`.
    func request(
        _ lines: [String], method: String = "GET", path: String? = nil,
        connection: String? = "close", version: String = "1.1", body: String = ""
    ) -> String {
        let last = connection.map { ["Connection: \($0)"] } ?? []
        let all = ["Host: \(host)", "\(Self.controlName): \(run)"] + lines + last
        return "\(method) \(path ?? self.path) HTTP/\(version)\r\n"
            + all.map { $0 + "\r\n" }.joined() + "\r\n" + body
    }

    /// Every simple way to claim `name`.
    private func claims(of name: String, _ list: inout ProbeList) {
        list.add(.plain, name) { request(["\(name): \($0)"]) }
        list.add(.letterCase, name.lowercased()) { request(["\(name.lowercased()): \($0)"]) }
        list.add(.letterCase, name.uppercased()) { request(["\(name.uppercased()): \($0)"]) }
        list.add(.duplicate, "\(name) twice") {
            request(["\(name): \($0)", "\(name): \($0)"])
        }
        list.add(.connection, "\(name) nominated") {
            request(["\(name): \($0)"], connection: "close, \(name)")
        }
        list.add(.connection, "\(name) nominated, not sent") { _ in
            request([], connection: "\(name), close")
        }
        list.add(.trailer, name) { trailing("\(name): \($0)", declared: nil) }
        list.add(.trailer, "\(name) declared") { trailing("\(name): \($0)", declared: name) }
        guard let dash = name.firstIndex(of: "-") else { return }
        for other in ["_", "."] {
            let alias = name.replacing("-", with: other)
            list.add(.alias, alias) { request(["\(alias): \($0)"]) }
        }
        let mixed = name[..<dash] + "_" + name[name.index(after: dash)...]
        if mixed.contains("-") { list.add(.alias, mixed) { request(["\(mixed): \($0)"]) } }
        let upper = name.uppercased().replacing("-", with: "_")
        list.add(.alias, upper) { request(["\(upper): \($0)"]) }
        list.add(.duplicate, "\(name) and \(upper)") {
            request(["\(upper): \($0)", "\(name): \($0)", "\(upper): \($0)"])
        }
        list.add(.trailer, upper) { trailing("\(upper): \($0)", declared: nil) }
    }

    private func trailing(_ line: String, declared: String?) -> String {
        request(
            ["Transfer-Encoding: chunked", "TE: trailers"]
                + (declared.map { ["Trailer: \($0)"] } ?? []),
            method: "POST", body: "2\r\nok\r\n0\r\n\(line)\r\n\r\n")
    }

    /// Spellings that may or may not be aliases, each a legal name.
    private func edges(of name: String, _ list: inout ProbeList) {
        for character in "!#$%&'*+^`|~" {
            let alias = name.replacing("-", with: String(character))
            if alias != name { list.add(.alias, alias) { request(["\(alias): \($0)"]) } }
        }
        for alias in ["-\(name)", "_\(name)", "\(name)-", "\(name)_", ".\(name)", "\(name)."] {
            list.add(.alias, alias) { request(["\(alias): \($0)"]) }
        }
    }
}

/// Probes, each with a marker of its own.
struct ProbeList {
    private(set) var probes: [Probe] = []
    private let run: String

    init(_ run: String) { self.run = run }

    /// Adds the probe that `text` makes of its marker.
    mutating func add(
        _ kind: Probe.Kind, _ name: some StringProtocol, requests: Int = 1, path: String? = nil,
        _ text: (_ marker: String) -> String
    ) {
        // Of one length, so that none is the beginning of another.
        let marker = "spoof\(run)x\(100_000 + probes.count)"
        probes.append(
            Probe(
                kind, String(name), marker: marker, text(marker), requests: requests, path: path))
    }
}
