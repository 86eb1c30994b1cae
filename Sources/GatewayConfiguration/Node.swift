internal import CYAML

/// A piece of a YAML document, with the place where it begins.
indirect enum Node {
    case scalar(String, Origin)
    case list([Node], Origin)
    case map([(key: String, keyOrigin: Origin, value: Node)], Origin)

    var origin: Origin {
        switch self {
        case .scalar(_, let origin), .list(_, let origin), .map(_, let origin): origin
        }
    }
}

/// Reads YAML into nodes, strictly: no aliases, anchors, tags or duplicate keys, bounded depth.
/// JSON is read as the YAML it is.
@safe
struct YAMLReader: ~Copyable {
    // Invariant: an open parser whose bytes outlive this value; `read` closes it.
    private let parser: OpaquePointer
    private let source: String
    private static let depthLimit = 16
    static let sizeLimit = 4 << 20

    /// The document in `text`; nil when it is empty.
    static func read(_ text: [UInt8], source: String) throws(DiagnosticList) -> Node? {
        guard text.count <= sizeLimit else {
            throw DiagnosticList(diagnostics: [
                Diagnostic(
                    origin: Origin(source: source), path: "",
                    message: "the file is larger than \(sizeLimit >> 20) MiB")
            ])
        }
        var result = Result<Node?, DiagnosticList>.success(nil)
        unsafe text.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress, let parser = unsafe CYAML_open(base, bytes.count)
            else { return }
            var reader = unsafe YAMLReader(parser: parser, source: source)
            do throws(DiagnosticList) {
                result = .success(try reader.document())
            } catch {
                result = .failure(error)
            }
            unsafe CYAML_close(parser)
        }
        return try result.get()
    }

    private mutating func document() throws(DiagnosticList) -> Node? {
        var root: Node?
        while true {
            let event = try unsafe next()
            switch unsafe event.kind {
            case CYAML_END: return root
            case CYAML_OTHER: continue
            default:
                guard root == nil else {
                    throw unsafe error(event, "a second document begins here; one is allowed")
                }
                root = try unsafe node(event, depth: 0)
            }
        }
    }

    private mutating func node(
        _ event: CYAML_event, depth: Int
    ) throws(DiagnosticList) -> Node {
        guard depth < Self.depthLimit else {
            throw unsafe error(event, "nested deeper than \(Self.depthLimit) levels")
        }
        let origin = unsafe origin(event)
        switch unsafe event.kind {
        case CYAML_SCALAR:
            return .scalar(try unsafe text(event), origin)
        case CYAML_SEQUENCE_START:
            var items: [Node] = []
            while true {
                let item = try unsafe next()
                if unsafe item.kind == CYAML_SEQUENCE_END { return .list(items, origin) }
                items.append(try unsafe node(item, depth: depth + 1))
            }
        case CYAML_MAPPING_START:
            return try map(origin, depth: depth)
        default:
            throw unsafe error(event, "a key, a list or a value is expected here")
        }
    }

    private mutating func map(_ origin: Origin, depth: Int) throws(DiagnosticList) -> Node {
        var pairs: [(key: String, keyOrigin: Origin, value: Node)] = []
        while true {
            let event = try unsafe next()
            if unsafe event.kind == CYAML_MAPPING_END { return .map(pairs, origin) }
            guard unsafe event.kind == CYAML_SCALAR else {
                throw unsafe error(event, "a key must be a plain word")
            }
            let key = try unsafe text(event)
            let place = unsafe self.origin(event)
            guard !pairs.contains(where: { $0.key == key }) else {
                throw unsafe error(event, "the key '\(key)' stands here a second time")
            }
            let value = try unsafe node(try unsafe next(), depth: depth + 1)
            pairs.append((key, place, value))
        }
    }

    private mutating func next() throws(DiagnosticList) -> CYAML_event {
        var event = unsafe CYAML_event()
        unsafe CYAML_next(parser, &event)
        switch unsafe event.kind {
        case CYAML_ERROR:
            let problem = unsafe event.text.map { unsafe String(cString: $0) }
            throw unsafe error(event, "not valid YAML: \(problem ?? "unknown reason")")
        case CYAML_ALIAS:
            throw unsafe error(event, "aliases (*name) are not allowed")
        default:
            guard unsafe event.has_anchor == 0 else {
                throw unsafe error(event, "anchors (&name) are not allowed")
            }
            guard unsafe event.has_tag == 0 else {
                throw unsafe error(event, "tags (!name) are not allowed")
            }
            return unsafe event
        }
    }

    private func text(_ event: CYAML_event) throws(DiagnosticList) -> String {
        guard let base = unsafe event.text else { return "" }
        let bytes = unsafe UnsafeRawBufferPointer(start: base, count: event.count)
        guard let text = unsafe String(validating: bytes, as: UTF8.self) else {
            throw unsafe error(event, "not valid UTF-8")
        }
        return text
    }

    private func origin(_ event: CYAML_event) -> Origin {
        unsafe Origin(source: source, line: event.line, column: event.column)
    }

    private func error(_ event: CYAML_event, _ message: String) -> DiagnosticList {
        unsafe DiagnosticList(diagnostics: [
            Diagnostic(origin: origin(event), path: "", message: message)
        ])
    }
}
