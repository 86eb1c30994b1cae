import Foundation

/// The files of a checkout, read from disk.
struct Repository {
    enum ReadError: Error {
        case noManifest(path: String)
    }

    let root: String

    /// Every finding, in the order of the paths.
    func findings() throws -> [Finding] {
        let manifestPath = root + "/Package.swift"
        guard let manifestText = try? String(contentsOfFile: manifestPath, encoding: .utf8) else {
            throw ReadError.noManifest(path: manifestPath)
        }
        let manifest = Manifest(text: manifestText)
        var found = LayerTable.findings(in: manifest)
        found += Layout.topLevelFindings(names(in: root))
        found += Layout.testFolderFindings(folders(in: root + "/Tests"), manifest: manifest)
        for path in paths() {
            // What is not UTF-8 is a corpus file or a picture, not a source.
            guard let text = try? String(contentsOfFile: root + "/" + path, encoding: .utf8) else {
                continue
            }
            found += Self.findings(
                in: SourceFile(path: path, text: text), manifest: manifest,
                exists: { FileManager.default.fileExists(atPath: root + "/" + $0) })
        }
        return found
    }

    /// The findings in one file.
    static func findings(
        in file: SourceFile, manifest: Manifest, exists: (String) -> Bool
    ) -> [Finding] {
        if file.path.hasSuffix(".md") {
            return Layout.linkFindings(in: file, exists: exists)
        }
        return Lengths.findings(in: file) + BannedNames.findings(in: file)
            + LayerTable.findings(in: file, manifest: manifest)
    }

    /// Documents at the top, and every source, script and document below the four folders.
    private func paths() -> [String] {
        var result = names(in: root).filter { $0.hasSuffix(".md") }
        for folder in ["Sources", "Tests", "Benchmarks", "Tools"] {
            let enumerator = FileManager.default.enumerator(atPath: root + "/" + folder)
            while let name = enumerator?.nextObject() as? String {
                let path = folder + "/" + name
                if isText(path) { result.append(path) }
            }
        }
        return result.sorted()
    }

    private func isText(_ path: String) -> Bool {
        let skipped = ["corpus", "crashes", "results", "__pycache__", "Vectors"]
        let parts = path.split(separator: "/")
        guard let name = parts.last, !name.hasPrefix("."),
            !parts.contains(where: { skipped.contains(String($0)) })
        else { return false }
        let suffixes = [".swift", ".c", ".h", ".py", ".sh", ".md"]
        if suffixes.contains(where: { name.hasSuffix($0) }) { return true }
        // Scripts have no suffix: they are executable instead.
        let full = root + "/" + path
        return !name.contains(".") && !isFolder(full)
            && FileManager.default.isExecutableFile(atPath: full)
    }

    private func names(in folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    private func folders(in folder: String) -> [String] {
        names(in: folder).filter { isFolder(folder + "/" + $0) }
    }

    private func isFolder(_ path: String) -> Bool {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return attributes?[.type] as? FileAttributeType == .typeDirectory
    }
}
