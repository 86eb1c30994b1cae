import Glibc

/// Where a configuration comes from: kept by a running gateway, which reads it again.
public struct ConfigurationSource: Sendable {
    /// The configuration file.
    public let file: String
    /// Variables; those that begin with `POSTERN_` are keys.
    public let environment: [String: String]
    /// `path=value`, strongest.
    public let overrides: [String]

    /// The file, the variables and the flags.
    public init(file: String, environment: [String: String], overrides: [String]) {
        self.file = file
        self.environment = environment
        self.overrides = overrides
    }

    /// The same with another folder for what is fetched.
    public func keepingSources(in folder: String) -> ConfigurationSource {
        ConfigurationSource(
            file: file, environment: environment,
            overrides: overrides + ["sources.stateDirectory=\(folder)"])
    }

    /// The settings, or every mistake at once.
    public func load() throws(DiagnosticList) -> GatewaySettings {
        try ConfigurationLoader.load(file: file, environment: environment, overrides: overrides)
    }

    /// The settings with `text` as what the file holds.
    public func load(_ text: [UInt8]) throws(DiagnosticList) -> GatewaySettings {
        try ConfigurationLoader.load(
            text, named: file, environment: environment, overrides: overrides)
    }
}

/// Reads a configuration: file, environment and flags into checked settings.
public enum ConfigurationLoader {
    /// The settings of `file`, or every mistake at once.
    ///
    /// - Parameters:
    ///   - environment: Variables; those that begin with `POSTERN_` are keys.
    ///   - overrides: `path=value`, strongest.
    public static func load(
        file: String, environment: [String: String], overrides: [String]
    ) throws(DiagnosticList) -> GatewaySettings {
        guard let bytes = read(file) else {
            let reason = unsafe String(cString: strerror(errno))
            throw DiagnosticList(diagnostics: [
                Diagnostic(
                    origin: Origin(source: file), path: "", message: "cannot be read: \(reason)")
            ])
        }
        return try load(
            bytes, named: file, environment: environment, overrides: overrides)
    }

    /// The settings in `text`, which came from a file called `name`.
    public static func load(
        _ text: [UInt8], named name: String, environment: [String: String], overrides: [String]
    ) throws(DiagnosticList) -> GatewaySettings {
        var values = ConfigurationValues()
        if let node = try YAMLReader.read(text, source: name) { values.add(node) }
        values.add(environment: environment)
        values.add(overrides: overrides)
        let folder = name.lastIndex(of: "/").map { String(name[...$0]) } ?? ""
        var builder = SettingsBuilder(
            reader: ValueReader(values: values, source: name, folder: folder),
            environment: environment)
        builder.build()
        let diagnostics = builder.reader.values.diagnostics
        guard diagnostics.isEmpty else {
            throw DiagnosticList(
                diagnostics: diagnostics.sorted {
                    ($0.origin.line, $0.origin.column) < ($1.origin.line, $1.origin.column)
                })
        }
        return builder.settings
    }

    private static func read(_ path: String) -> [UInt8]? {
        guard let file = unsafe fopen(path, "r") else { return nil }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= YAMLReader.sizeLimit {
            let count = unsafe fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return unsafe ferror(file) == 0 ? bytes : nil
    }
}
