"""An HTTP/2 client on a socket: the tests' own, with a real connection below it."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from time import monotonic

from tests.integration.running import BOUND
from tests.proxy.http2.asking import Answer, Asker


class SocketWire:
    """A connection, as :class:`~tests.proxy.http2.asking.Asker` takes it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=BOUND)
        self.closed = False

    def say(self, data: bytes) -> None:
        """Send; to a server that has closed it is lost."""
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True

    def read(self) -> bytes:
        """What has come by now, or comes in a moment."""
        if self.closed or not select.select([self.socket], [], [], 0.02)[0]:
            return b""
        try:
            data = self.socket.recv(1 << 16)
        except OSError:
            data = b""
        self.closed = not data
        return data


class Client(Asker):
    """A client of ``port``; its calls block, so they belong on a thread where the reactor has to go on."""

    def __init__(self, port: int, *, eager: bool = True) -> None:
        self.link = SocketWire(port)
        super().__init__(None, wire=self.link, eager=eager)  # type: ignore[arg-type]

    def await_(self, done: Callable[[], object], what: str = "") -> None:
        """Go on talking until ``done``, for a bounded time."""
        end = monotonic() + BOUND
        while not done():
            assert monotonic() < end, f"waited {BOUND} s for {what or done}"
            self.send()

    def whole(self, number: int) -> Answer:
        """The answer to a request, once it is over, however it ended."""

        def over() -> bool:
            answer = self.answer(number)
            return answer.ended or answer.reset is not None or self.link.closed

        self.await_(over, f"the answer on stream {number}")
        return self.answer(number)

    def close(self) -> None:
        """Leave."""
        self.link.socket.close()
