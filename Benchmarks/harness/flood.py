"""Established connections while a flood of half-open handshakes goes on beside them."""

import json
import os
import subprocess
import time

from .processes import LOAD_CORE, core_times, utilisation
from .proxies import LOAD_GENERATOR
from .scenarios import LoadError, load_command, parse_figures

CONNECTIONS = 64
RATE = 1000
# Half-open connections at once.
FLOODERS = 256
# Seconds between the opening of the established connections and the measurement: the flood
# begins in them.
SETTLING = 2
TITLE = f"{RATE:,} requests/s on {CONNECTIONS} connections, without and with a handshake flood"


def measure(name, directory, port, seconds):
    """Latencies of one run without and one with the flood, and what the flood came to."""
    quiet, _ = _run(name, directory, port, seconds, flooded=False)
    cores = core_times()
    flooded, flood = _run(name, directory, port, seconds, flooded=True)
    busy = utilisation(cores, core_times())
    return {
        "quietP50us": quiet["p50us"],
        "quietP99us": quiet["p99us"],
        "floodedP50us": flooded["p50us"],
        "floodedP99us": flooded["p99us"],
        "unanswered": flooded["errors"],
        "hellosPerSecond": flood["hellos"] / flood["seconds"],
        "answeredPerSecond": flood["answered"] / flood["seconds"],
        "refusedPerSecond": flood["refused"] / flood["seconds"],
        "proxyCore": busy["cpu0"],
        "loadCore": busy["cpu1"],
    }


def _run(name, directory, port, seconds, flooded):
    command = load_command(
        directory, port, CONNECTIONS, seconds, ("--rate", str(RATE), "--settle", str(SETTLING))
    )
    children = [_start(command)]
    try:
        if flooded:
            _wait_for_connections(name, children[0])
            children.append(_start(_flood_command(directory, port, seconds)))
        outputs = [child.communicate(timeout=seconds + 60) for child in children]
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
                child.communicate(timeout=10)
    for child, (_, errors) in zip(children, outputs, strict=True):
        if child.returncode != 0:
            raise LoadError(f"flood of {name}: {errors.strip()[-2000:]}")
    figures = parse_figures(f"flood of {name}", outputs[0][0])
    # What is not answered in time is what a flood may do; anything else is a fault.
    if set(figures["errorKinds"]) - ({"unanswered"} if flooded else set()):
        raise LoadError(f"flood of {name}: {figures['errorKinds']}")
    return figures, json.loads(outputs[1][0]) if flooded else None


def _start(command):
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _wait_for_connections(name, load):
    """Until the load generator has opened all; the last ones have half a second to shake hands."""
    deadline = time.monotonic() + 30
    while len(os.listdir(f"/proc/{load.pid}/fd")) < CONNECTIONS:
        if time.monotonic() > deadline or load.poll() is not None:
            raise LoadError(f"flood of {name}: the established connections did not open")
        time.sleep(0.02)
    time.sleep(0.5)


def _flood_command(directory, port, seconds):
    """All that the load and the backend leave of their core, so that they are not slowed down."""
    return [
        "chrt", "--idle", "0", "taskset", "-c", str(LOAD_CORE), str(LOAD_GENERATOR),
        "--target", f"127.0.0.1:{port}", "--server-name", "localhost",
        "--ca", str(directory / "ca.pem"), "--flood-hellos", "100000000",
        "--connections", str(FLOODERS), "--duration", str(SETTLING + seconds), "--json",
    ]
