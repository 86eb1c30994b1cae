/// Which part may know which: a part imports only what its row lists, and `Core`.
enum LayerTable {
    private struct Row {
        let layer: Int
        let mayImport: Set<String>

        init(_ layer: Int, _ mayImport: Set<String> = []) {
            self.layer = layer
            self.mayImport = mayImport
        }
    }

    /// The commands `echo`, `certificates` and `selftest` are small programs over the same parts,
    /// hence what `postern` lists beside `Server`.
    private static let rows: [String: Row] = [
        "CLinux": Row(0), "COpenSSL": Row(0), "CYAML": Row(0), "CCurl": Row(0),
        "Core": Row(0),
        "EventLoop": Row(1, ["CLinux"]),
        "TLS": Row(1, ["COpenSSL"]),
        "Crypto": Row(1, ["COpenSSL"]),
        "Fetch": Row(1, ["CCurl"]),
        "HTTP": Row(1), "Upstream": Row(1), "Telemetry": Row(1),
        "Identity": Row(2, ["TLS", "Crypto"]),
        "Authorization": Row(3, ["TLS", "Identity", "HTTP", "Crypto"]),
        "GatewayConfiguration": Row(
            4,
            [
                "CYAML", "EventLoop", "TLS", "Crypto", "HTTP", "Upstream", "Telemetry",
                "Identity", "Authorization",
            ]),
        "Proxy": Row(
            4,
            [
                // Crypto: the WebSocket handshake's SHA-1 (security rule S21).
                "Crypto", "TLS", "HTTP", "Identity", "Authorization", "Upstream", "Telemetry",
            ]),
        "Selftest": Row(4, ["Identity", "Authorization"]),
        "Server": Row(
            5,
            [
                "EventLoop", "TLS", "Crypto", "HTTP", "Upstream", "Fetch", "Telemetry",
                "Identity", "Authorization", "GatewayConfiguration", "Proxy",
            ]),
        "postern": Row(
            5,
            ["EventLoop", "TLS", "Crypto", "HTTP", "GatewayConfiguration", "Selftest", "Server"]),
    ]

    /// Compares Package.swift with the table: rows, dependencies, and that layers ascend.
    static func findings(in manifest: Manifest) -> [Finding] {
        var found: [Finding] = []
        let own = Set(manifest.targets.map(\.name))
        var highest = 0
        for target in manifest.targets where target.folder.hasPrefix("Sources/") {
            func report(_ message: String) {
                found.append(
                    Finding(path: "Package.swift", line: target.line + 1, message: message))
            }
            guard let row = rows[target.name] else {
                report("\(target.name) has no row in Tools/Tidy/LayerTable.swift")
                continue
            }
            for name in target.dependencies where own.contains(name) {
                let isAllowed = row.mayImport.contains(name) || (name == "Core" && row.layer > 0)
                if !isAllowed {
                    report("\(target.name) (layer \(row.layer)) may not depend on \(name)")
                }
            }
            if row.layer < highest {
                report("\(target.name) (layer \(row.layer)) stands below a higher layer")
            }
            highest = max(highest, row.layer)
        }
        return found
    }

    /// Checks one file: it imports only what its target lists, and declares no type named as it.
    static func findings(in file: SourceFile, manifest: Manifest) -> [Finding] {
        guard file.isSwift, let target = manifest.target(of: file.path) else { return [] }
        var found: [Finding] = []
        let own = Set(manifest.targets.map(\.name))
        for imported in ImportLine.all(in: file) where own.contains(imported.module) {
            if !target.dependencies.contains(imported.module) {
                found.append(
                    file.finding(
                        imported.line,
                        "import \(imported.module): \(target.name) does not list it"))
            }
        }
        for (number, line) in file.code.enumerated() {
            for name in BannedNames.declaredTypes(in: line) where name == target.name {
                found.append(
                    file.finding(
                        number, "type \(name) has its target's name, which hides the module"))
            }
        }
        return found
    }
}
