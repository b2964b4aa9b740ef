"""Which failures are tried on another server: ``proxy_next_upstream`` and its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.internet.error import TimeoutError
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.forward import attempt
from tests.proxy.conversation import Dialled, Wire, World, head, unrest

HTTP = """
upstream one { server 127.0.0.1:9001; server 127.0.0.1:9002; server 127.0.0.1:9003 max_fails=3; }
server { listen 8080; client_max_body_size 0; location / { %s proxy_pass http://one; } }
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(status: int) -> Callable[[World, Dialled], None]:
    """A server that answers with ``status``."""

    def act(world: World, dialled: Dialled) -> None:
        accepted(dialled).say(b"HTTP/1.1 %d Status\r\nContent-Length: 3\r\n\r\n%d" % (status, status))

    return act


def accepted(dialled: Dialled) -> Wire:
    wire = dialled.accept()
    assert wire is not None
    return wire


def refuse(world: World, dialled: Dialled) -> None:
    dialled.refuse()


def too_late(world: World, dialled: Dialled) -> None:
    dialled.refuse(TimeoutError())


def close(world: World, dialled: Dialled) -> None:
    accepted(dialled).hang_up()


def reset_within_head(world: World, dialled: Dialled) -> None:
    wire = accepted(dialled)
    wire.say(b"HTTP/1.1 200 OK\r\n")
    wire.hang_up(clean=False)


def nonsense(world: World, dialled: Dialled) -> None:
    accepted(dialled).say(b"nonsense\r\n\r\n")


def silent(world: World, dialled: Dialled) -> None:
    accepted(dialled)
    world.pass_time(62)


class Row(NamedTuple):
    """What a server does, under which directives; is the next asked, what does the client see in the end if not."""

    name: str
    directives: str
    failure: Callable[[World, Dialled], None]
    retried: bool
    status: int
    blamed: bool = True
    method: bytes = b"GET"


TABLE = (
    Row("refused", "", refuse, True, 502),
    Row("connect timeout", "", too_late, True, 504),
    Row("closed before the head", "", close, True, 502),
    Row("reset within the head", "", reset_within_head, True, 502),
    Row("silent", "", silent, True, 504),
    Row("bad head", "", nonsense, False, 502),
    Row("500", "", answer(500), False, 500, blamed=False),
    Row("invalid_header", "proxy_next_upstream invalid_header;", nonsense, True, 502),
    Row("invalid_header alone", "proxy_next_upstream invalid_header;", refuse, False, 502),
    Row("error alone", "proxy_next_upstream error;", silent, False, 504),
    Row("timeout alone", "proxy_next_upstream timeout;", close, False, 502),
    Row("timeout of connecting", "proxy_next_upstream timeout;", too_late, True, 504),
    Row("off", "proxy_next_upstream off;", refuse, False, 502),
    *(
        Row(
            f"http_{status}",
            f"proxy_next_upstream http_{status};",
            answer(status),
            True,
            status,
            blamed=status not in (403, 404),
        )
        for status in (500, 502, 503, 504, 403, 404, 429)
    ),
    Row("another status", "proxy_next_upstream error http_500;", answer(503), False, 503, blamed=False),
    Row("POST not sent yet", "", refuse, True, 502, method=b"POST"),
    Row("POST sent", "", close, False, 502, method=b"POST"),
    Row("LOCK sent", "", close, False, 502, method=b"LOCK"),
    Row("PATCH sent", "", silent, False, 504, method=b"PATCH"),
    Row("PUT sent", "", close, True, 502, method=b"PUT"),
    Row("DELETE sent", "", close, True, 502, method=b"DELETE"),
    Row(
        "POST answered",
        "proxy_next_upstream http_500;",
        answer(500),
        False,
        500,
        blamed=False,
        method=b"POST",
    ),
    Row("non_idempotent", "proxy_next_upstream error non_idempotent;", close, True, 502, method=b"POST"),
    Row(
        "non_idempotent and status",
        "proxy_next_upstream http_500 non_idempotent;",
        answer(500),
        True,
        500,
        method=b"POST",
    ),
)


class RetryCase(SynchronousTestCase):
    """A client that asks, and servers that do as they are told when they are dialled."""

    def setUp(self) -> None:
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def ask(self, directives: str, request: bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") -> World:
        """A world with one request under way."""
        self.world = World(HTTP % directives, accept=False)
        self.client = self.world.client()
        self.client.say(request)
        return self.world

    def fails(self) -> list[int]:
        """Failures counted per server."""
        group = self.world.upstreams.find("one")
        assert group is not None
        return [peer.fails for peer in group.all_peers()]


class TableTests(RetryCase):
    """One row for each rule."""

    def test_table(self) -> None:
        """The next server is asked, or the client sees the failure; and the server is to blame, or not."""
        for row in TABLE:
            world = self.ask(row.directives, b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % row.method)
            row.failure(world, world.dialled[0])
            self.assertEqual(len(world.dialled), 2 if row.retried else 1, row.name)
            if row.retried:
                self.assertEqual(self.client.read(), b"", row.name)
                accepted(world.dialled[1]).say(OK)
            status, _, body = head(self.client.read())
            self.assertEqual(status, 200 if row.retried else row.status, row.name)
            self.assertEqual(body == b"ok", row.retried, row.name)
            self.assertEqual(self.fails(), [int(row.blamed), 0, 0], row.name)
            self.assertEqual(unrest(world), [], row.name)

    def test_all_fail(self) -> None:
        """When each server has failed, the last failure tells what the client sees."""
        for row in TABLE:
            if not row.retried:
                continue
            world = self.ask(row.directives, b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % row.method)
            for number in range(3):
                row.failure(world, world.dialled[number])
            self.assertEqual(len(world.dialled), 3, row.name)
            status, _, body = head(self.client.read())
            self.assertEqual(status, row.status, row.name)
            # Of the last answer nothing is left to hope for: the client gets it as it is.
            self.assertEqual(
                body == b"%d" % row.status, row.name.startswith(("http_", "non_idempotent and")), row.name
            )
            self.assertEqual(unrest(world), [], row.name)


class LimitTests(RetryCase):
    """How long it may go on."""

    def test_tries(self) -> None:
        """``proxy_next_upstream_tries`` counts the first one too."""
        for tries, asked in ((1, 1), (2, 2), (0, 3), (9, 3)):
            world = self.ask(f"proxy_next_upstream_tries {tries};")
            number = 0
            while number < len(world.dialled):
                world.dialled[number].refuse()
                number += 1
            self.assertEqual(number, asked)
            self.assertEqual(head(self.client.read())[0], 502)

    def test_tries_of_answers(self) -> None:
        """The last answer within ``proxy_next_upstream_tries`` is the client's."""
        world = self.ask("proxy_next_upstream http_500; proxy_next_upstream_tries 2;")
        for number in range(2):
            answer(500)(world, world.dialled[number])
        self.assertEqual((len(world.dialled), head(self.client.read())[2]), (2, b"500"))

    def test_timeout(self) -> None:
        """After ``proxy_next_upstream_timeout`` no other server is asked."""
        now = [0.0]
        self.patch(attempt, "monotonic", lambda: now[0])
        for spent, asked in ((9.0, 2), (11.0, 1)):
            world = self.ask("proxy_next_upstream_timeout 10s;")
            now[0] = self.world.clients[0].protocol.exchange.started + spent
            world.dialled[0].refuse()
            self.assertEqual(len(world.dialled), asked)

    def test_body_kept(self) -> None:
        """A body up to 64 KiB is sent again whole; a longer one is sent once."""
        for size, asked in ((65536, 2), (65537, 1)):
            body = b"x" * size
            world = self.ask("", b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + body)
            first = world.dialled[0].accept(high=1 << 20)
            assert first is not None
            self.assertEqual(first.read().partition(b"\r\n\r\n")[2], body)
            first.hang_up()
            self.assertEqual(len(world.dialled), asked)
            if asked == 2:
                second = world.dialled[1].accept(high=1 << 20)
                assert second is not None
                self.assertEqual(second.read().partition(b"\r\n\r\n")[2], body)
            else:
                self.assertEqual(head(self.client.read())[0], 502)

    def test_body_under_way(self) -> None:
        """What had come of a body goes to the next server, the rest follows it there."""
        world = self.ask("", b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        first = accepted(world.dialled[0])
        self.client.say(b"3\r\ntwo\r\n")
        first.hang_up()
        second = accepted(world.dialled[1])
        self.client.say(b"5\r\nthree\r\n0\r\n\r\n")
        self.assertEqual(
            second.read().partition(b"\r\n\r\n")[2], b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"
        )
        second.say(OK)
        self.assertEqual(head(self.client.read())[2], b"ok")

    def test_held_back_client_goes_on(self) -> None:
        """A client held back while the first server was dialled goes on with the second, dialled or idle."""
        for idle in (False, True):
            world = World(HTTP % "", accept=False)
            if idle:
                for turn in range(2):
                    client = world.client()
                    client.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    accepted(world.dialled[turn]).say(OK)
                # the next in turn is the third server; only the first two have idle connections
            client = world.client()
            client.say(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n")
            for _ in range(20):
                client.say(b"x" * 10_000)
            self.assertFalse(client.reading)
            world.dialled[-1].refuse()
            server = world.servers[0] if idle else world.dialled[-1].accept(high=1 << 20)
            assert server is not None
            server.high = 1 << 20
            while server.got:
                got = server.read()
            self.assertTrue(client.reading)
            self.assertGreater(sum(map(len, server.writes[-20:])), 100_000)
            self.assertTrue(got.endswith(b"x"))
            server.say(OK)
            self.assertEqual(head(client.read())[2], b"ok")
            self.assertEqual(unrest(world), [])


class StaleTests(RetryCase):
    """A server may close an idle connection at the moment it is used again."""

    def stale(self, method: bytes, directives: str = "", said: bytes = b"", clean: bool = True) -> World:
        """A request on a kept connection, which the server then closes."""
        world = World(
            HTTP.replace("server 127.0.0.1:9002; server 127.0.0.1:9003 max_fails=3;", "") % directives
        )
        self.world = world
        self.client = world.client()
        self.client.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        world.servers[0].say(OK)
        self.client.read()
        self.client.say(b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % method)
        if said:
            world.servers[0].say(said)
        world.servers[0].hang_up(clean)
        return world

    def test_fresh_connection(self) -> None:
        """The same server is asked on a fresh connection, and is not to blame; ``off`` does not matter."""
        for directives in ("", "proxy_next_upstream off;", "proxy_next_upstream_tries 1;"):
            for clean in (True, False):
                world = self.stale(b"GET", directives, clean=clean)
                self.assertEqual(len(world.servers), 2)
                self.assertEqual(self.fails(), [0])
                self.assertEqual(self.events[-1]["nginx_level"], "info")
                world.servers[1].say(OK)
                self.assertEqual(head(self.client.read())[2], b"ok")
                self.assertEqual(unrest(world), [])

    def test_only_once(self) -> None:
        """If the fresh connection fails as well, that is a failure."""
        world = self.stale(b"GET")
        world.servers[1].hang_up()
        self.assertEqual((head(self.client.read())[0], self.fails()), (502, [1]))
        self.assertEqual(self.events[-1]["nginx_level"], "error")
        self.assertEqual(unrest(world), [])

    def test_post(self) -> None:
        """POST is not sent twice: the server may have acted on it."""
        world = self.stale(b"POST")
        self.assertEqual((len(world.servers), head(self.client.read())[0], self.fails()), (1, 502, [0]))
        self.assertEqual(self.events[-1]["nginx_level"], "error")
        world = self.stale(b"POST", "proxy_next_upstream error non_idempotent;")
        self.assertEqual(len(world.servers), 2)

    def test_heard(self) -> None:
        """A server that had begun to answer was not about to close an idle connection."""
        world = self.stale(b"GET", said=b"HTTP/1.1 2")
        self.assertEqual((len(world.servers), head(self.client.read())[0], self.fails()), (1, 502, [1]))

    def test_every_idle_one(self) -> None:
        """One stale connection after another: each request still gets its answer."""
        world = self.stale(b"GET")
        world.servers[1].say(OK)
        for turn in range(2, 5):
            self.client.read()
            self.client.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            world.servers[-1].hang_up()
            self.assertEqual(len(world.servers), turn + 1)
            world.servers[-1].say(OK)
            self.assertEqual(head(self.client.read())[2], b"ok")


class NobodyTests(RetryCase):
    """No server left."""

    def test_nobody_up(self) -> None:
        """An upstream whose servers are all down is 502 at once."""
        world = World(
            HTTP.replace("9001", "9001 down").replace("9002", "9002 down").replace("9003", "9003 down") % ""
        )
        self.assertEqual(head(world.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[0], 502)
        self.assertIn("no live upstreams while connecting to upstream", self.events[-1]["text"])
        self.assertIn('upstream: "http://one/"', self.events[-1]["text"])

    def test_rest_is_out(self) -> None:
        """A request that failed while the other servers are out finds nobody: 502, whatever its own failure was."""
        world = self.ask("")
        world.dialled[0].refuse()
        world.dialled[1].refuse()
        accepted(world.dialled[2]).say(OK)
        self.client.read()
        self.client.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        world.servers[-1].read()
        world.pass_time(8)  # two servers are out still
        world.deadlines.look()
        world.servers[-1].say(b"HTTP/1.1 200 OK\r\n")
        world.servers[-1].hang_up()
        self.assertEqual(head(self.client.read())[0], 502)
        self.assertIn("no live upstreams", self.events[-1]["text"])
        self.assertEqual(unrest(world), [])

    def test_out_for_a_while(self) -> None:
        """``max_fails`` failures keep a server out for ``fail_timeout``."""
        world = self.ask("")
        world.dialled[0].refuse()
        accepted(world.dialled[1]).say(OK)
        first = world.upstreams.find("one").peers[0]
        for seconds, asked in ((0, 1), (9, 1), (3, 2)):
            world.pass_time(seconds)
            for _ in range(6):
                world.client().say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(first.requests, asked)
