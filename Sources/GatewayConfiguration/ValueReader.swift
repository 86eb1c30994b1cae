import Core

/// Turns texts into values, and collects what is wrong with them.
struct ValueReader {
    var values: ConfigurationValues
    let source: String
    /// Folder that relative paths start from.
    let folder: String
    /// Files that keys were found to name, in order.
    private(set) var files: [NamedFile] = []

    mutating func fail(_ path: String, _ message: String) {
        values.diagnostics.append(Diagnostic(origin: origin(path), path: path, message: message))
    }

    /// Where the closest named thing above `path` begins.
    private func nearest(_ path: String) -> Origin {
        var components = path.split(separator: ".").map(String.init)
        while let name = components.popLast() {
            let parent = components.joined(separator: ".")
            if let found = values.names[parent]?.first(where: { $0.name == name }) {
                return found.origin
            }
        }
        return Origin(source: source)
    }

    func names(below path: String) -> [String] { (values.names[path] ?? []).map(\.name) }

    /// Whether anything is said at `path` or below, an empty section included.
    func hasSection(_ path: String) -> Bool {
        values.sections.contains(path)
            || values.entries.keys.contains { $0.hasPrefix(path + ".") }
    }

    func isGiven(_ path: String) -> Bool { values.entries[path] != nil }

    /// The value as written, or the table's default.
    private func raw(_ path: String) -> String? {
        if let entry = values.entries[path] { return entry.texts.first ?? "" }
        return KeyTable.key(for: path.split(separator: ".").map(String.init))?.fallback
    }

    private func kind(_ path: String) -> ValueKind {
        KeyTable.key(for: path.split(separator: ".").map(String.init))?.kind ?? .text
    }

    mutating func text(_ path: String) -> String? { raw(path) }

    mutating func required(_ path: String) -> String {
        if let text = raw(path), !text.isEmpty { return text }
        fail(path, "is required: \(kind(path).allowed)")
        return ""
    }

    mutating func file(_ path: String) -> String {
        let text = required(path)
        return text.isEmpty ? "" : named(text, by: path)
    }

    /// The place of the file `text`, which the key `path` names.
    mutating func named(_ text: String, by path: String) -> String {
        if SourceAddress.isAddress(text) { fail(path, "'\(text)': files for this are not fetched") }
        let place = text.hasPrefix("/") ? text : folder + text
        note(NamedFile(path: place, key: path, origin: origin(path)))
        return place
    }

    /// Notes that a key names `file`.
    mutating func note(_ file: NamedFile) {
        if !files.contains(file) { files.append(file) }
    }

    /// Where the value of the key `path` stands.
    func origin(_ path: String) -> Origin { values.entries[path]?.origin ?? nearest(path) }

    /// The place of what the key `path` names, which is not read as a file.
    mutating func place(_ path: String) -> String {
        let text = required(path)
        return text.isEmpty || text.hasPrefix("/") ? text : folder + text
    }

    /// A file that need not be named.
    mutating func optionalFile(_ path: String) -> String? {
        raw(path)?.isEmpty ?? true ? nil : file(path)
    }

    mutating func list(_ path: String) -> [String] {
        guard let entry = values.entries[path] else { return [] }
        guard entry.isList else {
            return entry.texts.first.map { $0.isEmpty ? [] : [$0] } ?? []
        }
        return entry.texts
    }

    mutating func files(_ path: String) -> [String] {
        var places: [String] = []
        for text in list(path) { places.append(named(text, by: path)) }
        return places
    }

    mutating func flag(_ path: String) -> Bool {
        switch raw(path) {
        case "true": return true
        case "false": return false
        case let other:
            invalid(path, other)
            return false
        }
    }

    mutating func choice(_ path: String) -> String {
        let text = raw(path) ?? ""
        guard case .choice(let words) = kind(path) else { return text }
        if !words.contains(text) {
            let hint = suggestion(for: text, among: words).map { "; did you mean '\($0)'?" } ?? ""
            fail(path, "'\(text)' is not \(kind(path).allowed)\(hint)")
        }
        return text
    }

    mutating func integer(_ path: String) -> Int {
        let text = raw(path) ?? ""
        guard case .integer(let range) = kind(path), let value = Int(text), range.contains(value)
        else {
            invalid(path, text)
            return 0
        }
        return value
    }

    mutating func size(_ path: String) -> Int {
        let text = raw(path) ?? ""
        guard case .size(let range) = kind(path),
            let value = Self.scaled(
                text, [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)]),
            range.contains(value)
        else {
            invalid(path, text)
            return 0
        }
        return value
    }

    mutating func duration(_ path: String) -> Nanoseconds {
        let text = raw(path) ?? ""
        let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)]
        guard let value = text == "0" ? 0 : Self.scaled(text, units), value <= 31_536_000_000
        else {
            invalid(path, text)
            return .zero
        }
        if value == 0, kind(path) != .durationOrZero { fail(path, "must be longer than 0") }
        return .milliseconds(UInt64(value))
    }

    mutating func address(_ path: String) -> SocketAddress? {
        let text = required(path)
        guard !text.isEmpty else { return nil }
        guard let address = SocketAddress(text) else {
            invalid(path, text)
            return nil
        }
        return address
    }

    private mutating func invalid(_ path: String, _ text: String?) {
        fail(path, "'\(text ?? "")' is not \(kind(path).allowed)")
    }

    /// A number with one of `units` behind it.
    private static func scaled(_ text: String, _ units: [(String, Int)]) -> Int? {
        for (unit, factor) in units where text.hasSuffix(unit) {
            guard let number = Int(text.dropLast(unit.count)), number >= 0 else { continue }
            let (product, overflow) = number.multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
        return nil
    }
}
