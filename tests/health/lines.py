"""Connections in memory, and a checker on them: what the tests of this folder share."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from dyups.config.checks import CheckSpec
from dyups.health.checker import LIMITS, Checker, Finding, Limits
from dyups.health.wire import End
from dyups.interfaces import Address, TcpAddress

ONE, TWO = TcpAddress("10.0.0.1", 80), TcpAddress("10.0.0.2", 80)
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class MemoryLine:
    """A connection that the test accepts or refuses, and that notes what is written."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.address: Address | None = None
        self.written = b""
        self.closed = False

    def dial(self, address: Address) -> None:
        self.address = address

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data

    def close(self) -> None:
        assert not self.closed
        self.closed = True

    def accept(self) -> MemoryLine:
        """The connection stands."""
        self.end.connected()
        return self

    def say(self, data: bytes) -> None:
        """The server sends."""
        self.end.received(data)

    def hang_up(self) -> None:
        """The server closes."""
        self.closed = True
        self.end.lost()


class World:
    """A checker whose connections, clock and log are the test's."""

    def __init__(self, limits: Limits = LIMITS, draw: float = 0.5) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.lines: list[MemoryLine] = []
        self.said: list[tuple[str, str]] = []
        self.told: list[list[Finding]] = []
        self.checker = Checker(
            self.line,
            self.clock,
            self.told.append,
            lambda *said: self.said.append(said),
            limits,
            lambda: draw,
        )

    def line(self, end: End) -> MemoryLine:
        self.lines.append(MemoryLine(end))
        return self.lines[-1]

    def want(
        self, *addresses: Address, name: str = "app", check: CheckSpec | None = None, **more: Any
    ) -> None:
        """Check these servers of an upstream, every 5 seconds, 2 to rise and 2 to fall unless said otherwise."""
        check = check or CheckSpec(interval=5.0, rise=2, fall=2, timeout=1.0)
        self.checker.want(name.encode(), name, check, addresses, **more)

    def pass_time(self, seconds: float) -> None:
        """In small steps, as time passes."""
        for _ in range(round(seconds / 0.05)):
            self.clock.advance(0.05)

    @property
    def texts(self) -> list[str]:
        """What the error log has."""
        return [text for _, text in self.said]

    def states(self) -> dict[str, str]:
        """What the page shows of each server."""
        return {facts["name"]: facts["status"] for facts in self.checker.facts()}
