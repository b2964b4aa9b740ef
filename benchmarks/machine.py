"""The machine: its cores, the tools on it, free ports, and the conditions a result was measured under."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

#: Where Debian keeps servers; not on every user's PATH.
_MORE_PATHS = ("/usr/sbin", "/usr/local/sbin", "/sbin")


@dataclass(frozen=True)
class Cores:
    """Which core the proxy under test runs on, and which the load and the backend; -1 where nothing is pinned."""

    proxy: int
    load: int

    @property
    def pinned(self) -> bool:
        return self.proxy >= 0


def choose_cores(available: list[int], taskset: str | None) -> Cores:
    """Two different cores; with one core only, or without ``taskset``, nothing is pinned."""
    if taskset is None or len(available) < 2:
        return Cores(-1, -1)
    return Cores(available[0], available[1])


def cores() -> Cores:
    """The cores of this run."""
    return choose_cores(sorted(os.sched_getaffinity(0)), tool("taskset"))


def pinned(core: int, argv: list[str]) -> list[str]:
    """``argv`` kept on ``core``; ``taskset`` replaces itself, so the process keeps its number."""
    return argv if core < 0 else ["taskset", "-c", str(core), *argv]


def tool(name: str) -> str | None:
    """The path of a program, or None where it is not installed."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_MORE_PATHS))
    return shutil.which(name, path=path)


def first_line_of(argv: list[str]) -> str:
    """The first line that a command prints, wherever it prints it; empty if there is none."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else ""


def free_port() -> int:
    """A TCP port of the loopback address that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def raise_file_limit() -> int:
    """As many open files as this user may have, for this process and its children; gives that number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def conditions(where: Cores) -> dict[str, object]:
    """What a reader needs to judge the figures."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "proxy_core": where.proxy,
        "load_core": where.load,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "wrk": first_line_of([tool("wrk") or "wrk", "-v"]),
        "load_average_before": os.getloadavg()[0],
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
