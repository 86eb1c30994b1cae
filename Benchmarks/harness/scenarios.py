"""The scenarios, and one measured run of one of them."""

import dataclasses
import json
import subprocess
import time

from .processes import LOAD_CORE, core_times, utilisation
from .proxies import LOAD_GENERATOR

MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    connections: int
    arguments: tuple = ()
    response_bytes: int = 1024
    # Whether connections are opened once and kept: then their handshakes are not measured.
    keeps_connections: bool = True


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
)


class LoadError(Exception):
    """The load generator failed, or some of its requests did."""


def load_command(directory, port, connections, seconds, arguments=()):
    return [
        "taskset", "-c", str(LOAD_CORE), str(LOAD_GENERATOR),
        "--target", f"127.0.0.1:{port}", "--server-name", "localhost",
        "--ca", str(directory / "ca.pem"), "--cert", str(directory / "client.pem"),
        "--key", str(directory / "client.key"), "--connections", str(connections),
        "--duration", str(seconds), "--header-bytes", "700", "--path", "/benchmark",
        "--json", *arguments,
    ]


def parse_load(name, output, may_be_idle=False):
    """The load generator's figures, or an error if not every request was answered."""
    try:
        figures = json.loads(output.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        figures = json.loads(output) if output.strip().startswith("{") else None
    if figures is None:
        raise LoadError(f"{name}: the load generator printed no figures")
    if figures["errors"] or not (figures["requests"] or may_be_idle):
        raise LoadError(f"{name}: {figures['errors']} errors, {figures['requests']} requests")
    return figures


def load(scenario, name, directory, port, seconds):
    """One run of the load generator."""
    command = load_command(
        directory, port, scenario.connections, seconds, scenario.arguments
    )
    return _finished(f"{scenario.name} through {name}", command, seconds)


def _finished(name, command, seconds, may_be_idle=False):
    result = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if result.returncode != 0:
        raise LoadError(f"{name}: {result.stderr.strip()[-2000:]}")
    return parse_load(name, result.stdout, may_be_idle)


def _opening_command(scenario, directory, port):
    """Opens and closes the scenario's connections, for what that alone costs."""
    return load_command(directory, port, scenario.connections, 1, ("--hold-idle",))


def measure(scenario, name, process, directory, port, seconds):
    """CPU microseconds of the proxy per request, with what else one run shows.

    A run begins with the handshakes of its connections. Where they are not what is measured, a
    run that only opens as many connections goes first, and its cost is subtracted.
    """
    opening_cpu, opening_requests = 0.0, 0
    if scenario.keeps_connections:
        before = process.run_time()
        command = _opening_command(scenario, directory, port)
        opening = _finished(f"opening through {name}", command, 1, may_be_idle=True)
        opening_cpu, opening_requests = process.run_time() - before, opening["requests"]
    cores = core_times()
    before = process.run_time()
    figures = load(scenario, name, directory, port, seconds)
    cpu = process.run_time() - before
    busy = utilisation(cores, core_times())
    requests = figures["requests"] - opening_requests
    if requests <= 0 or cpu <= opening_cpu:
        raise LoadError(f"{scenario.name} through {name}: too few requests to measure")
    return {
        "cpuMicroseconds": (cpu - opening_cpu) / requests * 1e6,
        "openingCPUMilliseconds": opening_cpu * 1e3,
        "requests": figures["requests"],
        "requestsPerSecond": figures["requests"] / figures["seconds"],
        "p50us": figures["p50us"],
        "p99us": figures["p99us"],
        "proxyCore": busy["cpu0"],
        "loadCore": busy["cpu1"],
    }


def system_calls(scenario, name, process, directory, port, seconds):
    """System calls per request, or None where perf may not count them."""
    calls, requests = 0, 0
    if scenario.keeps_connections:
        command = _opening_command(scenario, directory, port)
        counted = _counted(f"opening through {name}", process, command, 1)
        if counted is None:
            return None
        calls, requests = -counted[0], -counted[1]
    command = load_command(
        directory, port, scenario.connections, seconds, scenario.arguments
    )
    counted = _counted(f"{scenario.name} through {name}", process, command, seconds)
    if counted is None:
        return None
    return (calls + counted[0]) / max(requests + counted[1], 1)


def _counted(name, process, command, seconds):
    """System calls of the proxy and requests while `command` runs."""
    counting = [
        "perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter",
        "-p", ",".join(map(str, process.pids())), "--", *command,
    ]
    try:
        result = subprocess.run(counting, capture_output=True, text=True, timeout=seconds + 60)
    except FileNotFoundError:
        return None
    lines = [line for line in result.stderr.splitlines() if "raw_syscalls" in line]
    if result.returncode != 0 or not lines or not lines[0].split(",")[0].isdigit():
        return None
    return int(lines[0].split(",")[0]), parse_load(name, result.stdout, True)["requests"]


def idle_bytes(name, process, directory, port, connections, seconds=60):
    """Resident bytes that one idle connection takes, from `connections` of them held open."""
    before_bytes, before_descriptors = process.resident_bytes(), process.descriptors()
    command = load_command(directory, port, connections, seconds, ("--hold-idle",))
    holder = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + seconds
        while process.descriptors() < before_descriptors + connections:
            if time.monotonic() > deadline or holder.poll() is not None:
                raise LoadError(
                    f"{name}: {process.descriptors() - before_descriptors} of {connections} "
                    "idle connections were open when the time was over"
                )
            time.sleep(0.2)
        # The last ones are still in their handshakes; after that nothing happens any more.
        time.sleep(3)
        after = process.resident_bytes()
        if holder.poll() is not None:
            raise LoadError(f"{name}: the idle connections did not stay open")
        return (after - before_bytes) / connections
    finally:
        holder.terminate()
        try:
            holder.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            holder.kill()
            holder.communicate(timeout=5)
