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


def parse_load(name, output):
    """The load generator's figures, or an error if not every request was answered."""
    try:
        figures = json.loads(output.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        figures = json.loads(output) if output.strip().startswith("{") else None
    if figures is None:
        raise LoadError(f"{name}: the load generator printed no figures")
    if figures["errors"] or not figures["requests"]:
        raise LoadError(f"{name}: {figures['errors']} errors, {figures['requests']} requests")
    return figures


def load(scenario, name, directory, port, seconds):
    """One run of the load generator."""
    command = load_command(
        directory, port, scenario.connections, seconds, scenario.arguments
    )
    result = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if result.returncode != 0:
        raise LoadError(f"{scenario.name} through {name}: {result.stderr.strip()[-2000:]}")
    return parse_load(f"{scenario.name} through {name}", result.stdout)


def measure(scenario, name, process, directory, port, seconds):
    """CPU microseconds of the proxy per request, with what else one run shows.

    A run begins with the handshakes of its connections. Where they are not what is measured, a
    short run goes first and is subtracted, which leaves the requests of the longer one.
    """
    lead_cpu, lead_requests = 0.0, 0
    if scenario.keeps_connections:
        before = process.run_time()
        lead_requests = load(scenario, name, directory, port, 1)["requests"]
        lead_cpu = process.run_time() - before
    cores = core_times()
    before = process.run_time()
    figures = load(scenario, name, directory, port, seconds + (1 if lead_requests else 0))
    cpu = process.run_time() - before
    busy = utilisation(cores, core_times())
    requests = figures["requests"] - lead_requests
    if requests <= 0:
        raise LoadError(f"{scenario.name} through {name}: a longer run had fewer requests")
    return {
        "cpuMicroseconds": (cpu - lead_cpu) / requests * 1e6,
        "requestsPerSecond": figures["requests"] / figures["seconds"],
        "p50us": figures["p50us"],
        "p99us": figures["p99us"],
        "proxyCore": busy["cpu0"],
        "loadCore": busy["cpu1"],
    }


def system_calls(scenario, name, process, directory, port, seconds):
    """System calls per request, or None where perf may not count them."""
    counts = []
    for duration in (1, 1 + seconds):
        command = load_command(
            directory, port, scenario.connections, duration, scenario.arguments
        )
        counting = [
            "perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter",
            "-p", ",".join(map(str, process.pids())), "--", *command,
        ]
        try:
            result = subprocess.run(
                counting, capture_output=True, text=True, timeout=duration + 60
            )
        except FileNotFoundError:
            return None
        lines = [line for line in result.stderr.splitlines() if "raw_syscalls" in line]
        if result.returncode != 0 or not lines or not lines[0].split(",")[0].isdigit():
            return None
        requests = parse_load(f"{scenario.name} through {name}", result.stdout)["requests"]
        counts.append((int(lines[0].split(",")[0]), requests))
    if not scenario.keeps_connections:
        return counts[1][0] / counts[1][1]
    return (counts[1][0] - counts[0][0]) / max(counts[1][1] - counts[0][1], 1)


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
