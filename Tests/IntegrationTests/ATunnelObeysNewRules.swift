import Foundation
import Testing

@Suite("a tunnel ends when the rules of its route refuse its client", .serialized)
struct ATunnelObeysNewRules {
    private static let closed =
        "postern_connections_closed_total{reason=\"authorization_lost\"}"

    private func start(_ loop: LoopKind, rule: String) throws -> ReloadedGateway {
        try ReloadedGateway(
            loop,
            [
                "virtualHosts.main.routes.all.allowWebSocket=true",
                "virtualHosts.main.routes.all.authorize=staff",
            ],
            extra: { _ in "authorizers: {staff: {rules: {\(rule)}}}" },
            prepare: { _ = try RevocableClients(in: $0) })
    }

    private func python(_ test: ReloadedGateway, _ body: String) throws -> String {
        try GatewayUnderTest.shell(
            ["python3", "-c", RevocableClients.python(test.gateway, test.files) + body]
        ).text
    }

    @Test("S19 after a reload; others' go on", arguments: LoopKind.allCases)
    func reloaded(loop: LoopKind) throws {
        let test = try start(loop, rule: "all: {effect: allow, subject: {CN: [alice, bob]}}")
        let file = test.gateway.folder + "/postern.yaml"
        let answer = try python(
            test,
            """
            tunnels = [tunnel('alice'), tunnel('bob')]
            text = open('\(file)').read()
            open('\(file).new', 'w').write(text.replace('[alice, bob]', '[bob]'))
            start = time.monotonic()
            os.rename('\(file).new', '\(file)')
            print(ended(tunnels[0]), time.monotonic() - start < 5)
            tunnels[1].settimeout(0.3)
            try: print(tunnels[1].recv(1))
            except TimeoutError: print('goes on')
            """)
        #expect(answer == "True True\ngoes on\n", "\(answer)\n\(test.log)")
        #expect(try test.metric(Self.closed) == 1)
    }

    @Test("S19 when the certificate becomes too old", arguments: LoopKind.allCases)
    func age(loop: LoopKind) throws {
        // The clients' certificates began to be valid a day before they were made.
        let test = try start(loop, rule: "young: {effect: allow, maximumAge: 86406s}")
        let answer = try python(
            test,
            """
            through = tunnel('alice')
            print(ended(through))
            s = connect('alice')
            print(ask(s))
            """)
        #expect(answer == "True\n403\n", "\(answer)\n\(test.log)")
        #expect(try test.metric(Self.closed) == 1)
    }
}
