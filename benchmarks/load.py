"""``wrk`` as the load: how it is started, and what it reports.

A few lines of Lua make it print its figures in full at the end; with nothing else in the script the requests are
built once, so the script costs the load generator nothing.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.machine import pinned, tool

_MARK = "figures"

_DONE = f"""
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format("{_MARK} requests=%d duration=%d bytes=%d p50=%d p99=%d " ..
    "connect=%d read=%d write=%d timeout=%d status=%d",
    summary.requests, summary.duration, summary.bytes, latency:percentile(50.0), latency:percentile(99.0),
    e.connect, e.read, e.write, e.timeout, e.status))
end
"""


class LoadFailed(Exception):
    """``wrk`` reported nothing; the argument says what it printed."""


@dataclass(frozen=True)
class Load:
    """What to ask for."""

    path: str = "/small"
    connections: int = 32
    host: str = "backend"
    script: str = ""
    """Lua that is run before the first request."""
    headers: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class LoadResult:
    """What came of it; times in seconds."""

    requests: int
    """Answers of every status."""
    seconds: float
    bytes: int
    p50: float
    p99: float
    errors: dict[str, int]
    """By kind, those that occurred: connect, read, write, timeout; status counts answers of 400 and more."""

    @property
    def failed(self) -> int:
        """All errors together."""
        return sum(self.errors.values())

    @property
    def served(self) -> int:
        """Good answers."""
        return self.requests - self.errors.get("status", 0)


def parse_figures(output: str) -> LoadResult:
    """Read the line that our script printed; raises :class:`LoadFailed`."""
    for line in output.splitlines():
        if line.startswith(_MARK + " "):
            found = {name: int(value) for name, _, value in (w.partition("=") for w in line.split()[1:])}
            errors = {k: found[k] for k in ("connect", "read", "write", "timeout", "status") if found[k]}
            return LoadResult(
                found["requests"],
                found["duration"] / 1e6,
                found["bytes"],
                found["p50"] / 1e6,
                found["p99"] / 1e6,
                errors,
            )
    raise LoadFailed(output.strip()[-300:])


def wrk_command(load: Load, port: int, seconds: int, script: Path) -> list[str]:
    """One thread: the other core's work is not to be had for less."""
    argv = [tool("wrk") or "wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "10s"]
    for header in (f"Host: {load.host}", *load.headers):
        argv += ["-H", header]
    return [*argv, "-s", str(script), f"http://127.0.0.1:{port}{load.path}"]


def run_wrk(load: Load, port: int, seconds: int, core: int, folder: Path) -> LoadResult:
    """Put ``load`` on ``port`` for whole ``seconds``; raises :class:`LoadFailed`."""
    script = folder / "load.lua"
    script.write_text(load.script + _DONE)
    argv = pinned(core, wrk_command(load, port, seconds, script))
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 20, check=False)
    except subprocess.TimeoutExpired:
        raise LoadFailed(f"wrk had not ended {seconds + 20} s after it began") from None
    return parse_figures(done.stdout + done.stderr)
