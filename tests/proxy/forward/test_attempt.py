"""One request's way through its servers: counters, logs and variables; and that everything ends balanced."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import DNSLookupError, TimeoutError, UserError
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy import exchange
from dyups.proxy.forward import attempt
from dyups.proxy.variables import ProxyVariables
from dyups.upstream.peer import Peer
from tests.proxy.conversation import Wire, World, head, unrest

HTTP = """
upstream one { server 127.0.0.1:9001; %s keepalive 2; }
server {
    listen 8080;
    client_max_body_size 0;
    proxy_connect_timeout 7s;
    location / { %s proxy_pass http://one; }
    location /old { proxy_http_version 1.0; proxy_pass http://one; }
    location /up { proxy_set_header Upgrade $http_upgrade; proxy_pass http://one; }
}
"""
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
TWO = "server unix:/run/app.sock;"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class AttemptCase(SynchronousTestCase):
    """Worlds, and the lines of the error log."""

    def setUp(self) -> None:
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def begin(self, servers: str = TWO, location: str = "", **world: Any) -> World:
        """A world in which a client has asked."""
        self.world = World(HTTP % (servers, location), **world)
        self.client = self.world.client()
        self.client.say(GET)
        return self.world


class DialTests(AttemptCase):
    """Connections that do not come about."""

    def test_limit(self) -> None:
        """``proxy_connect_timeout`` is the dial's own."""
        world = self.begin(accept=False)
        self.assertEqual((str(world.dialled[0].address), world.dialled[0].timeout), ("127.0.0.1:9001", 7.0))

    def test_words(self) -> None:
        """Why there is no connection, in nginx's words, with what is known of the request."""
        for error, words, status in (
            (None, "connect() failed (111: Connection refused) while connecting to upstream", 502),
            (
                FileNotFoundError(2, "x"),
                "connect() failed (2: No such file or directory) while connecting to upstream",
                502,
            ),
            (DNSLookupError("no such name"), "connect() failed (DNS lookup failed: no such name.)", 502),
            (
                TimeoutError(),
                "upstream timed out (110: Connection timed out) while connecting to upstream",
                504,
            ),
            (UserError(), "upstream timed out (110: Connection timed out) while connecting to upstream", 504),
        ):
            world = self.begin(location="proxy_next_upstream off;", accept=False)
            world.dialled[0].refuse(error)
            self.assertEqual(head(self.client.read())[0], status)
            line = self.events[-1]["text"]
            self.assertIn(words, line)
            self.assertIn(
                'client: 192.0.2.7, server: , request: "GET / HTTP/1.1", upstream: "http://127.0', line
            )
            self.assertEqual(unrest(world), [])

    def test_counters(self) -> None:
        """Requests, those under way, failures: each is counted where it happens."""
        world = self.begin(accept=False)
        first, second = world.upstreams.find("one").peers
        self.assertEqual((first.requests, first.active, first.failed), (1, 1, 0))
        world.dialled[0].refuse()
        self.assertEqual((first.requests, first.active, first.failed), (1, 0, 1))
        self.assertEqual((second.requests, second.active), (1, 1))
        wire = world.dialled[1].accept()
        assert wire is not None
        wire.say(OK)
        self.assertEqual((second.requests, second.active, second.failed), (1, 0, 0))

    def test_success_ends_failures(self) -> None:
        """A good answer ends a run of failures, if it is newer than the last of them."""
        world = self.begin()
        peer = world.upstreams.find("one").peers[0]
        peer.fails, peer.checked, peer.accessed = 1, 5.0, 1.0
        world.servers[0].say(OK)
        self.assertEqual(peer.fails, 0)


class VariableTests(AttemptCase):
    """``$upstream_*`` over several attempts."""

    WATCHED = "proxy_set_header X-Log $upstream_addr;"
    NAMES = (
        "upstream_addr",
        "upstream_status",
        "upstream_connect_time",
        "upstream_header_time",
        "upstream_response_time",
    )

    def setUp(self) -> None:
        super().setUp()
        self.now = 100.0
        for module in (attempt, exchange):
            self.patch(module, "monotonic", lambda: self.now)

    def values(self) -> list[str]:
        """What the variables say now."""
        table = ProxyVariables()
        return [table.lookup(name)(self.client.protocol.exchange).decode() for name in self.NAMES]

    def test_one(self) -> None:
        """One attempt: connected, head, whole answer."""
        world = self.begin(location=self.WATCHED, accept=False)
        self.now += 0.25
        wire = world.dialled[0].accept()
        assert wire is not None
        self.now += 0.5
        wire.say(OK[:-1])
        self.now += 1
        wire.say(OK[-1:])
        self.assertEqual(self.values(), ["127.0.0.1:9001", "200", "0.250", "0.750", "1.750"])

    def test_kept_connection(self) -> None:
        """A kept connection took no time to connect."""
        world = self.begin("", self.WATCHED)
        world.servers[0].say(OK)
        self.client.say(GET)
        self.now += 1
        world.servers[0].say(OK)
        self.assertEqual(self.values(), ["127.0.0.1:9001", "200", "0.000", "1.000", "1.000"])

    def test_several(self) -> None:
        """A failed attempt stands before the good one, with the status that its failure means."""
        world = self.begin(location=self.WATCHED, accept=False)
        self.now += 0.5
        world.dialled[0].refuse()
        wire = world.dialled[1].accept()
        assert wire is not None
        wire.say(OK)
        self.assertEqual(
            self.values(),
            [
                "127.0.0.1:9001, unix:/run/app.sock",
                "502, 200",
                "-, 0.000",
                "-, 0.000",
                "0.500, 0.000",
            ],
        )

    def test_stale(self) -> None:
        """A stale connection is an attempt of its own."""
        world = self.begin("", self.WATCHED)
        world.servers[0].say(OK)
        self.client.say(GET)
        world.servers[0].hang_up()
        world.servers[1].say(OK)
        self.assertEqual(self.values()[:2], ["127.0.0.1:9001, 127.0.0.1:9001", "502, 200"])

    def test_answers(self) -> None:
        """Answers that were passed over keep their own status."""
        world = self.begin(location=f"{self.WATCHED} proxy_next_upstream http_503;")
        world.servers[0].say(OK.replace(b"200", b"503"))
        world.servers[1].say(OK)
        self.assertEqual(self.values()[1], "503, 200")

    def test_nobody(self) -> None:
        """Where nobody may be asked the variable keeps the name of the group."""
        world = World(
            (HTTP % ("", self.WATCHED)).replace("9001;", "9001 down;").replace(".sock;", ".sock down;")
        )
        self.client = world.client()
        self.client.say(GET)
        self.assertEqual(head(self.client.read())[0], 502)
        self.assertEqual(self.values()[:2], ["one", "502"])

    def test_not_asked_for(self) -> None:
        """Where no text reads them, nothing is recorded."""
        self.begin().servers[0].say(OK)
        self.assertEqual(self.client.protocol.exchange.attempts, [])


def chance(seed: int, steps: int) -> World:
    """A world in which all kinds of things happened, in an order that ``seed`` decides, and whose clients then left."""
    dice = random.Random(seed)
    location = dice.choice(
        (
            "",
            "proxy_next_upstream error timeout invalid_header http_503 non_idempotent;",
            "proxy_next_upstream off;",
            "proxy_set_header X $upstream_addr;",
        )
    )
    servers = dice.choice(("", TWO, TWO + "server 127.0.0.1:9003 backup;")) + "keepalive_requests 5;"
    world = World(HTTP % (servers, location), accept=False)
    clients: list[Wire] = []
    happenings = (
        _ask,
        _ask,
        _more,
        _leave,
        _dial,
        _dial,
        _serve,
        _serve,
        _serve,
        _hang_up,
        _wait,
        _pace,
        _change,
    )
    for _ in range(steps):
        dice.choice(happenings)(world, clients, dice)
    for client in clients:
        client.hang_up()
    for server in world.servers:
        server.read()
    world.pass_time(15)
    return world


def _ask(world: World, clients: list[Wire], dice: random.Random) -> None:
    path = dice.choice((b"/", b"/", b"/old", b"/up"))
    client = world.client(high=dice.choice((50, 65536)))
    clients.append(client)
    client.say(
        dice.choice(
            (
                b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n",
                b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" * 2,
                b"HEAD %b HTTP/1.0\r\n\r\n",
                b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc",
                b"PUT %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                b"GET %b HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            )
        ).replace(b"%b", path)
    )


def _more(world: World, clients: list[Wire], dice: random.Random) -> None:
    if clients:
        data = (b"def", b"3\r\ndef\r\n0\r\n\r\n", b"0\r\n\r\n", GET, b"zz\r\n", b"x" * 70_000)
        dice.choice(clients).say(dice.choice(data))


def _leave(world: World, clients: list[Wire], dice: random.Random) -> None:
    if clients:
        dice.choice(clients).hang_up(dice.random() < 0.5)


def _dial(world: World, clients: list[Wire], dice: random.Random) -> None:
    waiting = [dialled for dialled in world.dialled if not dialled.stopped]
    if waiting:
        dialled = dice.choice(waiting)
        world.dialled.remove(dialled)
        if dice.random() < 0.75:
            dialled.accept(high=dice.choice((50, 65536)))
        else:
            dialled.refuse(dice.choice((None, TimeoutError())))


def _serve(world: World, clients: list[Wire], dice: random.Random) -> None:
    if world.servers:
        answers = (
            OK,
            OK,
            OK[:-1],
            b"k",
            OK.replace(b"200", b"503"),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
            b"0\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 100,
            b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nhello",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 204 No\r\n\r\n",
            b"nonsense\r\n\r\n",
        )
        dice.choice(world.servers).say(dice.choice(answers))


def _hang_up(world: World, clients: list[Wire], dice: random.Random) -> None:
    if world.servers:
        dice.choice(world.servers).hang_up(dice.random() < 0.5)


def _wait(world: World, clients: list[Wire], dice: random.Random) -> None:
    world.pass_time(dice.choice((1, 5, 30, 70)))


def _pace(world: World, clients: list[Wire], dice: random.Random) -> None:
    wires = [*clients, *world.servers]
    if wires:
        dice.choice(wires).read()


def _change(world: World, clients: list[Wire], dice: random.Random) -> None:
    """The upstream is replaced: now without its first server, now with it again."""
    spec = world.http.upstreams[0]
    if dice.random() < 0.5 and len(spec.servers) > 1:
        spec = replace(spec, servers=spec.servers[1:])
    world.upstreams.replace(spec, {"127.0.0.1": ("127.0.0.1",)})


class BalanceTests(AttemptCase):
    """Whatever happens, in whatever order: when it is over nothing is left under way."""

    @given(st.integers(0, 1 << 32), st.integers(5, 60))
    @settings(deadline=None, max_examples=150)
    def test_everything_ends(self, seed: int, steps: int) -> None:
        """No request is counted as under way, pools count right, no link but idle ones is watched, nothing raised."""
        peers: list[Peer] = []

        def made(*args: Any) -> Peer:
            peers.append(Peer(*args))
            return peers[-1]

        with mock.patch("dyups.upstream.group.Peer", made):
            world = chance(seed, steps)
        self.assertEqual(unrest(world), [])
        self.assertEqual([peer for peer in peers if peer.active], [])
        self.assertEqual([peer for peer in peers if peer.retired and peer.idle], [])
        self.assertTrue(all(dialled.stopped for dialled in world.dialled))
        self.assertEqual(world.plane.counters.active, 0)
        self.assertEqual(self.flushLoggedErrors(), [])
