import Foundation
import TestSupport
import Testing

/// An S3 service: moto's, on a port of its own.
final class MotoServer {
    private let service: PythonService
    var address: String { service.address }
    /// A folder that goes with it.
    var folder: String { service.folder }

    init() throws { service = try PythonService("moto") { _ in Self.script } }

    /// Makes a bucket, or puts the file at `path` there: `bucket/key`.
    func put(_ name: String, file path: String? = nil) throws {
        let keys = FunctionEndpoint.credentials
        let user = "\(keys["AWS_ACCESS_KEY_ID"] ?? ""):\(keys["AWS_SECRET_ACCESS_KEY"] ?? "")"
        let command = [
            "curl", "-sSf", "--max-time", "20", "--aws-sigv4", "aws:amz:us-east-1:s3",
            "--user", user, "-X", "PUT",
        ]
        let upload = path.map { ["--upload-file", $0] } ?? []
        let output = try GatewayUnderTest.shell(command + upload + ["http://\(address)/\(name)"])
        try #require(output.status == 0, "\(output.text)")
    }

    /// Serves until it is ended, buckets and objects without a check of who asks.
    static let script = """
        import os, sys, time
        from moto.server import ThreadedMotoServer
        server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
        server.start()
        with open(sys.argv[1] + '/new', 'w') as file:
            file.write(str(server.get_host_and_port()[1]))
        os.rename(sys.argv[1] + '/new', sys.argv[1] + '/port')
        time.sleep(3600)
        """
}
