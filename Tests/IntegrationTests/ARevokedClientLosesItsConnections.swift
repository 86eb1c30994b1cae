import Foundation
import Testing

@Suite("a client whose certificate is taken back loses its connections", .serialized)
struct ARevokedClientLosesItsConnections {
    private static let closed =
        "postern_connections_closed_total{reason=\"certificate_revoked\"}"

    private func start(
        _ loop: LoopKind, listLifetime: Int64 = 3_600
    ) throws -> ReloadedGateway {
        try ReloadedGateway(
            loop, ["virtualHosts.main.routes.all.allowWebSocket=true"],
            extra: RevocableClients.configuration,
            prepare: { _ = try RevocableClients(in: $0, listLifetime: listLifetime) })
    }

    private func python(_ test: ReloadedGateway, _ body: String) throws -> String {
        try GatewayUnderTest.shell(
            ["python3", "-c", RevocableClients.python(test.gateway, test.files) + body]
        ).text
    }

    /// What takes alice's certificate back: a line in the deny list, written in place, and a new
    /// list of its issuer, in a folder.
    private static let ways = [
        "open(F + '/deny.txt', 'a').write(open(F + '/denied.txt').read())",
        "os.rename(F + '/revoking.pem', F + '/crls/2.pem')",
    ]

    @Test(
        "S19 idle connections and tunnels close within 2 s, others' go on",
        arguments: LoopKind.allCases, ways)
    func revoked(loop: LoopKind, change: String) throws {
        let test = try start(loop)
        let answer = try python(
            test,
            """
            idle = [opened('alice') for _ in range(4)]
            others = [opened('bob') for _ in range(4)]
            tunnels = [tunnel('alice'), tunnel('bob')]
            busy = connect('alice')
            busy.sendall(b'POST /x HTTP/1.1\\r\\nHost: localhost\\r\\n'
                         b'Content-Length: 6\\r\\n\\r\\nabc')
            time.sleep(0.2)
            start = time.monotonic()
            \(change)
            print(all(ended(s) for s in idle + tunnels[:1]), time.monotonic() - start < 2)
            print([ask(s) for s in others], refused('bob'), refused('alice'))
            busy.sendall(b'def')
            print('connection: close' in answer(busy), ended(busy))
            tunnels[1].settimeout(0.3)
            try: print(tunnels[1].recv(1))
            except TimeoutError: print('goes on')
            """)
        #expect(
            answer == """
                True True
                ['200', '200', '200', '200'] 200 refused
                True True
                goes on

                """, "\(answer)")
        #expect(try test.reaches(2, "postern_revocation_generation"))
        #expect(try test.metric(Self.closed) == 6)
        // Nothing but revocation has changed.
        #expect(try test.metric("postern_config_generation") == 1)
    }

    @Test(
        "S19 a list that goes stale ends connections without a reload", arguments: LoopKind.allCases
    )
    func stale(loop: LoopKind) throws {
        let test = try start(loop, listLifetime: 8)
        let answer = try python(
            test,
            """
            idle, through = opened('bob'), tunnel('bob')
            print(ended(idle), ended(through), refused('bob'))
            """)
        #expect(answer == "True True refused\n", "\(answer)")
        #expect(try test.metric(Self.closed) == 2)
        #expect(try test.metric("postern_revocation_generation") == 1)
    }

    @Test(
        "S19 what is revoked counts even while the configuration is broken",
        arguments: LoopKind.allCases)
    func brokenConfiguration(loop: LoopKind) throws {
        let test = try start(loop)
        try test.edit(("listeners:", "listenrs:"))
        #expect(try test.reaches(1, "postern_config_reload_failures_total"))
        let answer = try python(
            test,
            """
            alice, bob = opened('alice'), opened('bob')
            \(Self.ways[0])
            print(ended(alice), ask(bob), refused('alice'))
            """)
        #expect(answer == "True 200 refused\n", "\(answer)")
        // The configuration is as bad as before.
        #expect(try test.metric("postern_config_last_reload_successful") == 0)
        // A list that cannot be read takes nothing back, and is named.
        try test.write("nonsense\n", to: "deny.txt")
        #expect(try test.reaches(1, "postern_revocation_problems"))
        #expect(try python(test, "print(refused('alice'), refused('bob'))") == "refused 200\n")
        #expect(test.log.contains("\(test.files)/deny.txt:1:1"), "\(test.log)")
        try test.edit(("listenrs:", "listeners:"))
        #expect(try test.reaches(2))
        #expect(try python(test, "print(refused('alice'), refused('bob'))") == "refused 200\n")
        try test.write("# nobody\n", to: "deny.txt")
        for _ in 0..<200 {
            if try test.metric("postern_revocation_problems") == 0 { break }
            usleep(50_000)
        }
        #expect(try python(test, "print(refused('alice'), refused('bob'))") == "200 200\n")
    }

    @Test("a reload that names a source that is not there is refused until it is")
    func missingSource() throws {
        let test = try start(.epoll)
        try test.edit(("/deny.txt", "/more.txt"))
        #expect(try test.reaches(1, "postern_config_reload_failures_total"))
        #expect(test.log.contains("revocation.denyList: "), "\(test.log)")
        let check = try GatewayUnderTest.shell([
            GatewayUnderTest.binary, "check", "--config", test.gateway.folder + "/postern.yaml",
        ])
        #expect(check.status != 0)
        #expect(check.text.contains("\(test.files)/more.txt: "), "\(check.text)")
        try test.replace("more.txt", by: test.files + "/denied.txt")
        #expect(try test.reaches(2))
        #expect(try python(test, "print(refused('alice'), refused('bob'))") == "refused 200\n")
    }
}
