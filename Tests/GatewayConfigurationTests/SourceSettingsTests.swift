import Core
import TLS
import Testing

@testable import GatewayConfiguration

@Suite("sources that are fetched are configured by address") struct SourceSettingsTests {
    /// One trust store with `file`, on line 11, and one issuer with the lists `crls`.
    private func text(_ file: String, crls: String = "a.crl") -> String {
        """
        listeners: {edge: {address: "127.0.0.1:8443"}}
        virtualHosts:
          main:
            default: true
            certificates: {main: {chain: a.pem, key: a.key}}
            trustStore: clients
            routes: {all: {upstream: backend}}
          other: {serverNames: [b], certificates: {main: {chain: a.pem, key: a.key}},
            trustStore: clients, routes: {all: {upstream: backend}}}
        trustStores:
          clients: {\(file)}
        revocation:
          issuers:
            ours: {certificate: ca.pem, crls: [\(crls)]}
        upstreams: {backend: {members: ["127.0.0.1:1"]}}
        """
    }

    private static let environment = [
        "STATE_DIRECTORY": "/var/lib/postern:/other", "AWS_REGION": "r",
    ]

    private func load(
        _ text: String, _ environment: [String: String] = environment, _ overrides: [String] = []
    ) throws(DiagnosticList) -> GatewaySettings {
        try ConfigurationText.load(text, environment: environment, overrides: overrides)
    }

    /// What is wrong, each mistake once.
    private func mistakes(
        _ text: String, _ environment: [String: String] = environment, _ overrides: [String] = []
    ) -> [String] {
        do throws(DiagnosticList) {
            _ = try load(text, environment, overrides)
            return []
        } catch {
            return Set(error.diagnostics.map(\.description)).sorted()
        }
    }

    @Test("a source is read from its mirror, once for each that names it") func mirrors() throws {
        let settings = try load(
            text(
                "file: 's3://b-1/x/y.pem', sources: [more.pem, 'https://h/p?q']",
                crls: "a.crl, 's3://b-1/x/y.pem', 'http://h/list.crl'"))
        let sources = settings.remoteSources
        #expect(
            sources.map(\.owner) == ["trustStores.clients", "trustStores.clients"]
                + ["revocation.issuers.ours", "revocation.issuers.ours"])
        #expect(
            sources.map(\.address) == [
                .object(bucket: "b-1", key: "x/y.pem", version: nil), .web("https://h/p?q"),
                .object(bucket: "b-1", key: "x/y.pem", version: nil), .web("http://h/list.crl"),
            ])
        #expect(Set(sources.map(\.path)).count == 4)
        #expect(sources.allSatisfy { $0.path.hasPrefix("/var/lib/postern/") })
        let trust = settings.virtualHosts.map { $0.trust?.sources }
        #expect(
            trust == Array(repeating: [sources[0].path, "more.pem", sources[1].path], count: 2))
        #expect(
            settings.revocation.issuers[0].lists == ["a.crl", sources[2].path, sources[3].path])
        #expect(settings.files.filter { $0.path == sources[0].path }.map(\.origin.line) == [11])
        #expect(sources[0].origin == Origin(source: "a.yaml", line: 11, column: 19))
        #expect(
            settings.naming("\(sources[0].path): bad, \(sources[3].path)")
                == "s3://b-1/x/y.pem: bad, http://h/list.crl")
        guard case .trust(let policy) = sources[0].use, case .revocation = sources[2].use else {
            Issue.record("\(sources)")
            return
        }
        #expect(
            policy.rules.allowsPartialChains && policy.refusesWhenStale
                && policy.acceptedDigest == nil)
        #expect(policy.maxStale == .seconds(7 * 86_400))
        #expect(settings.sources.region == "r" && settings.sources.pollInterval == .seconds(60))
        #expect(try load(text("file: ca.pem")).remoteSources.isEmpty)
    }

    @Test("a version, a policy, and where and how it is fetched") func policies() throws {
        let digest = String(repeating: "aB", count: 32)
        let settings = try load(
            text(
                "file: 's3://bucket/k?versionId=1?versionId=a/b', maxStale: 1h, whenStale: keep, "
                    + "acceptedDigest: \(digest)"),
            ["AWS_DEFAULT_REGION": "d", "AWS_REGION": ""],
            [
                "sources.stateDirectory=state", "sources.s3.endpoint=https://minio:9000/",
                "sources.s3.credentials=anonymous", "sources.authorities=ca.pem",
            ])
        let source = settings.remoteSources[0]
        #expect(source.address == .object(bucket: "bucket", key: "k?versionId=1", version: "a/b"))
        #expect(source.address.isPinned && source.path.hasPrefix("state/"))
        guard case .trust(let policy) = source.use else { return }
        #expect(
            !policy.rules.allowsPartialChains && !policy.refusesWhenStale
                && policy.maxStale == .seconds(3_600))
        #expect(policy.acceptedDigest == digest.lowercased())
        #expect(settings.sources.endpoint == "https://minio:9000")
        #expect(settings.sources.credentials == .anonymous && settings.sources.region == "d")
        #expect(settings.sources.authorities == "ca.pem")
    }

    @Test(
        "what cannot be an address is a mistake at its key",
        arguments: [
            ("s3://b", "there is no key: s3://BUCKET/KEY"),
            ("s3://b/k", "'b' is no name of a bucket"),
            ("s3://a b c/k", "'a b c' is no name of a bucket"),
            ("s3://bucket/", "'' is no key of an object"),
            ("s3://bucket/k/", "'k/' is no key of an object"),
            ("s3://bucket/k?versionId=", "'' is no version of an object"),
            ("https:///x", "there is no host"),
            ("https://h/x#y", "a fragment is not sent"),
            ("https://h/a b", "blanks and others but ASCII have to be percent-encoded"),
            (
                "http://h/x",
                "anybody on the way could put another authority in; https://HOST/PATH and "
                    + "s3://BUCKET/KEY are allowed"
            ),
            ("ftp://h/x", "only https://HOST/PATH and s3://BUCKET/KEY are fetched"),
            ("S3://bucket/k", "only https://HOST/PATH and s3://BUCKET/KEY are fetched"),
        ])
    func addresses(address: String, reason: String) {
        let place = "a.yaml:11:19: error: trustStores.clients.file: "
        #expect(mistakes(text("file: '\(address)'")) == [place + "'\(address)': \(reason)"])
    }

    @Test("what may be a secret in an address stands in no text") func secrets() throws {
        let place = "a.yaml:11:19: error: trustStores.clients.file: "
        for (address, shown) in [
            ("https://u:p@x@h/x", "https://…@h/x"), ("s3://key:secret@bucket/k", "s3://…@bucket/k"),
        ] {
            #expect(
                mistakes(text("file: '\(address)'"))
                    == [place + "'\(shown)': names and passwords are not sent"])
        }
        let settings = try load(
            text("file: 'https://h/p?sig=secret', sources: ['https://h/p?sig=other']"))
        let sources = settings.remoteSources
        #expect(sources.map(\.address) == sources.map { .web($0.text) })
        let shown = sources.map(\.shown)
        #expect(shown[0].hasPrefix("https://h/p?sha256:") && shown[0].utf8.count == 27)
        #expect(Set(shown).count == 2, "metrics tell them apart")
        #expect(settings.naming("\(sources[0].path): bad") == "\(shown[0]): bad")
    }

    @Test("the version null is replaced by every upload, so it is asked for again") func null()
        throws
    {
        let settings = try load(text("file: 's3://bucket/k?versionId=null'"))
        let source = settings.remoteSources[0]
        #expect(source.address == .object(bucket: "bucket", key: "k", version: "null"))
        #expect(!source.address.isPinned)
    }

    @Test("what a source needs beside its address is said at the key that names it") func needs() {
        let source = text("file: 's3://bucket/k'")
        let place = "a.yaml:11:19: error: trustStores.clients.file: 's3://bucket/k' needs "
        #expect(
            mistakes(source, ["AWS_REGION": "r"]) == [
                place + "sources.stateDirectory, where its last good copy is kept for the next "
                    + "start (or systemd's StateDirectory=)"
            ])
        #expect(
            mistakes(source, ["STATE_DIRECTORY": "/s"])
                == [place + "sources.s3.region, or AWS_REGION"])
        #expect(mistakes(text("file: 'https://h/x'"), ["STATE_DIRECTORY": "/s"]).isEmpty)
        #expect(
            mistakes(text("file: a.pem, extendedKeyUsageExceptions: ['s3://bucket/k']")) == [
                "a.yaml:11:54: error: trustStores.clients.extendedKeyUsageExceptions: "
                    + "'s3://bucket/k': files for this are not fetched"
            ])
        #expect(
            mistakes(text("file: a.pem, acceptedDigest: abc")) == [
                "a.yaml:11:42: error: trustStores.clients.acceptedDigest: 'abc' is not 64 "
                    + "hexadecimal digits"
            ])
        let many = (0..<65).map { "'s3://bucket/\($0)'" }.joined(separator: ",")
        #expect(
            mistakes(text("sources: [\(many)]")) == [
                "a.yaml:11:22: error: trustStores.clients.sources: more than 64 sources are fetched"
            ])
    }

    @Test(
        "an endpoint is https, or on loopback",
        arguments: [
            ("https://h", true), ("https://h:9000/", true), ("http://127.0.0.1:1", true),
            ("http://127.8.8.8", true), ("http://localhost", true), ("http://localhost:1", true),
            ("http://[::1]:9000", true), ("http://[::1]", true),
            ("http://localhost.evil.test", false),
            ("http://minio:9000", false), ("http://10.0.0.1", false), ("http://[::2]:1", false),
            ("https://h/path", false), ("minio:9000", false), ("https://h?x", false),
            ("https://u@h", false), ("ftp://127.0.0.1", false),
        ])
    func endpoints(endpoint: String, isAllowed: Bool) {
        let found = mistakes(
            text("file: 's3://bucket/k'"), Self.environment, ["sources.s3.endpoint=\(endpoint)"])
        #expect(found.isEmpty == isAllowed, "\(found)")
        #expect(found.allSatisfy { $0.hasPrefix("--set: error: sources.s3.endpoint: ") })
    }
}
