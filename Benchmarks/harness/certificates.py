"""The P-256 certificates that every proxy under test uses: root, intermediate, server, client."""

import pathlib
import subprocess

CLIENT_SUBJECT = "CN=client1"

_ROOT = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
_INTERMEDIATE = (
    "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
)
_SERVER = (
    "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
    "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
)
_CLIENT = (
    "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
    "extendedKeyUsage=clientAuth\n"
)


def make(directory: pathlib.Path) -> None:
    """Writes ca.pem, server.pem, server.key, client.pem, client.key; leaves come with their
    intermediate, and server-and-key.pem is both in one file, as HAProxy wants it."""
    _issue(directory, "ca", "/CN=Benchmark root", _ROOT, signer=None)
    _issue(directory, "intermediate", "/CN=Benchmark intermediate", _INTERMEDIATE, signer="ca")
    _issue(directory, "server", "/CN=localhost", _SERVER, signer="intermediate")
    _issue(directory, "client", "/CN=client1", _CLIENT, signer="intermediate")
    intermediate = (directory / "intermediate.pem").read_text()
    for leaf in ("server", "client"):
        path = directory / f"{leaf}.pem"
        path.write_text(path.read_text() + intermediate)
    both = (directory / "server.pem").read_text() + (directory / "server.key").read_text()
    (directory / "server-and-key.pem").write_text(both)


def _issue(directory, name, subject, extensions, signer):
    key, request, certificate = (directory / f"{name}.{end}" for end in ("key", "csr", "pem"))
    extension_file = directory / f"{name}.ext"
    extension_file.write_text(extensions)
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    _openssl("req", "-new", "-sha256", "-key", key, "-subj", subject, "-out", request)
    signing = ["-signkey", key]
    if signer:
        signing = [
            "-CA", directory / f"{signer}.pem", "-CAkey", directory / f"{signer}.key",
            "-CAcreateserial",
        ]
    _openssl(
        "x509", "-req", "-sha256", "-days", "2", "-in", request, *signing,
        "-extfile", extension_file, "-out", certificate,
    )


def _openssl(*arguments):
    command = ["openssl", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
