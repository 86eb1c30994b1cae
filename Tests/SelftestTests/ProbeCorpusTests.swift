import Testing

@testable import Selftest

@Suite("the corpus claims every header in every way")
struct ProbeCorpusTests {
    static let corpus = ProbeCorpus(
        host: "edge:1", path: "/", names: ["X-Client-Cert-Sub", "Client-Cert"], run: "abc")
    static let probes = corpus.probes(focus: "X-Client-Cert-Sub")

    @Test("each probe has a marker that no other has in it, and there are probes of each kind")
    func markers() {
        #expect(Set(Self.probes.map(\.marker)).count == Self.probes.count)
        for kind in Probe.Kind.allCases {
            #expect(Self.probes.contains { $0.kind == kind }, "\(kind)")
        }
        for probe in Self.probes {
            let text = String(decoding: probe.bytes, as: UTF8.self)
            let others = Self.probes.filter { $0.marker != probe.marker }
            #expect(!others.contains { text.contains($0.marker) }, "\(probe.name)")
        }
    }

    @Test("each name is claimed plainly, as an alias, nominated, and behind the body")
    func names() {
        for name in Self.corpus.names {
            let underscored = name.replacing("-", with: "_")
            for line in [
                "\r\n\(name): spoof", "\r\n\(underscored): spoof",
                "\r\n\(name.lowercased()): spoof",
                "\r\nConnection: close, \(name)\r\n", "\r\n0\r\n\(name): spoof",
            ] {
                let isSent = Self.probes.contains {
                    String(decoding: $0.bytes, as: UTF8.self).contains(line)
                }
                #expect(isSent, "\(line)")
            }
        }
    }

    @Test("all but what has to be refused asks for the end of the connection")
    func ends() {
        for probe in Self.probes where ![.syntax, .framing, .upgrade].contains(probe.kind) {
            let text = String(decoding: probe.bytes, as: UTF8.self)
            #expect(text.contains("close"), "\(probe.name)")
        }
    }

    @Test("bytes are sent as they are, those above 7F too")
    func bytes() throws {
        let probe = try #require(Self.probes.first { $0.name == "byte A0 in the name" })
        let line = Array("X-Client-Cert-Sub".utf8) + [0xa0] + Array(": spoof".utf8)
        #expect(probe.bytes.firstRange(of: line) != nil)
    }

    @Test("every preset's headers are claimed unless others are named")
    func presets() {
        let names = ProbeCorpus.presetNames
        for name in ["X-Client-Cert-Sub", "X-Forwarded-Client-Cert", "Client-Cert-Chain"] {
            #expect(names.contains(name))
        }
        #expect(Set(names.map(AliasClass.of)).count == names.count)
    }
}
