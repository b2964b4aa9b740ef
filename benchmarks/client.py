"""A plain client of one keep-alive connection: for updates, for idle connections, and to see whether a server is up.

One ``send`` per request, answers framed by ``Content-Length``; nothing here is fast, and nothing has to be.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from types import TracebackType


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    body: bytes


class BadAnswer(OSError):
    """The server closed early, or sent what this client cannot read."""


class Connection:
    """One connection to a port of the loopback address."""

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def ask(self, method: str, path: str, host: str, body: bytes = b"") -> Answer:
        """Send a request and read its answer; raises OSError."""
        self._socket.sendall(request_bytes(method, path, host, body))
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._read()
        status, length = read_head(data[:end])
        while len(data) < end + 4 + length:
            data += self._read()
        return Answer(status, data[end + 4 :])

    def _read(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise BadAnswer("the server closed the connection")
        return data


def request_bytes(method: str, path: str, host: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    length = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{length}\r\n".encode() + body


def read_head(head: bytes) -> tuple[int, int]:
    """Status and ``Content-Length`` of a response head; raises :class:`BadAnswer`."""
    first, _, fields = head.partition(b"\r\n")
    words = first.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise BadAnswer(f"not a response: {first!r}")
    length = 0
    for line in fields.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return int(words[1]), length
