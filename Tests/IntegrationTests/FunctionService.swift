import Foundation
import TestSupport
import Testing

/// The Runtime Interface Emulator in Python, or any service that takes an event by POST: keeps
/// each event, and answers as the function would for the event's path.
final class FunctionService {
    private let service: PythonService
    var address: String { service.address }

    init() throws {
        service = try PythonService("function") { _ in Self.script }
    }

    /// The invocations so far: `target` and `event`.
    var invocations: [[String: Any]] {
        service.log.compactMap {
            (try? JSONSerialization.jsonObject(with: $0)) as? [String: Any]
        }
    }

    /// The configuration whose one route asks this function; `keys` are further keys of the
    /// authorizer.
    func configuration(_ keys: String) -> (String, String) -> String {
        { [address] upstream, folder in
            GatewayUnderTest.oneVirtualHost(upstream: upstream, folder: folder)
                .replacing(
                    "all: {path: /, upstream: backend}",
                    with: "all: {path: /, upstream: backend, authorize: function}")
                    + """

                      function: {members: ["\(address)"]}
                    authorizers:
                      function:
                        type: lambda
                        upstream: function
                        timeout: 2s
                        \(keys)\(asksAlways(unless: keys))
                    """
        }
    }

    private static let script = """
        import json, os, sys
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        folder = sys.argv[1]
        def policy(effect, resource):
            return {'principalId': 'zoe', 'context': {'level': 7, 'team': 'a'},
                    'policyDocument': {'Version': '2012-10-17', 'Statement': [
                        {'Action': 'execute-api:Invoke', 'Effect': effect, 'Resource': resource}]}}
        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def log_message(self, *_): pass
            def do_POST(self):
                event = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
                with open(folder + '/log', 'a') as log:
                    log.write(json.dumps({'target': self.path, 'event': event}) + '\\n')
                name = event.get('routeArn') or event['methodArn']
                kind = name.split('/', 3)[3].split('/')[0]
                answer = {
                    'deny': policy('Deny', '*'), 'other': policy('Allow', name + '/other'),
                    'unauthorized': {'errorType': 'Error', 'errorMessage': 'Unauthorized'},
                    'broken': {'principalId': 'zoe'},
                    'failed': {'errorType': 'Error', 'errorMessage': 'boom'},
                    'illegal': {**policy('Allow', '*'), 'context': {'level': 'a\\r\\nX-Evil: 1'}},
                    'pets': policy('Allow', '*/pets/*'),
                    'simple': {'isAuthorized': True, 'context': {'level': 7}},
                    'refused': {'isAuthorized': False},
                }.get(kind, policy('Allow', '*'))
                body = b'no json' if kind == 'text' else json.dumps(answer).encode()
                self.send_response(200)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)
        server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        open(folder + '/port.new', 'w').write(str(server.server_address[1]))
        os.rename(folder + '/port.new', folder + '/port')
        server.serve_forever()
        """
}
