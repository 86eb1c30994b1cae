import Foundation
import Testing

@Suite("revocation lists are fetched from S3", .serialized) struct RevocationListsAreFetched {
    private static let failures =
        "postern_source_failures_total{owner=\"revocation.issuers.ours\","
        + "source=\"s3://crls/list.pem\"}"

    @Test(
        "S18 a list that comes counts, and one that is older does not", arguments: LoopKind.allCases
    )
    func update(loop: LoopKind) throws {
        let store = try ObjectStore()
        let test = try ReloadedGateway(
            loop, store.settings + ["revocation.issuers.ours.crls=s3://crls/list.pem"],
            environment: ObjectStore.environment, extra: RevocableClients.configuration,
            prepare: { folder in
                _ = try RevocableClients(in: folder)
                try store.put("crls/list.pem", files: [folder + "/crls/1.pem"])
            })
        let python = { (body: String) in
            try GatewayUnderTest.shell(
                ["python3", "-c", RevocableClients.python(test.gateway, test.files) + body]
            ).text
        }
        let answer = try python(
            """
            idle, others = opened('alice'), opened('bob')
            shutil.copy(F + '/revoking.pem', '\(store.objects)/crls/new')
            os.rename('\(store.objects)/crls/new', '\(store.objects)/crls/list.pem')
            print(ended(idle), ask(others), refused('bob'), refused('alice'))
            """)
        #expect(answer == "True 200 200 refused\n", "\(answer)")
        #expect(try test.reaches(2, "postern_revocation_generation"))
        #expect(try test.metric("postern_config_generation") == 1)
        // Neither an older list nor none takes the place of the newer one, not for a restart.
        try store.put("crls/list.pem", files: [test.files + "/crls/1.pem"])
        #expect(try test.reaches(2, Self.failures))
        try store.put("crls/list.pem", Data("none".utf8))
        #expect(try test.reaches(4, Self.failures))
        #expect(test.log.contains("is older than the one in force (number 0x01, not 0x02)"))
        #expect(try python("print(refused('bob'), refused('alice'))") == "200 refused\n")
        let again = try GatewayUnderTest(
            loop,
            store.settings + ["revocation.issuers.ours.crls=s3://crls/list.pem"],
            environment: ObjectStore.environment,
            configuration: { upstream, folder in
                GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: folder)
                    .replacingOccurrences(of: GatewayUnderTest.certificates, with: test.files)
                    + "\n" + RevocableClients.configuration(test.files)
            })
        let script = RevocableClients.python(again, test.files)
        let still = try GatewayUnderTest.shell(
            ["python3", "-c", script + "print(refused('bob'), refused('alice'))"]
        ).text
        #expect(still == "200 refused\n")
    }
}
