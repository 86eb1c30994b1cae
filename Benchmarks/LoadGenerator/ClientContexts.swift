import TLS

/// A context for each certificate that the clients use in turn.
struct ClientContexts {
    /// The most contexts that are kept: each takes tens of KiB.
    private static let mostKept = 2_000
    private let options: [ClientTLSOptions]
    private let kept: [ClientTLSContext]

    /// Loads every certificate of `options`, or the first one alone when they are too many.
    init(_ options: [ClientTLSOptions]) throws(TLSConfigurationError) {
        precondition(!options.isEmpty)
        self.options = options
        var kept: [ClientTLSContext] = []
        for one in options.count > Self.mostKept ? options.prefix(1) : options[...] {
            kept.append(try ClientTLSContext(one))
        }
        self.kept = kept
    }

    /// The context of the client at `number`, counted round and round; nil when it is not kept
    /// and cannot be loaded.
    func context(_ number: Int) -> ClientTLSContext? {
        let index = number % options.count
        return index < kept.count ? kept[index] : try? ClientTLSContext(options[index])
    }
}
