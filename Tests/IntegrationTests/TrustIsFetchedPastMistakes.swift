import Crypto
import Foundation
import Testing

@Suite("no mistake elsewhere holds up what is fetched of trust", .serialized)
struct TrustIsFetchedPastMistakes {
    private static let certificates = GatewayUnderTest.certificates
    private static let failures = "postern_config_reload_failures_total"
    private static let good = "postern_config_last_reload_successful"
    private static let stale =
        "postern_source_stale{owner=\"trustStores.clients\",source=\"s3://trust/ca.pem\"}"

    private func start(
        _ loop: LoopKind, _ store: ObjectStore, _ more: [String] = [],
        extra: (String) -> String = { _ in "" }
    ) throws -> ReloadedGateway {
        try store.put("trust/ca.pem", files: [Self.certificates + "/ca.pem"])
        return try ReloadedGateway(
            loop, store.trust + more, environment: ObjectStore.environment, extra: extra)
    }

    /// Whether a client of the authority in the folder `other` is served, in the end.
    private func admits(_ test: ReloadedGateway, _ other: String) throws -> Bool {
        let new = ["--cert", other + "/client.pem", "--key", other + "/client.key"]
        for _ in 0..<100 {
            let answer = try test.gateway.curl("/", certificate: nil, new)
            if answer.text.contains("CN=client1") { return true }
            usleep(50_000)
        }
        return false
    }

    @Test(
        "S20 a configuration that is refused makes no stale source count",
        arguments: LoopKind.allCases)
    func refusedRules(loop: LoopKind) throws {
        let store = try ObjectStore()
        let test = try start(loop, store)
        try test.edit(("{file: ", "{maxStale: 2s, file: "))
        #expect(try test.reaches(2))
        try store.behave("refuse")
        #expect(try test.reaches(2, Self.stale) && test.reaches(3))
        #expect(try test.gateway.curl("/").status != 0)
        try test.edit(
            ("{maxStale: 2s", "{whenStale: keep, maxStale: 168h"), ("/server.key", "/missing.key"))
        #expect(try test.reaches(1, Self.failures))
        // By the second attempt the first one is over.
        test.gateway.signal(SIGHUP)
        #expect(try test.reaches(2, Self.failures))
        #expect(try test.metric(Self.stale) == 2)
        #expect(try test.gateway.curl("/").status != 0)
        #expect(try test.metric("postern_config_generation") == 3)
        // The same in a configuration that is good counts.
        try test.edit(("/missing.key", "/server.key"))
        #expect(try test.reaches(5))
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
    }

    @Test(
        "S20 an update, and silence, count while a key on disk fits no certificate",
        arguments: ["reload.watch=true", "reload.watch=false"])
    func brokenKey(setting: String) throws {
        let other = try ReloadedGateway.otherCertificates()
        defer { try? FileManager.default.removeItem(atPath: other) }
        let store = try ObjectStore()
        let test = try start(.epoll, store, [setting, "trustStores.clients.maxStale=5s"])
        try test.replace("server.key", by: other + "/server.key")
        let isWatched = setting == "reload.watch=true"
        if isWatched { #expect(try test.reaches(1, Self.failures)) }
        try store.put(
            "trust/ca.pem", files: [Self.certificates + "/ca.pem", other + "/ca.pem"])
        #expect(try admits(test, other))
        // The operator still has to hear of the key.
        #expect(try test.metric(Self.good) == (isWatched ? 0 : 1))
        try store.behave("cut")
        #expect(try test.reaches(3))
        #expect(try test.gateway.curl("/").status != 0)
    }

    @Test("S20 a bundle that spoils its store holds up no other store") func spoiled() throws {
        let other = try ReloadedGateway.otherCertificates()
        defer { try? FileManager.default.removeItem(atPath: other) }
        let store = try ObjectStore()
        // Two sources, of which each may be without an anchor, but not both.
        let certificates = Self.certificates
        try store.put(
            "trust/one.pem", files: [certificates + "/ca.pem", certificates + "/client.pem"])
        try store.put("trust/two.pem", files: [certificates + "/server.pem"])
        let partners = [
            "trustStores.partners.sources=s3://trust/one.pem,s3://trust/two.pem",
            "virtualHosts.main.routes.all.authorize=decide",
        ]
        let test = try start(
            .epoll, store, partners,
            extra: { _ in
                """
                authorizers:
                  decide:
                    rules:
                      no: {effect: deny, trustStore: [partners], uri: ["urn:nobody:*"]}
                      yes: {effect: allow, trustStore: [clients]}
                """
            })
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        try store.put("trust/one.pem", files: [certificates + "/client.pem"])
        #expect(try test.reaches(1, Self.failures))
        try store.put("trust/ca.pem", files: [certificates + "/ca.pem", other + "/ca.pem"])
        #expect(try admits(test, other))
        #expect(test.log.contains("s3://trust/one.pem goes on as it was before"))
    }

    @Test("S20 an update counts while all anchors of another store have expired")
    func expired() throws {
        let other = try ReloadedGateway.otherCertificates()
        defer { try? FileManager.default.removeItem(atPath: other) }
        let store = try ObjectStore()
        let end = Int64(Date().timeIntervalSince1970) + 5
        let short = try CertificateAuthority.root(
            .authority("Short", notBefore: end - 60, notAfter: end), key: CertificateKey(.p256))
        try short.pem.write(toFile: other + "/short.pem", atomically: true, encoding: .utf8)
        let test = try start(
            .epoll, store,
            [
                "trustStores.partners.file=\(other)/short.pem",
                "virtualHosts.main.routes.all.authorize=decide",
            ],
            extra: { _ in
                """
                authorizers:
                  decide:
                    rules:
                      no: {effect: deny, trustStore: [partners]}
                      yes: {effect: allow, trustStore: [clients]}
                """
            })
        while Date().timeIntervalSince1970 < Double(end + 1) { usleep(100_000) }
        try store.put(
            "trust/ca.pem", files: [Self.certificates + "/ca.pem", other + "/ca.pem"])
        #expect(try admits(test, other))
    }

    @Test("a source that hangs holds up no start that has a copy") func hangingStart() throws {
        let store = try ObjectStore()
        _ = try start(.epoll, store)
        try store.behave("hang")
        let began = Date()
        let again = try ReloadedGateway(
            .epoll, store.trust + ["sources.timeout=60s"], environment: ObjectStore.environment)
        #expect(Date().timeIntervalSince(began) < 10)
        #expect(try again.gateway.curl("/").text.contains("CN=client1"))
    }

    @Test("a reload that is asked for while a start waits for a source comes after it")
    func impatientReload() throws {
        let store = try ObjectStore()
        let test = try start(.epoll, store)
        try store.behave("hang")
        let ready = test.gateway.folder + "/ready-again"
        // A test run's children have SIGHUP blocked, which an operator's have not.
        let script = """
            import os, signal, subprocess, sys, time
            ready, command = sys.argv[1], sys.argv[2:]
            def allow(): signal.pthread_sigmask(signal.SIG_SETMASK, [])
            gateway = subprocess.Popen(command, preexec_fn=allow)
            time.sleep(1)
            print(os.path.exists(ready))
            gateway.send_signal(signal.SIGHUP)
            for _ in range(400):
                if os.path.exists(ready) or gateway.poll() is not None: break
                time.sleep(0.05)
            print(os.path.exists(ready), gateway.poll())
            gateway.terminate()
            print(gateway.wait(20))
            """
        let command =
            ["env"] + ObjectStore.environment.map { "\($0.key)=\($0.value)" }
            + ["python3", "-c", script, ready, GatewayUnderTest.binary, "run", "--config"]
            + [test.gateway.folder + "/postern.yaml", "--workers", "1", "--ready-file", ready]
            + (store.trust + ["sources.timeout=60s"]).flatMap { ["--set", $0] }
        let answer = try GatewayUnderTest.shell(command).text
        #expect(answer.hasPrefix("False\n") && answer.contains("True None\n"), "\(answer)")
    }

    @Test("a copy that somebody cleared away is fetched again") func cleared() throws {
        let store = try ObjectStore()
        let test = try start(.epoll, store)
        let names = try FileManager.default.contentsOfDirectory(atPath: store.state)
        try FileManager.default.removeItem(atPath: store.state)
        for _ in 0..<200 where !FileManager.default.fileExists(atPath: store.state) {
            usleep(50_000)
        }
        for _ in 0..<200 {
            let found = (try? FileManager.default.contentsOfDirectory(atPath: store.state)) ?? []
            if found.sorted() == names.sorted() { break }
            usleep(50_000)
        }
        try store.behave("cut")
        let again = try ReloadedGateway(
            .epoll, store.trust, environment: ObjectStore.environment)
        #expect(try again.gateway.curl("/").text.contains("CN=client1"))
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
    }
}
