"""Tests of dyups.balancing.session_sticky."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.session_sticky import TengineSticky
from dyups.config.sticky import SessionSticky
from tests.balancing.test_sticky import NOW, Bound, Table, digest


class Settings:
    """A location that hides the cookie, or does not."""

    def __init__(self, hides: bool) -> None:
        self.settings = self
        self.session_sticky_hide_cookie = "app" if hides else ""


class Request(dict[str, bytes]):
    """A request with a cookie ``route``."""

    def __init__(self, cookie: bytes = b"", hides: bool = True) -> None:
        super().__init__(cookie_route=cookie)
        self.route = Settings(hides)


class TengineCase(SynchronousTestCase):
    """A server ``a`` that answers."""

    now = NOW

    def sticky(self, **said: Any) -> TengineSticky:
        """Sessions on the test's clock."""
        return TengineSticky(SessionSticky(**said), Table(), lambda: self.now)

    def answer(
        self, sticky: TengineSticky, request: Request, lines: bytes = b"A: b\r\n", status: int = 200
    ) -> bytes:
        """What of the head the client gets."""
        return sticky.answer(request, Bound("a"), status, lines)


class InsertTests(TengineCase):
    """``mode=insert``."""

    def test_first(self) -> None:
        """A first answer sets the cookie, with what the parameters say; one to the same server sets nothing."""
        sticky = self.sticky(domain=".x", path="/p", maxage=60)
        self.assertEqual(
            self.answer(sticky, Request()),
            b"A: b\r\nSet-Cookie: route=%b; Domain=.x; Path=/p; Max-Age=60; "
            b"Expires=Sun, 22-Nov-26 12:01:00 GMT\r\n" % digest("a"),
        )
        self.assertEqual(self.answer(sticky, Request(digest("a"))), b"A: b\r\n")

    def test_another_server(self) -> None:
        """One that another server had to answer names that one."""
        self.assertIn(digest("a"), self.answer(self.sticky(), Request(digest("gone"))))

    def test_errors(self) -> None:
        """Answers from 400 on set nothing."""
        self.assertEqual(self.answer(self.sticky(), Request(), status=404), b"A: b\r\n")

    def test_plain(self) -> None:
        """``hash=plain`` has the address itself, or the server's ``route``."""
        sticky = self.sticky(plain=True)
        self.assertIn(b"route=a; Path=/\r\n", self.answer(sticky, Request()))
        server = Bound("a")
        server.spec.route = "one"
        self.assertEqual(sticky.name_of(server), b"one")

    def test_times(self) -> None:
        """With ``maxidle`` or ``maxlife`` each answer says when the session was last and first seen."""
        sticky = self.sticky(maxidle=60)
        first = int(NOW)
        self.assertIn(
            b"route=%b|%d|%d; Path=/\r\n" % (digest("a"), first, first), self.answer(sticky, Request())
        )
        self.now += 50
        request = Request(b"%b|%d|%d" % (digest("a"), first, first))
        self.assertEqual(sticky.id_of(request), digest("a"))
        self.assertIn(b"|%d|%d;" % (first + 50, first), self.answer(sticky, request))

    def test_over(self) -> None:
        """A session that was idle, or lived, too long begins anew; so does one whose times cannot be."""
        first = int(NOW)
        self.now += 100
        for said in ({"maxidle": 60}, {"maxlife": 60}):
            sticky = self.sticky(**said)
            request = Request(b"%b|%d|%d" % (digest("a"), first, first))
            self.assertEqual(sticky.id_of(request), b"")
            self.assertIn(b"|%d|%d;" % (first + 100, first + 100), self.answer(sticky, request))
        for text in (b"x", b"x|1", b"x|1|2|3", b"x|a|b", b"x|%d|1" % (first + 10**6), b"x|1|" + b"9" * 30):
            self.assertEqual(self.sticky(maxidle=10**6 * 2000).id_of(Request(text)), b"", text)

    def test_indirect(self) -> None:
        """With ``option=indirect`` ours takes the place of the server's; without its companion nothing is done."""
        sticky = self.sticky(indirect=True)
        lines = b"Set-Cookie: Route=own; Path=/\r\nset-cookie: other=1\r\n"
        expected = b"set-cookie: other=1\r\nSet-Cookie: route=%b; Path=/\r\n" % digest("a")
        self.assertEqual(self.answer(sticky, Request(), lines), expected)
        self.assertEqual(self.answer(sticky, Request(hides=False), lines), lines)


class ServerCookieTests(TengineCase):
    """``mode=rewrite`` and ``mode=prefix``."""

    LINES = b"A: b\r\nSet-Cookie: x=1\r\nSet-Cookie:  Route = own ; Path=/\r\nSet-Cookie: route=2\r\n"

    def test_rewrite(self) -> None:
        """The value of the first cookie of that name becomes the server's name."""
        expected = self.LINES.replace(b"Route = own ;", b"Route =" + digest("a") + b";")
        self.assertEqual(self.answer(self.sticky(mode="rewrite"), Request(hides=False), self.LINES), expected)
        short = b"Set-Cookie: route=1\r\n"
        self.assertEqual(
            self.answer(self.sticky(mode="rewrite"), Request(), short),
            short.replace(b"=1", b"=" + digest("a")),
        )

    def test_prefix(self) -> None:
        """Or stands before it; what belongs to a session has that prefix."""
        sticky = self.sticky(mode="prefix")
        expected = self.LINES.replace(b"Route = own", b"Route =" + digest("a") + b"~ own")
        self.assertEqual(self.answer(sticky, Request(), self.LINES), expected)
        self.assertEqual(self.answer(sticky, Request(hides=False), self.LINES), self.LINES)
        self.assertEqual([sticky.id_of(Request(text)) for text in (b"s~own", b"own")], [b"s", b""])

    def test_no_cookie(self) -> None:
        """An answer without such a cookie passes as it is."""
        for mode in ("rewrite", "prefix"):
            lines = b"X-Set-Cookie: route=1\r\nSet-Cookie: routes=1\r\nSet-Cookie: route\r\n"
            self.assertEqual(self.answer(self.sticky(mode=mode), Request(), lines), lines)


class HiddenTests(TengineCase):
    """What servers get of the cookies."""

    def test_hidden(self) -> None:
        """Nothing of ours: no cookie that we inserted, no prefix."""
        cookies = b"a=1;Route=s~own; b=2"
        for said, expected in (
            ({"indirect": True}, b"a=1; b=2"),
            ({"mode": "prefix"}, b"a=1; Route=own; b=2"),
            ({}, cookies),
            ({"mode": "rewrite", "indirect": True}, cookies),
        ):
            self.assertEqual(self.sticky(**said).without(cookies), expected)
        self.assertEqual(self.sticky(mode="prefix").without(b"route=1"), b"route=1")
        self.assertEqual(self.sticky(indirect=True).without(b"route=1"), b"")
