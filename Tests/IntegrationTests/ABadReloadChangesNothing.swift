import Foundation
import Testing

@Suite("a reload of something bad changes nothing and says why", .serialized)
struct ABadReloadChangesNothing {
    private static let failures = "postern_config_reload_failures_total"

    @Test(
        "a key that does not fit, a broken file and a wrong word, then the repair",
        arguments: LoopKind.allCases)
    func bad(loop: LoopKind) throws {
        let test = try ReloadedGateway(loop)
        let file = test.gateway.folder + "/postern.yaml"
        try test.replace("server.key", by: GatewayUnderTest.certificates + "/client.key")
        #expect(try test.reaches(1, Self.failures))
        #expect(
            test.log.contains("\(file):9:") && test.log.contains("certificates.main.key")
                && test.log.contains("does not fit"), "\(test.log)")
        // The trust store is good and has changed as well, but all is one.
        try test.write("no certificate", to: "ca.pem")
        #expect(try test.reaches(2, Self.failures))
        #expect(test.log.contains("trustStores.clients.file"), "\(test.log)")
        #expect(test.log.contains("nothing has changed: generation 1 goes on"))
        #expect(try test.metric("postern_config_last_reload_successful") == 0)
        try test.edit(("path: /,", "path: /new, methud: GET,"))
        #expect(try test.reaches(3, Self.failures))
        #expect(test.log.contains("did you mean 'methods'"), "\(test.log)")
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        #expect(try test.metric("postern_config_generation") == 1)
        // Repaired one after the other, with nothing but the watcher to notice.
        try test.edit((" methud: GET,", ""))
        try test.replace("ca.pem", by: GatewayUnderTest.certificates + "/ca.pem")
        try test.replace("server.key", by: GatewayUnderTest.certificates + "/server.key")
        #expect(try test.reaches(2))
        #expect(try test.metric("postern_config_last_reload_successful") == 1)
        #expect(try test.gateway.curl("/new").text.contains("CN=client1"))
        #expect(try test.gateway.curl("/", ["-i"]).text.hasPrefix("HTTP/1.1 404"))
    }

    @Test(
        "a file that is touched is no reload, and SIGHUP always is one",
        arguments: LoopKind.allCases)
    func touched(loop: LoopKind) throws {
        let test = try ReloadedGateway(loop)
        try test.replace("ca.pem", by: GatewayUnderTest.certificates + "/ca.pem")
        let wide = try String(
            contentsOfFile: GatewayUnderTest.certificates + "/ca.pem", encoding: .utf8)
        try test.write(wide, to: "server.other")
        test.gateway.signal(SIGHUP)
        #expect(try test.reaches(2))
        // What the watcher had to say has long been looked at when this change is served.
        try test.write(wide + "\n", to: "ca.pem")
        #expect(try test.reaches(3))
        #expect(try test.metric("postern_config_generation") == 3)
        #expect(try test.metric(Self.failures) == 0)
    }
}
