"""Processes that are started pinned to a core and ended again, and what the kernel says of them."""

import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
POSTERN = pathlib.Path(os.environ.get("GATEWAY_BINARY", ROOT / ".build/release/postern"))
PROXY_CORE = 0
LOAD_CORE = 1


class Process:
    """A child that is ended when the `with` block is left, together with its own children."""

    def __init__(self, name, command, core, log_path):
        self.name = name
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self._child = subprocess.Popen(
                ["taskset", "-c", str(core), *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    @property
    def is_running(self):
        return self._child.poll() is None

    def pids(self):
        """This process and those it started, to any depth."""
        found = []
        waiting = [self._child.pid] if self.is_running else []
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    waiting += [int(word) for word in task.read_text().split()]
                except OSError:
                    continue  # The thread ended in the meantime.
        return found

    def end(self):
        children = [pid for pid in self.pids() if pid != self._child.pid]
        self._child.terminate()
        try:
            self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(timeout=5)
            subprocess.run(["kill", "-KILL", *map(str, children)], capture_output=True)

    def log_tail(self):
        lines = pathlib.Path(self.log_path).read_text(errors="replace").splitlines()
        return "\n".join(lines[-20:])

    def wait_for(self, condition, what, seconds=10.0):
        """Polls `condition` until it gives something true, and returns that."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            if not self.is_running:
                raise RuntimeError(f"{self.name} ended early:\n{self.log_tail()}")
            time.sleep(0.05)
        raise RuntimeError(f"{self.name}: no {what} after {seconds:.0f} s:\n{self.log_tail()}")

    def run_time(self):
        """CPU seconds of all threads so far, from the scheduler's own count in nanoseconds."""
        total = 0
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                try:
                    total += int(task.read_text().split()[0])
                except OSError:
                    continue  # The thread ended in the meantime.
        return total / 1e9

    def resident_bytes(self):
        total = 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
        return total

    def descriptors(self):
        return sum(len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())) for pid in self.pids())


def core_times():
    """Busy and total ticks of both cores since boot."""
    times = {}
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        words = line.split()
        if words[0] in (f"cpu{PROXY_CORE}", f"cpu{LOAD_CORE}"):
            ticks = list(map(int, words[1:9]))
            idle = ticks[3] + ticks[4]
            times[words[0]] = (sum(ticks) - idle, sum(ticks))
    return times


def utilisation(before, after):
    """Share of the time in which each core was busy, from two readings of `core_times`."""
    return {
        core: (after[core][0] - before[core][0]) / max(after[core][1] - before[core][1], 1)
        for core in before
    }
