/// The reference of all keys, printed from the table.
public enum ConfigurationReference {
    /// A Markdown table: key, allowed values, default, environment name, help.
    public static func markdown() -> String {
        var text = """
            | key | value | default | environment | meaning |
            | --- | --- | --- | --- | --- |

            """
        for key in KeyTable.keys {
            let fallback = key.fallback.map { $0.isEmpty ? "(empty)" : "`\($0)`" } ?? ""
            let name = ConfigurationValues.environmentName(key.pattern)
            text +=
                "| `\(key.pattern)` | \(key.kind.allowed) | \(fallback) | `\(name)` | "
                + "\(key.help) |\n"
        }
        return text
    }
}
