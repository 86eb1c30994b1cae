"""The certificates that every proxy under test uses: root, intermediate, server, client, all P-256
unless the name says RSA."""

import concurrent.futures
import pathlib
import subprocess
import time

from .processes import POSTERN

CLIENT_SUBJECT = "CN=client1"
# Lines "chain.pem key.pem", as the load generator's --cert-list reads them.
CLIENT_LIST = "clients.list"
# The revocation list of the intermediate.
CRL = "intermediate.crl"

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
    _join_server(directory)


def make_rsa(directory: pathlib.Path) -> None:
    """Adds rsa-ca.pem, and rsa-client.pem (with its intermediate) and rsa-client.key below it: all
    RSA with 2,048 bits."""
    for name, subject, extensions, signer in (
        ("rsa-ca", "/CN=Benchmark RSA root", _ROOT, None),
        ("rsa-intermediate", "/CN=Benchmark RSA intermediate", _INTERMEDIATE, "rsa-ca"),
        ("rsa-client", "/CN=client1", _CLIENT, "rsa-intermediate"),
    ):
        _issue(directory, name, subject, extensions, signer, rsa=True)
    path = directory / "rsa-client.pem"
    path.write_text(path.read_text() + (directory / "rsa-intermediate.pem").read_text())


def make_crl(directory: pathlib.Path, entries: int) -> None:
    """Adds the intermediate's revocation list with `entries` serial numbers, none of a client."""
    folder = directory / "crl"
    folder.mkdir(exist_ok=True)
    now = time.gmtime()
    revoked = time.strftime("%y%m%d%H%M%SZ", now)
    # Sixteen bytes, as certificate authorities have them; a client's own is random.
    lines = (
        f"R\t491231235959Z\t{revoked}\t7F{number:030X}\tunknown\t/CN=revoked{number}\n"
        for number in range(1, entries + 1)
    )
    (folder / "index.txt").write_text("".join(lines))
    (folder / "number").write_text("01\n")
    section = folder / "openssl.cnf"
    section.write_text(
        f"[ca]\ndefault_ca=here\n[here]\ndatabase={folder}/index.txt\n"
        f"crlnumber={folder}/number\ndefault_md=sha256\ncrl_extensions=list\n"
        "[list]\nauthorityKeyIdentifier=keyid:always\n"
    )
    _openssl(
        "ca", "-config", section, "-gencrl", "-crldays", "2",
        "-cert", directory / "intermediate.pem", "-keyfile", directory / "intermediate.key",
        "-out", directory / CRL, timeout=300,
    )


def make_clients(directory: pathlib.Path, count: int) -> None:
    """Adds `count` client certificates, each with a key and a name of its own, and their list."""
    folder = directory / "clients"
    folder.mkdir(exist_ok=True)
    intermediate = (directory / "intermediate.pem").read_text()
    section = folder / "openssl.cnf"
    section.write_text(f"[req]\ndistinguished_name=name\n[name]\n[leaf]\n{_CLIENT}")

    def make_one(number):
        key, chain = folder / f"{number}.key", folder / f"{number}.pem"
        # One process for all three steps: a thousand of them take seconds, not a minute.
        _openssl(
            "req", "-x509", "-sha256", "-days", "2", "-config", section, "-extensions", "leaf",
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN=client{number}", "-CA", directory / "intermediate.pem",
            "-CAkey", directory / "intermediate.key", "-keyout", key, "-out", chain,
        )
        chain.write_text(chain.read_text() + intermediate)
        return f"{chain} {key}\n"

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as makers:
        lines = list(makers.map(make_one, range(1, count + 1)))
    (directory / CLIENT_LIST).write_text("".join(lines))


def make_many(directory: pathlib.Path, count: int) -> None:
    """Writes certificates of Postern's own making, with `count` clients that share one key and
    their list: tens of thousands take seconds. client.pem has no intermediate here."""
    result = subprocess.run(
        [POSTERN, "certificates", "test", "--output", directory, "--clients", str(count)],
        capture_output=True, text=True, timeout=300,
    )
    if result.returncode != 0:
        raise RuntimeError(f"certificates: {result.stderr.strip()}")
    _join_server(directory)


def _join_server(directory):
    both = (directory / "server.pem").read_text() + (directory / "server.key").read_text()
    (directory / "server-and-key.pem").write_text(both)


def _issue(directory, name, subject, extensions, signer, rsa=False):
    key, request, certificate = (directory / f"{name}.{end}" for end in ("key", "csr", "pem"))
    extension_file = directory / f"{name}.ext"
    extension_file.write_text(extensions)
    if rsa:
        _openssl("genrsa", "-out", key, "2048")
    else:
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


def _openssl(*arguments, timeout=30):
    command = ["openssl", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
