"""Tests of dyups.balancing.sticky."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import Tally
from dyups.balancing.least_conn import LeastConn
from dyups.balancing.methods import binding_for
from dyups.balancing.round_robin import RoundRobin
from dyups.balancing.sticky import Binding, Cookie, Learned, Sessions, StickyFirst, cookie_time, name_of
from dyups.config.sticky import SessionSticky, StickyCookie, StickyLearn, StickyRoute
from dyups.interfaces import Getter
from tests.balancing.servers import Server

NONE: frozenset[Server] = frozenset()
#: 2026-11-22, a Sunday.
NOW = 1795348800.0


class Table:
    """Variables that read the request, which is a dictionary here."""

    def lookup(self, name: str) -> Getter | None:
        """Any name is known."""
        return lambda exchange: exchange.get(name, b"")


@dataclass
class Said:
    """What the configuration says of a server."""

    route: str = ""
    down: bool = False


@dataclass(eq=False)
class Bound(Server):
    """A server that sessions may belong to; its name is its address."""

    spec: Said = field(default_factory=Said)
    unwell: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.name: Any = self.name.encode()


def digest(name: str) -> bytes:
    """What nginx calls a server."""
    return md5(name.encode()).hexdigest().encode()


class FirstTests(SynchronousTestCase):
    """Who is asked."""

    def setUp(self) -> None:
        self.servers = [Bound("a"), Bound("b"), Bound("c")]
        self.binding = binding_for(StickyRoute(("$cookie_r", "$arg_r")), Table())
        assert self.binding is not None
        self.balancer = StickyFirst(RoundRobin(self.servers, Tally()), self.servers, self.binding)

    def pick(self, tried: Any = NONE, now: float = 0.0, **exchange: bytes) -> Any:
        """The server for a request."""
        peer = self.balancer.pick(exchange, tried, now)
        return peer and peer.name.decode()

    def test_bound(self) -> None:
        """A session's requests go to its server, by the first variable that says one; others take turns."""
        bound = {"arg_r": digest("c")}
        self.assertEqual(
            [self.pick(**bound), self.pick(), self.pick(**bound), self.pick()], ["c", "a", "c", "b"]
        )
        self.assertEqual(self.pick(cookie_r=digest("b"), **bound), "b")

    def test_unknown(self) -> None:
        """A server nobody knows is as good as none."""
        self.assertEqual([self.pick(arg_r=b"x"), self.pick(arg_r=b"x")], ["a", "b"])

    def test_route(self) -> None:
        """A server with a ``route`` is called that."""
        self.servers[1].spec.route = "here"
        self.assertEqual((self.pick(arg_r=b"here"), name_of(self.servers[1])), ("b", b"here"))

    def test_cannot_be_asked(self) -> None:
        """One that is down, out, unwell, full or was tried is left to the method, like a request without session."""
        a, b, c = self.servers
        self.balancer = StickyFirst(LeastConn([a, b]), self.servers, self.binding)  # type: ignore[arg-type]
        bound = {"arg_r": digest("c")}
        for name, value in (("spec", Said(down=True)), ("unwell", True), ("active", 1)):
            c.max_conns = 1
            before = getattr(c, name)
            setattr(c, name, value)
            self.assertNotEqual(self.pick(**bound), "c", name)
            setattr(c, name, before)
        self.assertNotEqual(self.pick({c}, **bound), "c")
        c.fail(5.0)
        self.assertNotEqual(self.pick(now=6.0, **bound), "c")
        self.assertEqual(self.pick(now=16.0, **bound), "c")
        self.assertEqual(c.checked, 16.0)

    def test_drain(self) -> None:
        """A server that is to drain still has its sessions, and gets nothing new."""
        c = self.servers[2]
        c.down = True
        self.balancer = StickyFirst(LeastConn(self.servers), self.servers, self.binding)  # type: ignore[arg-type]
        self.assertEqual([self.pick(arg_r=digest("c")), self.pick(), self.pick()], ["c", "a", "b"])

    def test_none(self) -> None:
        """Without the command there is nothing."""
        self.assertIsNone(binding_for(None, Table()))

    def test_strict(self) -> None:
        """Where there is no fallback, a session's request is that server's or nobody's."""
        strict = binding_for(SessionSticky("r", fallback=False), Table())
        assert strict is not None
        self.balancer = StickyFirst(RoundRobin(self.servers, Tally()), self.servers, strict)
        self.servers[2].spec.down = True
        self.assertEqual([self.pick(cookie_r=digest("c")), self.pick()], [None, "a"])


class CookieTests(SynchronousTestCase):
    """``sticky cookie``."""

    def cookie(self, **said: Any) -> bytes:
        """What goes out with an answer."""
        cookie = Cookie(StickyCookie("id", **said), Table(), lambda: NOW)
        lines = cookie.answer({"host": b"h.x", "arg_s": b"NONE"}, Bound("127.0.0.1:80"), 200, b"A: b\r\n")
        start = b"A: b\r\nSet-Cookie: id=" + digest("127.0.0.1:80")
        self.assertTrue(lines.startswith(start) and lines.endswith(b"\r\n"), lines)
        return lines[len(start) : -2]

    def test_attributes(self) -> None:
        """Each parameter stands where nginx puts it, spelled as nginx spells it."""
        self.assertEqual(self.cookie(), b"")
        self.assertEqual(
            self.cookie(
                expires=3600.0, domain="$host", httponly=True, secure=True, samesite="lax", path="/p"
            ),
            b"; expires=Sun, 22-Nov-26 13:00:00 GMT; max-age=3600; domain=h.x; httponly; secure; samesite=lax"
            b"; path=/p",
        )
        self.assertEqual(
            self.cookie(expires=math.inf), b"; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000"
        )

    def test_variables(self) -> None:
        """``samesite`` from a variable is ``strict`` where it is none that there is; an empty domain is none."""
        self.assertEqual(self.cookie(samesite="$arg_s", domain="$arg_d"), b"; samesite=NONE")
        self.assertEqual(self.cookie(samesite="x$host"), b"; samesite=strict")

    def test_injection(self) -> None:
        """A variable cannot end the line."""
        cookie = Cookie(StickyCookie("id", domain="$host"), Table(), lambda: NOW)
        lines = cookie.answer({"host": b"x\r\nEvil: 1"}, Bound("a"), 200, b"")
        self.assertEqual(lines.count(b"\r\n"), 1)

    def test_time(self) -> None:
        """Years have four digits from 2038 on."""
        self.assertEqual(cookie_time(2**31), b"Tue, 19-Jan-2038 03:14:08 GMT")


class LearnTests(SynchronousTestCase):
    """``sticky learn``."""

    SPEC = StickyLearn(("$created",), ("$wanted",), "z", 128 * 3, 60.0)
    now = 100.0

    def learned(self, spec: StickyLearn = SPEC, before: Binding | None = None) -> Learned:
        """A binding on the test's clock."""
        return Learned(spec, Table(), before, lambda: self.now)

    def test_learned(self) -> None:
        """What a server creates belongs to it; answers pass as they are."""
        learned = self.learned()
        self.assertEqual(learned.id_of({"wanted": b"s1"}), b"")
        self.assertEqual(learned.answer({"created": b"s1"}, Bound("a"), 200, b"A: b\r\n"), b"A: b\r\n")
        self.assertEqual(learned.id_of({"wanted": b"s1"}), digest("a"))
        self.assertEqual(learned.id_of({}), b"")

    def test_not_from_requests(self) -> None:
        """A session that only a request names is none."""
        learned = self.learned()
        learned.answer({"wanted": b"made up"}, Bound("a"), 200, b"")
        learned.answer({}, Bound("a"), 200, b"")
        self.assertEqual(learned.id_of({"wanted": b"made up"}), b"")

    def test_moves(self) -> None:
        """A session whose server could not be asked belongs to the one that answered."""
        learned = self.learned()
        learned.answer({"created": b"s"}, Bound("a"), 200, b"")
        learned.answer({"wanted": b"s"}, Bound("b"), 200, b"")
        self.assertEqual(learned.id_of({"wanted": b"s"}), digest("b"))

    def test_timeout(self) -> None:
        """A session that is not used is forgotten; each use keeps it."""
        learned = self.learned()
        learned.answer({"created": b"s"}, Bound("a"), 200, b"")
        self.now += 59
        learned.answer({"wanted": b"s"}, Bound("a"), 200, b"")
        self.now += 59
        self.assertEqual(learned.id_of({"wanted": b"s"}), digest("a"))
        self.now += 2
        self.assertEqual(learned.id_of({"wanted": b"s"}), b"")

    def test_bounded(self) -> None:
        """The zone holds so many; the one used longest ago makes room."""
        sessions = Sessions()
        for name in (b"1", b"2", b"3"):
            sessions.note(name, b"a", 0.0, 3)
        sessions.note(b"1", b"a", 0.0, 3)
        sessions.note(b"4", b"a", 0.0, 3)
        found = [bool(sessions.find(b"%d" % n, 0.0, 60.0)) for n in (1, 2, 3, 4)]
        self.assertEqual(found, [True, False, True, True])
        sessions.touch(b"3", b"a", 0.0)
        sessions.note(b"5", b"a", 0.0, 3)
        self.assertTrue(sessions.find(b"3", 0.0, 60.0))

    def test_kept(self) -> None:
        """A change of the upstream keeps its sessions, unless its zone is another."""
        one = self.learned()
        one.answer({"created": b"s"}, Bound("a"), 200, b"")
        self.assertIs(self.learned(before=one).sessions, one.sessions)
        other = StickyLearn(("$created",), ("$wanted",), "other", 32768)
        self.assertIsNot(self.learned(other, one).sessions, one.sessions)
