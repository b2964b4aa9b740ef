"""A chat as people put one behind a proxy: a page, web sockets, and a history behind a password; with two workers."""

from __future__ import annotations

from base64 import b64encode

import pytest_twisted

from tests.integration.running import SAME_USER, Site, free_ports, until
from tests.integration.talking import talk
from tests.integration.test_configurations import field, prepare
from tests.integration.wires import Wire, Wires

UPGRADE = (
    b"GET /socket?room=1 HTTP/1.1\r\nHost: chat.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


class Room:
    """A chat server: everybody hears what anybody says, and the history is one line."""

    def __init__(self) -> None:
        self.members: list[Wire] = []
        self.users: list[bytes] = []

    def told(self, wire: Wire) -> None:
        """Something has come from a client."""
        if wire in self.members:
            said, wire.data[:] = bytes(wire.data), b""
            for member in self.members:
                member.send(said)
        elif b"\r\n\r\n" in wire.data:
            head, wire.data[:] = bytes(wire.data), b""
            if b"\r\nUpgrade: websocket\r\n" in head:
                self.members.append(wire)
                wire.send(SWITCHED)
            else:
                self.users += [line for line in head.split(b"\r\n") if line.startswith(b"X-User")]
                wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


async def served(site: Site, wires: Wires) -> tuple[int, Room]:
    """The chat with its servers: its port, and what they share."""
    room = Room()
    ports = [wires.serve(room.told).number for _ in range(2)]
    (front,) = free_ports(1)
    prepare(site, "chat", {8080: front, 8091: ports[0], 8092: ports[1]})
    site.write("ann:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0\nbob:{PLAIN}word\n", "conf/users")
    site.write("<title>chat</title>", "htdocs/index.html")
    await site.proxy(*SAME_USER).listening(front)
    return front, room


@pytest_twisted.ensureDeferred
async def test_sockets(site: Site, wires: Wires) -> None:
    """Everybody hears everybody, through whichever worker; a fourth socket is one too many until somebody leaves."""
    front, room = await served(site, wires)
    sockets = [await wires.connect(front) for _ in range(3)]
    for socket in sockets:
        socket.send(UPGRADE)
        answer = await socket.hears(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n"), answer
        assert b"\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" in answer, answer
        assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer, answer
    for number, socket in enumerate(sockets):
        said = b"\x81\x05from%d" % number
        socket.send(said)
        for other in sockets:
            await other.hears(said)
    late = await wires.connect(front)
    late.send(UPGRADE)
    assert b" 503 " in await late.hears(b"\r\n\r\n")
    sockets[0].transport.abortConnection()
    await until(lambda: any(member.ended for member in room.members), "the end of one")

    async def is_let_in() -> bool:
        """The server's connection may end a moment before the place is free for other workers."""
        next_one = await wires.connect(front)
        next_one.send(UPGRADE)
        return b" 101 " in await next_one.hears(b"\r\n\r\n")

    await until(is_let_in, "a place")


@pytest_twisted.ensureDeferred
async def test_server_hangs_up(site: Site, wires: Wires) -> None:
    """A room that closes ends its sockets, and says nothing else."""
    front, room = await served(site, wires)
    socket = await wires.connect(front)
    socket.send(UPGRADE)
    await socket.hears(b"\r\n\r\n")
    room.members[0].transport.loseConnection()
    assert (await socket.end()).count(b"HTTP/1.1") <= 1


@pytest_twisted.ensureDeferred
async def test_page_and_history(site: Site, wires: Wires) -> None:
    """Every path is the page; the history needs a password, and its server learns the name."""
    front, room = await served(site, wires)
    client = await talk(front)

    async def ask(target: str, fields: str = "") -> tuple[int, str, str]:
        reply = await client.ask(f"{target} HTTP/1.1\r\n{fields}X-Rest:", "chat.example")
        return reply.status, reply.body, field(reply, "www-authenticate")

    def basic(words: str) -> str:
        return f"Authorization: Basic {b64encode(words.encode()).decode()}\r\n"

    assert await ask("/rooms/7") == (200, "<title>chat</title>", "")
    for fields in ("", basic("ann:public"), basic("eve:secret")):
        status, _, realm = await ask("/history/", fields)
        assert (status, realm) == (401, 'Basic realm="the history of chat.example"')
    for words in ("ann:secret", "bob:word", "ann:secret"):
        assert (await ask("/history/", basic(words)))[:2] == (200, "hello")
    assert room.users == [b"X-User: ann", b"X-User: bob", b"X-User: ann"]
    client.transport.abortConnection()
