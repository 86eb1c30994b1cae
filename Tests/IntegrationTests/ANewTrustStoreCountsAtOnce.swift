import Foundation
import Testing

@Suite("a trust store that is replaced counts at once", .serialized)
struct ANewTrustStoreCountsAtOnce {
    @Test(
        "S19 the new authority's clients get in and the old one's no more, by inotify alone",
        arguments: LoopKind.allCases)
    func replaced(loop: LoopKind) throws {
        let test = try ReloadedGateway(loop)
        let other = try ReloadedGateway.otherCertificates()
        defer { try? FileManager.default.removeItem(atPath: other) }
        let new = ["--cert", other + "/client.pem", "--key", other + "/client.key"]
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        #expect(try test.gateway.curl("/", certificate: nil, new).status != 0)
        // A connection of the old client, idle over both changes, goes on beside the new client's
        // authority, and ends without its own.
        let answer = try test.gateway.python(
            """
            import os, shutil
            new = ssl.create_default_context(cafile='\(GatewayUnderTest.certificates)/ca.pem')
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
            first = ask()
            both = open('\(test.files)/ca.pem').read() + open('\(other)/ca.pem').read()
            open('\(test.files)/ca.new', 'w').write(both)
            os.rename('\(test.files)/ca.new', '\(test.files)/ca.pem')
            for _ in range(200):
                if is_admitted(): break
                time.sleep(0.05)
            time.sleep(0.5)
            first += ask()
            shutil.copy('\(other)/ca.pem', '\(test.files)/ca.new')
            os.rename('\(test.files)/ca.new', '\(test.files)/ca.pem')
            print(first, all(s))
            """
        ).text
        #expect(answer.hasPrefix("200200 ") && !answer.contains("!!"), "\(answer)")
        #expect(try test.reaches(3))
        #expect(try test.gateway.curl("/").status != 0)
        #expect(try test.gateway.curl("/", certificate: nil, new).text.contains("CN=client1"))
        let closed = "postern_connections_closed_total{reason=\"configuration_changed\"}"
        #expect(try test.metric(closed) == 1)
    }

    @Test("a certificate that comes into a folder of them counts, and one that goes")
    func folder() throws {
        let manager = FileManager.default
        let test = try ReloadedGateway(
            .epoll,
            prepare: { files in
                try manager.createDirectory(
                    atPath: files + "/trusted", withIntermediateDirectories: false)
                try manager.copyItem(
                    atPath: files + "/ca.pem", toPath: files + "/trusted/old.pem")
            })
        try test.edit(("{file: \(test.files)/ca.pem}", "{sources: [\(test.files)/trusted]}"))
        #expect(try test.reaches(2))
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        let other = try ReloadedGateway.otherCertificates()
        defer { try? manager.removeItem(atPath: other) }
        let new = ["--cert", other + "/client.pem", "--key", other + "/client.key"]
        #expect(try test.gateway.curl("/", certificate: nil, new).status != 0)
        try test.replace("trusted/new.pem", by: other + "/ca.pem")
        #expect(try test.reaches(3))
        #expect(try test.gateway.curl("/", certificate: nil, new).text.contains("CN=client1"))
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        try manager.removeItem(atPath: test.files + "/trusted/old.pem")
        #expect(try test.reaches(4))
        #expect(try test.gateway.curl("/").status != 0)
    }

    @Test("S19 a link swapped two folders up counts as well", arguments: LoopKind.allCases)
    func linked(loop: LoopKind) throws {
        let test = try ReloadedGateway(loop)
        let other = try ReloadedGateway.otherCertificates()
        defer { try? FileManager.default.removeItem(atPath: other) }
        let manager = FileManager.default
        for (folder, source) in [("..1", GatewayUnderTest.certificates), ("..2", other)] {
            try manager.createDirectory(
                atPath: "\(test.files)/\(folder)", withIntermediateDirectories: false)
            try manager.copyItem(
                atPath: source + "/ca.pem", toPath: "\(test.files)/\(folder)/ca.pem")
        }
        try manager.createSymbolicLink(
            atPath: test.files + "/..data", withDestinationPath: "..1")
        try manager.createSymbolicLink(
            atPath: test.files + "/link", withDestinationPath: "..data/ca.pem")
        #expect(unsafe rename(test.files + "/link", test.files + "/ca.pem") == 0)
        // The same bytes by another way are no news.
        test.gateway.signal(SIGHUP)
        #expect(try test.reaches(2))
        #expect(try test.gateway.curl("/").text.contains("CN=client1"))
        try manager.createSymbolicLink(
            atPath: test.files + "/..data_tmp", withDestinationPath: "..2")
        #expect(unsafe rename(test.files + "/..data_tmp", test.files + "/..data") == 0)
        #expect(try test.reaches(3))
        #expect(try test.gateway.curl("/").status != 0)
    }
}
