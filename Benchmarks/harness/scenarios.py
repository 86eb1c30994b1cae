"""The scenarios, and one measured run of one of them."""

import contextlib
import dataclasses
import http.client
import json
import statistics
import subprocess
import time

from . import proxies
from .certificates import CLIENT_LIST
from .processes import LOAD_CORE, core_times, utilisation
from .proxies import LOAD_GENERATOR

MIB = 1 << 20
# Of the handshakes that could resume a session; a proxy may refuse one now and then.
RESUMED_SHARE = 0.99


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    connections: int
    arguments: tuple = ()
    response_bytes: int = 1024
    # Whether connections are opened once and kept: then their handshakes are not measured.
    keeps_connections: bool = True
    # How many client certificates are used in turn; 0 for one alone, `client`.
    client_certificates: int = 0
    # The client's chain and key, and the root above them that the proxies trust.
    client: str = "client"
    trust: str = "ca.pem"
    # Whether the handshakes resume sessions.
    resumes: bool = False
    # Settings of Postern alone, each KEY=VALUE.
    overrides: tuple = ()
    # Whether a service is asked about each request before it is forwarded.
    asks_service: bool = False
    # The proxies that can do the job; None for all.
    peers: tuple | None = None

    def command(self, directory, port, seconds):
        """The load generator's command of one run."""
        arguments = self.arguments
        if self.client_certificates:
            arguments += ("--cert-list", str(directory / CLIENT_LIST))
        return load_command(
            directory, port, self.connections, seconds, arguments, self.client
        )

    def start(self, name, directory, backend_port, service_port=None):
        """Starts a proxy for this scenario; settings that this build has not are left out."""
        unknown = self.unknown_overrides()
        overrides = tuple(one for one in self.overrides if one not in unknown)
        return proxies.start(
            name, directory, backend_port, self.trust, overrides, service_port=service_port
        )

    def start_service(self, directory):
        """Starts the service that is asked, in a list, and its port; nothing where none is."""
        if not self.asks_service:
            return [], None
        process, port = proxies.start_backend(directory, LOAD_CORE, 0)
        return [process], port

    def unknown_overrides(self):
        return [one for one in self.overrides if not proxies.knows(one.split("=")[0])]


SCENARIOS = (
    Scenario("keepalive", "keep-alive GET, 64 connections", 64),
    Scenario("keepalive4", "keep-alive GET, 4 connections", 4),
    Scenario("openloop", "open loop, 2,000 requests/s", 64, ("--rate", "2000")),
    Scenario("download", "1 MiB download", 16, response_bytes=MIB),
    Scenario("upload", "1 MiB upload", 16, ("--upload-bytes", str(MIB))),
    Scenario(
        "handshake", "handshake + 1 GET", 16, ("--new-connection-per-request",),
        keeps_connections=False,
    ),
    Scenario(
        "handshake1000", "handshake + 1 GET, 1,000 client certificates", 16,
        ("--new-connection-per-request",), keeps_connections=False, client_certificates=1000,
    ),
    Scenario(
        "handshakersa", "handshake + 1 GET, RSA-2048 client chain", 16,
        ("--new-connection-per-request",), keeps_connections=False,
        client="rsa-client", trust="rsa-ca.pem",
    ),
    Scenario(
        "resume", "resumed handshake + 1 GET", 16, ("--new-connection-per-request", "--resume"),
        keeps_connections=False, resumes=True,
        # Its connections share one certificate, and each comes back with a session of its own.
        overrides=("tls.sessionsPerCertificate=64",),
    ),
    Scenario(
        "authorized", "keep-alive GET, a service is asked about each", 64,
        asks_service=True, peers=("io_uring", "epoll", "nginx"),
    ),
    Scenario(
        "cold", "handshake + 1 GET, Postern's validation cache off", 16,
        ("--new-connection-per-request",), keeps_connections=False,
        overrides=("tls.validationCache.capacity=0",),
    ),
)

# What a slow reader asks for and how fast it takes it: nobody's buffers should hold that much.
SLOW_BODY_BYTES = 100 * MIB
SLOW_BYTES_PER_SECOND = 64 << 10


class LoadError(Exception):
    """The load generator failed, or some of its requests did."""


def load_command(directory, port, connections, seconds, arguments=(), client="client"):
    return [
        "taskset", "-c", str(LOAD_CORE), str(LOAD_GENERATOR),
        "--target", f"127.0.0.1:{port}", "--server-name", "localhost",
        "--ca", str(directory / "ca.pem"), "--cert", str(directory / f"{client}.pem"),
        "--key", str(directory / f"{client}.key"), "--connections", str(connections),
        "--duration", str(seconds), "--header-bytes", "700", "--path", "/benchmark",
        "--json", *arguments,
    ]


def parse_figures(name, output):
    """The load generator's figures."""
    try:
        figures = json.loads(output.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        figures = json.loads(output) if output.strip().startswith("{") else None
    if figures is None:
        raise LoadError(f"{name}: the load generator printed no figures")
    return figures


def parse_load(name, output, may_be_idle=False):
    """The load generator's figures, or an error if not every request was answered."""
    figures = parse_figures(name, output)
    if figures["errors"] or not (figures["requests"] or may_be_idle):
        raise LoadError(
            f"{name}: {figures['errors']} errors ({figures['errorKinds']}), "
            f"{figures['requests']} requests"
        )
    return figures


def load(scenario, name, directory, port, seconds):
    """One run of the load generator."""
    command = scenario.command(directory, port, seconds)
    figures = _finished(f"{scenario.name} through {name}", command, seconds)
    if scenario.resumes:
        _check_resumed(f"{scenario.name} through {name}", figures)
    return figures


def _check_resumed(name, figures):
    """A measurement of resumed handshakes is none where the proxy prefers full ones."""
    resumed = figures["resumed"]
    possible = figures["handshakes"] - figures["firstHandshakes"]
    if possible <= 0 or resumed < RESUMED_SHARE * possible:
        raise LoadError(f"{name}: {resumed} of {possible} handshakes were resumed")


def _finished(name, command, seconds, may_be_idle=False):
    result = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if result.returncode != 0:
        raise LoadError(f"{name}: {result.stderr.strip()[-2000:]}")
    return parse_load(name, result.stdout, may_be_idle)


def _opening_command(scenario, directory, port):
    """Opens and closes the scenario's connections, for what that alone costs."""
    return load_command(
        directory, port, scenario.connections, 1, ("--hold-idle",), scenario.client
    )


def answers(backend_port):
    """How many requests the backend answered so far, by its own count."""
    connection = http.client.HTTPConnection("127.0.0.1", backend_port, timeout=10)
    try:
        connection.request("GET", "/postern-echo-count")
        return int(connection.getresponse().read())
    finally:
        connection.close()


def measure(
    scenario, name, process, directory, port, backend_port, seconds, service_port=None
):
    """CPU microseconds of the proxy per request that reached the backend, with what else one run
    shows.

    Where connections are kept, each begins with a handshake and a GET that the load generator
    does not measure. A run that does only this goes first, and what it cost is subtracted.
    """
    opening_cpu, opening_answers = 0.0, 0
    if scenario.keeps_connections:
        counted = answers(backend_port)
        before = process.run_time()
        command = _opening_command(scenario, directory, port)
        _finished(f"opening through {name}", command, 1, may_be_idle=True)
        opening_cpu = process.run_time() - before
        opening_answers = answers(backend_port) - counted
    counted = answers(backend_port)
    asked = answers(service_port) if service_port else 0
    cores = core_times()
    before = process.run_time()
    figures = load(scenario, name, directory, port, seconds)
    cpu = process.run_time() - before
    busy = utilisation(cores, core_times())
    answered = answers(backend_port) - counted
    if answered < figures["requests"] + figures["warmUps"]:
        raise LoadError(f"{scenario.name} through {name}: not every answer is the backend's")
    if service_port and answers(service_port) - asked < answered:
        raise LoadError(f"{scenario.name} through {name}: the service was not always asked")
    requests = answered - opening_answers
    if requests <= 0 or cpu <= opening_cpu:
        raise LoadError(f"{scenario.name} through {name}: too few requests to measure")
    return {
        "cpuMicroseconds": (cpu - opening_cpu) / requests * 1e6,
        "openingCPUMilliseconds": opening_cpu * 1e3,
        "requests": figures["requests"],
        "answersOfBackend": answered,
        "requestsPerSecond": figures["requests"] / figures["seconds"],
        "p50us": figures["p50us"],
        "p99us": figures["p99us"],
        "proxyCore": busy["cpu0"],
        "loadCore": busy["cpu1"],
        "handshakes": figures["handshakes"],
        "resumedHandshakes": figures["resumed"],
    }


def system_calls(scenario, name, process, directory, port, backend_port, seconds):
    """System calls per request, or None where perf may not count them."""
    calls, requests = 0, 0
    if scenario.keeps_connections:
        command = _opening_command(scenario, directory, port)
        counted = _counted(f"opening through {name}", process, command, backend_port, 1)
        if counted is None:
            return None
        calls, requests = -counted[0], -counted[1]
    command = scenario.command(directory, port, seconds)
    counted = _counted(f"{scenario.name} through {name}", process, command, backend_port, seconds)
    if counted is None:
        return None
    return (calls + counted[0]) / max(requests + counted[1], 1)


def _counted(name, process, command, backend_port, seconds):
    """System calls of the proxy and requests that reached the backend while `command` runs."""
    counting = [
        "perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter",
        "-p", ",".join(map(str, process.pids())), "--", *command,
    ]
    before = answers(backend_port)
    try:
        result = subprocess.run(counting, capture_output=True, text=True, timeout=seconds + 60)
    except FileNotFoundError:
        return None
    lines = [line for line in result.stderr.splitlines() if "raw_syscalls" in line]
    if result.returncode != 0 or not lines or not lines[0].split(",")[0].isdigit():
        return None
    parse_load(name, result.stdout, True)
    return int(lines[0].split(",")[0]), answers(backend_port) - before


def slow_readers(name, process, directory, port, readers, seconds):
    """Resident memory of the proxy while `readers` read large bodies slowly: the most per reader,
    and how it grows once all have begun, in bytes per second."""
    before = process.resident_bytes()
    command = load_command(
        directory, port, readers, seconds, ("--read-rate", str(SLOW_BYTES_PER_SECOND))
    )
    start = time.monotonic()
    load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    times, sizes = [], []
    try:
        while load.poll() is None and time.monotonic() < start + seconds + 60:
            # A last reading after the load has gone would show what was given back.
            time.sleep(min(1, seconds / 4))
            if load.poll() is None:
                times.append(time.monotonic() - start)
                sizes.append(process.resident_bytes())
    finally:
        if load.poll() is None:
            load.kill()
        output, errors = load.communicate(timeout=10)
    if load.returncode != 0 or len(sizes) < 2:
        raise LoadError(f"{name}: slow readers: {errors.strip()[-2000:]}")
    figures = parse_load(name, output, may_be_idle=True)
    if figures["held"] < readers or not figures["bytesIn"]:
        raise LoadError(f"{name}: {figures['held']} of {readers} slow readers were left")
    half = len(sizes) // 2 if len(sizes) > 3 else 0
    return {
        "bytesPerReader": (max(sizes) - before) / readers,
        "mostBytes": max(sizes),
        "growthPerSecond": statistics.linear_regression(times[half:], sizes[half:]).slope,
        "bytesRead": figures["bytesIn"],
        "samples": sizes,
    }


def idle_bytes(name, process, directory, port, connections, seconds=60):
    """Resident bytes that one idle connection takes, from `connections` of them held open."""
    before = process.resident_bytes()
    with idle_connections(name, process, directory, port, connections, seconds) as holder:
        after = process.resident_bytes()
        if holder.poll() is not None:
            raise LoadError(f"{name}: the idle connections did not stay open")
        return (after - before) / connections


@contextlib.contextmanager
def idle_connections(name, process, directory, port, connections, seconds=60):
    """Holds `connections` open that have had their handshake and do nothing; gives their owner."""
    before = process.descriptors()
    command = load_command(directory, port, connections, seconds, ("--hold-idle",))
    holder = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + seconds
        while process.descriptors() < before + connections:
            if time.monotonic() > deadline or holder.poll() is not None:
                raise LoadError(
                    f"{name}: {process.descriptors() - before} of {connections} "
                    "idle connections were open when the time was over"
                )
            time.sleep(0.2)
        # The last ones are still in their handshakes; after that nothing happens any more.
        time.sleep(3)
        yield holder
    finally:
        holder.terminate()
        try:
            holder.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            holder.kill()
            holder.communicate(timeout=5)
