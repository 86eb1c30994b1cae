import Crypto
import Foundation
import Testing

@Suite("a trust store is fetched from S3", .serialized) struct TrustIsFetched {
    private static func metric(_ name: String) -> String {
        "postern_source_\(name){owner=\"trustStores.clients\",source=\"s3://trust/ca.pem\"}"
    }
    private static let certificates = GatewayUnderTest.certificates

    private func start(
        _ loop: LoopKind, _ store: ObjectStore, _ more: [String] = []
    ) throws -> ReloadedGateway {
        try ReloadedGateway(loop, store.trust + more, environment: ObjectStore.environment)
    }

    /// What `postern` says, with the settings of `store` and others.
    private func command(
        _ arguments: [String], of test: ReloadedGateway, _ store: ObjectStore, _ more: [String] = []
    ) throws -> GatewayUnderTest.Output {
        let variables = ObjectStore.environment.map { "\($0)=\($1)" }
        let settings = (store.trust + more).flatMap { ["--set", $0] }
        return try GatewayUnderTest.shell(
            ["env"] + variables + [GatewayUnderTest.binary] + arguments
                + ["--config", test.gateway.folder + "/postern.yaml"] + settings)
    }

    /// Waits until the log says `text`.
    private func says(_ test: ReloadedGateway, _ text: String) -> Bool {
        for _ in 0..<200 {
            if test.log.contains(text) { return true }
            usleep(50_000)
        }
        return false
    }

    @Test("S19 an authority that comes counts, and one that goes", arguments: LoopKind.allCases)
    func update(loop: LoopKind) throws {
        let store = try ObjectStore()
        try store.put("trust/ca.pem", files: [Self.certificates + "/ca.pem"])
        let other = try ReloadedGateway.otherCertificates()
        defer { try? FileManager.default.removeItem(atPath: other) }
        let test = try start(loop, store)
        let new = ["--cert", other + "/client.pem", "--key", other + "/client.key"]
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        #expect(try test.gateway.curl("/", certificate: nil, new).status != 0)
        // The same again is no news.
        #expect(store.answers(304))
        // A connection of the old client, idle over both changes, goes on beside the new client's
        // authority, and ends without its own.
        let answer = try test.gateway.python(
            """
            import os
            new = ssl.create_default_context(cafile='\(Self.certificates)/ca.pem')
            new.load_cert_chain('\(other)/client.pem', '\(other)/client.key')
            old, c = c, new
            def is_admitted():
                try:
                    with connect() as t:
                        t.sendall(b'GET /x HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
                        return t.recv(65536)[9:12] == b'200'
                except (ssl.SSLError, ConnectionError): return False
            def ask():
                s.sendall(b'GET /x HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
                return s.recv(65536)[9:12].decode()
            def put(text):
                open('\(store.objects)/trust/ca.new', 'w').write(text)
                os.rename('\(store.objects)/trust/ca.new', '\(store.objects)/trust/ca.pem')
            first = ask()
            theirs = open('\(other)/ca.pem').read()
            put(open('\(Self.certificates)/ca.pem').read() + theirs)
            for _ in range(200):
                if is_admitted(): break
                time.sleep(0.05)
            time.sleep(0.5)
            first += ask()
            put(theirs)
            print(first, all(s))
            """
        ).text
        #expect(answer.hasPrefix("200200 ") && !answer.contains("!!"), "\(answer)")
        #expect(try test.reaches(3))
        #expect(try test.gateway.curl("/").status != 0)
        #expect(try test.gateway.curl("/", certificate: nil, new).text.contains("CN=client1"))
        let closed = "postern_connections_closed_total{reason=\"configuration_changed\"}"
        #expect(try test.metric(closed) == 1)
        #expect(try test.metric("postern_config_generation") == 3)
        #expect(test.log.contains("added: ") && test.log.contains("removed: "))
        #expect(Set(store.requests.map(\.signature)) == ["good"])
    }

    /// The authority of every test, and two more that nobody is of.
    private func three() throws -> Data {
        let now = Int64(Date().timeIntervalSince1970)
        var text = try String(contentsOfFile: Self.certificates + "/ca.pem", encoding: .utf8)
        for name in ["Second", "Third"] {
            text += try CertificateAuthority.root(
                .authority(name, notBefore: now - 60, notAfter: now + 3_600),
                key: CertificateKey(.p256)
            ).pem
        }
        return Data(text.utf8)
    }

    @Test(
        "S20 empty, broken and shrunk bundles are refused, unless one is accepted by its digest",
        arguments: LoopKind.allCases)
    func refused(loop: LoopKind) throws {
        let store = try ObjectStore()
        try store.put("trust/ca.pem", three())
        let test = try start(loop, store)
        let expired = try String(
            contentsOfFile: Self.certificates + "/expired.pem", encoding: .utf8)
        let one = try Data(contentsOf: URL(fileURLWithPath: Self.certificates + "/ca.pem"))
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        let bundles: [(bytes: Data, reason: String)] = [
            (Data(), "contains no certificate"), (Data("<html>".utf8), "contains no certificate"),
            (Data(broken.utf8), "certificate 1 of 1 is broken"),
            (Data(expired.utf8), "contains no self-signed certificate"),
            (one, "it drops 2 of 3 certificates; if that is meant, set acceptedDigest: "),
        ]
        for (bytes, reason) in bundles {
            let failures = try test.metric(Self.metric("failures_total"))
            try store.put("trust/ca.pem", bytes)
            #expect(try test.reaches(failures + 2, Self.metric("failures_total")), "\(reason)")
            #expect(test.log.contains("refused: "))
            #expect(test.log.components(separatedBy: reason).count == 2, "\(reason)")
            #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        }
        #expect(try test.metric("postern_config_generation") == 1)
        #expect(try test.metric(Self.metric("updates_total")) == 1)
        let digest = try #require(
            test.log.components(separatedBy: "acceptedDigest: ").last?.prefix(64))
        try test.edit(("{file: ", "{acceptedDigest: \(digest), file: "))
        #expect(says(test, "removed: CN=Third"))
        #expect(try test.reaches(2))
        #expect(test.log.components(separatedBy: "removed: ").count == 3)
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
    }

    @Test("the last good copy serves a start, if it is whole", arguments: LoopKind.allCases)
    func restart(loop: LoopKind) throws {
        let store = try ObjectStore()
        try store.put("trust/ca.pem", files: [Self.certificates + "/ca.pem"])
        _ = try start(loop, store)
        let mode = try FileManager.default.attributesOfItem(atPath: store.state)
        #expect(mode[.posixPermissions] as? Int == 0o700)
        let files = try FileManager.default.contentsOfDirectory(atPath: store.state).sorted()
        #expect(files.count == 2 && files[1] == files[0] + ".state", "\(files)")
        for file in files {
            let mode = try FileManager.default.attributesOfItem(atPath: store.state + "/" + file)
            #expect(mode[.posixPermissions] as? Int == 0o600)
        }
        try store.behave("cut")
        let test = try start(loop, store)
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        #expect(test.log.contains("its last good copy, heard of "))
        // It comes back, and is looked at again.
        try store.behave("serve")
        #expect(says(test, "the source is good again"))
        // A copy that is not what was fetched is none.
        try store.behave("refuse")
        try "other".write(
            toFile: store.state + "/" + files[0], atomically: false, encoding: .utf8)
        let run = try command(["run"], of: test, store)
        #expect(run.status == 1)
        #expect(
            run.text.contains(
                "--set: error: trustStores.clients.file: s3://trust/ca.pem: the answer")
                && run.text.contains("503 (SlowDown); there is no earlier copy of it"),
            "\(run.text)")
        #expect(run.text.contains("is corrupt: its digest is another"), "\(run.text)")
    }

    @Test(
        "S20 who blocks the source keeps nobody trusted for longer than maxStale",
        arguments: LoopKind.allCases)
    func stale(loop: LoopKind) throws {
        let store = try ObjectStore()
        try store.put("trust/ca.pem", files: [Self.certificates + "/ca.pem"])
        let test = try start(loop, store, ["trustStores.clients.maxStale=3s"])
        let answer = try test.gateway.python(
            """
            s.sendall(b'GET /x HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
            first = s.recv(65536)[9:12].decode()
            time.sleep(4)
            s.sendall(b'GET /x HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
            first += s.recv(65536)[9:12].decode()
            open('\(store.objects)/../mode', 'w').write('refuse')
            print(first, all(s))
            """
        ).text
        #expect(answer.hasPrefix("200200 ") && !answer.contains("!!"), "\(answer)")
        #expect(try test.reaches(2))
        #expect(try test.gateway.curl("/").status != 0)
        #expect(try test.metric(Self.metric("stale")) == 2)
        #expect(says(test, "more than half of maxStale"))
        #expect(says(test, "longer than maxStale: nobody is trusted by it (whenStale)"))
        // A start does not help who blocks it.
        let again = try start(loop, store, ["trustStores.clients.maxStale=3s"])
        #expect(try again.gateway.curl("/").status != 0)
        // The source does, with what it said before.
        try store.behave("serve")
        #expect(try test.reaches(3))
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        #expect(try test.metric(Self.metric("stale")) == 0)
    }

    @Test("S20 whenStale: keep only warns") func keep() throws {
        let store = try ObjectStore()
        try store.put("trust/ca.pem", files: [Self.certificates + "/ca.pem"])
        let policy = ["trustStores.clients.maxStale=1s", "trustStores.clients.whenStale=keep"]
        let test = try start(.epoll, store, policy)
        try store.behave("hang")
        #expect(says(test, "longer than maxStale: it may hold what is no longer trusted"))
        #expect(try test.metric(Self.metric("stale")) == 2)
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        #expect(try test.metric("postern_config_generation") == 1)
    }

    @Test("a source that hangs holds up neither a reload nor the end") func hanging() throws {
        let store = try ObjectStore()
        try store.put("trust/ca.pem", files: [Self.certificates + "/ca.pem"])
        let test = try start(.epoll, store, ["sources.timeout=60s"])
        try store.behave("hang")
        // By then one is under way.
        usleep(600_000)
        let start = Date()
        test.gateway.signal(SIGHUP)
        #expect(try test.reaches(2))
        test.gateway.signal(SIGTERM)
        #expect(test.gateway.exitStatus(within: 10) == 0)
        #expect(Date().timeIntervalSince(start) < 10)
    }

    @Test("an update counts while the configuration is broken, or is not watched")
    func unwatched() throws {
        let other = try ReloadedGateway.otherCertificates()
        defer { try? FileManager.default.removeItem(atPath: other) }
        for setting in ["reload.watch=true", "reload.watch=false"] {
            let store = try ObjectStore()
            try store.put("trust/ca.pem", files: [Self.certificates + "/ca.pem"])
            let test = try start(.epoll, store, [setting])
            try test.edit(("listeners:", "listenerz:"))
            if setting == "reload.watch=true" {
                #expect(try test.reaches(1, "postern_config_reload_failures_total"))
            }
            let both = [Self.certificates + "/ca.pem", other + "/ca.pem"]
            try store.put("trust/ca.pem", files: both)
            #expect(try test.reaches(2), "\(setting)")
            let new = ["--cert", other + "/client.pem", "--key", other + "/client.key"]
            #expect(try test.gateway.curl("/", certificate: nil, new).text.contains("CN=client1"))
        }
    }

    @Test("a version is fetched once") func pinned() throws {
        let store = try ObjectStore()
        try store.put("trust/ca.pem", files: [Self.certificates + "/ca.pem"])
        let pin = ["trustStores.clients.file=s3://trust/ca.pem?versionId=v/1"]
        let test = try start(.epoll, store, pin + ["trustStores.clients.maxStale=1s"])
        usleep(1_500_000)
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        _ = try start(.epoll, store, pin)
        let expected = ObjectStore.Request(
            path: "/trust/ca.pem?versionId=v%2F1", status: 200, signature: "good")
        #expect(store.requests == [expected])
    }

    @Test("public objects and https need no keys, and https its authority") func unsigned() throws {
        let plain = try ObjectStore()
        try plain.put("trust/ca.pem", files: [Self.certificates + "/ca.pem"])
        let anonymous = try ReloadedGateway(
            .epoll, plain.trust + ["sources.s3.credentials=anonymous"])
        #expect(try anonymous.gateway.curl("/").text.contains("CN=client1"))
        #expect(Set(plain.requests.map(\.signature)) == ["none"])
        let secure = try ObjectStore(certificate: Self.certificates + "/server")
        try secure.put("ca.pem", files: [Self.certificates + "/ca.pem"])
        let source = [
            "trustStores.clients.file=https://localhost:\(secure.port)/ca.pem",
            "sources.stateDirectory=\(secure.state)", "sources.pollInterval=200ms",
        ]
        let authority = ["sources.authorities=\(Self.certificates)/ca.pem"]
        let test = try ReloadedGateway(.epoll, source + authority)
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        #expect(secure.answers(304))
        #expect(Set(secure.requests.map(\.signature)) == ["none"])
        let stranger = try GatewayUnderTest.shell(
            [GatewayUnderTest.binary, "check", "--config", test.gateway.folder + "/postern.yaml"]
                + (source + ["sources.stateDirectory=\(secure.state)-2"]).flatMap { ["--set", $0] })
        #expect(stranger.status == 1 && stranger.text.contains("cannot be fetched (SSL"))
    }

    @Test("check and explain ask the source, and change nothing of a gateway's") func commands()
        throws
    {
        let store = try ObjectStore()
        try store.put("trust/ca.pem", files: [Self.certificates + "/ca.pem"])
        let test = try start(.epoll, store, ["sources.pollInterval=1h"])
        let explain = [
            "explain", "--sni", "localhost", "--cert", Self.certificates + "/client.pem",
        ]
        let other = try ReloadedGateway.otherCertificates()
        defer { try? FileManager.default.removeItem(atPath: other) }
        try store.put("trust/ca.pem", files: [Self.certificates + "/ca.pem", other + "/ca.pem"])
        let good = try command(["check"], of: test, store)
        #expect(good.status == 0 && good.text.hasSuffix("the configuration is good\n"))
        try store.put("trust/ca.pem", Data("garbage".utf8))
        let refused = try command(["check"], of: test, store)
        #expect(refused.status == 0)
        #expect(
            refused.text.hasPrefix("warning: trustStores.clients: s3://trust/ca.pem: what was")
                && refused.text.contains("its last good copy"), "\(refused.text)")
        try store.behave("cut")
        #expect(try command(explain, of: test, store).status == 0)
        let elsewhere = ["sources.stateDirectory=\(store.state)-2"]
        let missing = try command(explain, of: test, store, elsewhere)
        #expect(missing.status != 0 && missing.text.contains("there is no earlier copy of it"))
        #expect(!FileManager.default.fileExists(atPath: store.state + "-2"))
        try store.behave("serve")
        try store.put("trust/ca.pem", files: [Self.certificates + "/ca.pem"])
        #expect(try command(explain, of: test, store, elsewhere).status == 0)
        #expect(try test.metric(Self.metric("updates_total")) == 1)
    }

    @Test("S20 a rule that denies by a stale store goes on, one that allows does not")
    func rules() throws {
        let store = try ObjectStore()
        try store.put("trust/ca.pem", files: [Self.certificates + "/ca.pem"])
        let extra = { (_: String) in
            """
            authorizers:
              decide:
                rules:
                  no: {effect: deny, trustStore: [partners]}
                  yes: {effect: allow, trustStore: [clients]}
            """
        }
        let partners = [
            "trustStores.partners.sources=s3://trust/ca.pem", "trustStores.partners.maxStale=2s",
            "virtualHosts.main.routes.all.authorize=decide",
        ]
        let reversed = [
            "authorizers.decide.rules.no.effect=allow", "authorizers.decide.rules.yes.effect=deny",
        ]
        let stale =
            "postern_source_stale{owner=\"trustStores.partners\",source=\"s3://trust/ca.pem\"}"
        let code = ["-o", "/dev/null", "-w", "%{http_code}"]
        for (more, fresh) in [([], "403"), (reversed, "200")] {
            try store.behave("serve")
            let test = try ReloadedGateway(
                .epoll, store.settings + partners + more, environment: ObjectStore.environment,
                extra: extra)
            #expect(try test.gateway.curl("/", certificate: "client", code).text == fresh)
            try store.behave("cut")
            #expect(try test.reaches(2, stale) && test.reaches(2))
            #expect(try test.gateway.curl("/", certificate: "client", code).text == "403")
        }
    }
}
