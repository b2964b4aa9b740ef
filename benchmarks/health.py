"""What active health checks cost: 10,000 servers, each checked every 5 seconds, ``python -m benchmarks.health``.

Every server is an address of its own (127.0.0.0/8 is all loopback), behind which one process answers.  The checker
runs here as it does in the master, on the same reactor, and what it costs is this process's own CPU time.  The spread
of first checks takes one interval; what is measured begins after it.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import resource
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dyups.config.checks import CheckSpec
from dyups.health.checker import Checker, Finding, Limits
from dyups.health.polls import polls_of
from dyups.health.wire import Wire
from dyups.interfaces import TcpAddress

REQUEST = b"GET /health HTTP/1.1\r\nHost: health\r\nConnection: keep-alive\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
MODES = {
    "tcp": CheckSpec(type="tcp"),
    "http": CheckSpec(type="http"),
    "http, kept connections": CheckSpec(type="http", send=REQUEST, keepalive_requests=1_000_000),
}


class _Server(asyncio.Protocol):
    """Answers each request, and nothing else."""

    _transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Keep it."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A request is one piece here."""
        self._transport.write(ANSWER)


def serve(listening: socket.socket) -> None:
    """Serve until ended."""
    import uvloop

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(_Server, sock=listening, backlog=4096)
        await server.serve_forever()

    uvloop.run(forever())


def addresses(count: int, port: int) -> list[TcpAddress]:
    """So many servers."""
    return [TcpAddress(f"127.{1 + n // 62500}.{n // 250 % 250}.{1 + n % 250}", port) for n in range(count)]


@dataclass
class Figures:
    """One run."""

    found: list[Finding] = field(default_factory=list)
    checks: int = 0
    cpu: float = 0.0
    """User and system time, in seconds."""
    user: float = 0.0
    seconds: float = 0.0

    def line(self, mode: str) -> str:
        """For the terminal."""
        down = sum(finding.down for finding in {f.address: f for f in self.found}.values())
        return (
            f"{mode:<24} {self.checks / self.seconds:7.0f} checks/s {self.cpu / self.seconds:6.3f} of a core "
            f"{self.cpu / max(1, self.checks) * 1e6:6.1f} us a check, "
            f"{self.user / max(1, self.checks) * 1e6:5.1f} of it our own, {down} down"
        )


def measure(reactor: Any, mode: str, port: int, servers: int, interval: float, seconds: float) -> Figures:
    """Check so many servers for so long."""
    figures = Figures()
    check = MODES[mode]
    spec = CheckSpec(
        check.type, interval, 1, 3, 2.0, send=check.send, keepalive_requests=check.keepalive_requests
    )
    checks = 0

    class Counting(Checker):
        """Counts the checks."""

        def leave(self) -> None:
            """One is over."""
            nonlocal checks
            checks += 1
            super().leave()

    checker = Counting(
        partial(Wire, polls_of(reactor)), reactor, figures.found.extend, _say, Limits(1000, servers + 1000)
    )
    checker.want(b"all", "all", spec, addresses(servers, port), spread=True)
    begun: list[float] = []

    def begin() -> None:
        begun.extend((time.process_time(), time.monotonic(), checks, os.times().user))

    def end() -> None:
        figures.cpu = time.process_time() - begun[0]
        figures.seconds = time.monotonic() - begun[1]
        figures.checks = checks - int(begun[2])
        figures.user = os.times().user - begun[3]
        checker.stop()
        reactor.callLater(0.5, reactor.crash)

    reactor.callLater(interval * 1.2, begin)
    reactor.callLater(interval * 1.2 + seconds, end)
    reactor.run(installSignalHandlers=False)
    return figures


def _say(level: str, text: str) -> None:
    """Ten thousand lines are of no use here."""


def main(arguments: Sequence[str]) -> int:
    """Measure every mode, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.health", description=__doc__)
    parser.add_argument("--servers", type=int, default=10_000)
    parser.add_argument("--interval", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--modes", nargs="*", default=list(MODES), choices=list(MODES))
    asked = parser.parse_args(arguments)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("0.0.0.0", 0))
    listening.listen(4096)
    server = multiprocessing.get_context("fork").Process(target=serve, args=(listening,), daemon=True)
    server.start()
    from dyups.net.reactor import UvloopReactor

    reactor = UvloopReactor()
    for mode in asked.modes:
        figures = measure(
            reactor, mode, listening.getsockname()[1], asked.servers, asked.interval, asked.seconds
        )
        print(figures.line(mode), flush=True)
    server.terminate()
    server.join()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
