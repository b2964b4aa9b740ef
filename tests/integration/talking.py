"""An HTTP client on one connection that it keeps, and a site with workers that tell which of them answers."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, NamedTuple

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol

from tests.integration.running import BOUND, Proxy, Site, free_ports, is_running, until

CONFIG = """
    {http}
    server {{
        listen 127.0.0.1:{front} reuseport;
        location = /pid {{ echo $pid; }}
        location / {{ proxy_pass http://$host; }}
    }}
    server {{ listen 127.0.0.1:{admin} reuseport; location / {{ dyups_interface; }} location = /pid {{ echo $pid; }} }}
    server {{ listen 127.0.0.1:{a}; location / {{ echo a; }} }}
    server {{ listen 127.0.0.1:{b}; location / {{ echo b; }} }}
"""
LONGEST = 5 * BOUND
"""Seconds after which no reply is waited for: tests have servers think for a while, though never as long."""
DUMP = "dyups_upstream_conf conf/upstream.conf; include conf/upstream.conf;"


class Reply(NamedTuple):
    """What came back."""

    status: int
    body: str
    closing: bool
    head: str
    fields: dict[str, str] = {}


class Talk(Protocol):
    """One request at a time; the reply's length must be said in its head."""

    def __init__(self) -> None:
        self._data = b""
        self._reply: Deferred[Reply] | None = None
        self.closed = False

    def ask(self, target: str, host: str = "x", method: str = "GET", body: str = "") -> Deferred[Reply]:
        """Send a request; fires with its reply, fails when the connection ends before, or nothing ever comes."""
        assert self._reply is None
        self._reply = Deferred().addTimeout(LONGEST, reactor)
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self.transport.write(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{length}\r\n{body}".encode())
        reply = self._reply
        if self.closed:
            self.connectionLost(ConnectionLost())
        return reply

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        head, end, rest = self._data.partition(b"\r\n\r\n")
        if not end or self._reply is None:
            return
        lines = head.decode("latin-1").split("\r\n")
        fields = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        length = int(fields["content-length"])
        if len(rest) >= length:
            self._data = rest[length:]
            reply, self._reply = self._reply, None
            closing = fields.get("connection") == "close"
            reply.callback(Reply(int(lines[0].split()[1]), rest[:length].decode(), closing, lines[0], fields))

    def connectionLost(self, reason: Any = None) -> None:
        self.closed = True
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.errback(ConnectionLost())


async def talk(port: int) -> Talk:
    """A connection."""
    return await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Talk())


class Workers:
    """A site with workers, and the process that was started on it."""

    def __init__(self, site: Site, ahead: str = "", http: str = DUMP) -> None:
        self.site = site
        self.front, self.admin, self.a, self.b = free_ports(4)
        self.talks: list[Talk] = []
        self.configure(ahead, http)
        site.write(f"upstream host1 {{\n    server 127.0.0.1:{self.a};\n}}\n", "conf/upstream.conf")
        self.proxy: Proxy

    def configure(self, ahead: str = "", http: str = DUMP, more: str = "") -> None:
        """Write the configuration."""
        ports = {"front": self.front, "admin": self.admin, "a": self.a, "b": self.b}
        ahead = ahead or "worker_processes 3;"
        self.wanted = int(re.findall(r"worker_processes (\d+);", ahead)[0])
        self.site.http(CONFIG.format(http=http, **ports) + more, ahead)

    async def start(self) -> Workers:
        """Start, and return when every worker accepts."""
        self.proxy = self.site.proxy()
        await self.proxy.listening(self.front)
        await self.all_accept()
        return self

    async def all_accept(self) -> list[int]:
        """Return when there are as many workers as there should be, which all accept, and no others: their numbers."""
        found: list[dict[str, Any]] = []

        async def complete() -> bool:
            found[:] = await self.roster()
            return len(found) == self.wanted and all(map(_accepts, found))

        await until(complete, f"{self.wanted} workers that accept")
        return [worker["pid"] for worker in found]

    def stored(self) -> str:
        """What is on disk: dump and journal; a change moves from one to the other when it has a quiet moment."""
        journal = self._content("upstream.conf.journal")  # first: what leaves it then is in the dump already
        return journal + self._content("upstream.conf")

    def _content(self, name: str) -> str:
        path = self.site.root / "conf" / name
        return path.read_bytes().decode("latin-1") if path.exists() else ""

    async def talk(self, port: int) -> Talk:
        """A connection, closed by :meth:`close` at the latest."""
        self.talks.append(await talk(port))
        return self.talks[-1]

    async def ask(self, port: int, target: str, *arguments: Any, **options: Any) -> Reply:
        """A request on a connection of its own."""
        client = await talk(port)
        try:
            return await client.ask(target, *arguments, **options)
        finally:
            client.transport.abortConnection()

    async def post(self, name: str, body: str, method: str = "POST") -> Reply:
        """A change, on a connection of its own."""
        return await self.ask(self.admin, f"/upstream/{name}", method=method, body=body)

    async def roster(self, door: Talk | None = None) -> list[dict[str, Any]]:
        """What ``/detail?workers=1`` says as JSON, through the ``door`` if one is given."""
        client = door or await talk(self.admin)
        try:
            target = "/detail?workers=1 HTTP/1.1\r\nAccept: application/json\r\nX-Rest:"
            reply = await client.ask(target)
        finally:
            if client is not door:
                client.transport.abortConnection()
        assert reply.status == 200, reply
        return json.loads(reply.body)["workers"]

    async def one_for_each(
        self, pids: list[int], port: int | None = None, besides: Collection[int] = ()
    ) -> dict[int, Talk]:
        """A kept connection to each worker, by its number; those ``besides`` may still accept connections, too."""
        found: dict[int, Talk] = {}
        end = reactor.seconds() + BOUND
        while len(found) < len(pids):
            assert reactor.seconds() < end, f"only {sorted(found)} of {pids} answer"
            client = await self.talk(port or self.front)
            pid = int((await client.ask("/pid")).body)
            assert pid in pids or pid in besides
            if pid in besides or found.setdefault(pid, client) is not client:
                client.transport.abortConnection()
        return found

    def close(self) -> None:
        """Close every connection."""
        for client in self.talks:
            if not client.closed:
                client.transport.abortConnection()


def _accepts(worker: dict[str, Any]) -> bool:
    """Is this a worker that serves, and not one whose end the master has yet to hear of?"""
    return worker["state"] == "accepting" and is_running(worker["pid"])
