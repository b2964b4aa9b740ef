"""A request's fields, to the head that serves it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import RequestRefused
from dyups.http1.request import RequestHead
from dyups.proxy.http2.fields import HeadReader
from tests.proxy.conversation import World

GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"one"), (b":path", b"/a?b")]


def reader_of(server: str = "") -> HeadReader:
    """The reader of a world's only address."""
    world = World(f"server {{ listen 80; {server} location / {{ echo x; }} }}")
    return HeadReader(world.listeners[0].routes)


class Reading(SynchronousTestCase):
    """What is taken, and as what."""

    def setUp(self) -> None:
        self.reader = reader_of()

    def read(self, *more: tuple[bytes, bytes], ended: bool = True) -> RequestHead:
        """An ordinary request with more fields."""
        return self.reader.read([*GET, *more], ended)

    def refused(self, fields: list[tuple[bytes, bytes]], ended: bool = True) -> tuple[int, str]:
        """Status and reason with which these are refused."""
        refusal = self.assertRaises(RequestRefused, self.reader.read, fields, ended)
        return refusal.status, refusal.reason

    def test_an_ordinary_one(self) -> None:
        """Line, host, path and fields are those of the same request in HTTP/1.1, but for the version."""
        head = self.read((b"x-y", b"z"))
        self.assertEqual(head.line, b"GET /a?b HTTP/2.0")
        self.assertEqual((head.method, head.uri, head.args, head.host), (b"GET", b"/a", b"b", b"one"))
        self.assertEqual((head.raw_host, head.sent_on), (b"one", b"x-y: z\r\n"))
        self.assertEqual((head.minor, head.keep_alive, head.has_body()), (1, True, False))

    def test_twice(self) -> None:
        """A head that was read before is not read again, and stays what it was."""
        self.assertIs(self.read((b"x-y", b"z")), self.read((b"x-y", b"z")))
        self.assertEqual(self.read((b"x-y", b"z")).line, b"GET /a?b HTTP/2.0")

    def test_cookies(self) -> None:
        """Several become one field (RFC 9113 section 8.2.3)."""
        head = self.read((b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2"))
        self.assertEqual(head.value(b"cookie"), b"a=1; b=2")

    def test_a_body_of_unknown_length(self) -> None:
        """It is passed on in chunks; nobody sees a field that the client did not send."""
        head = self.read(ended=False)
        self.assertTrue(head.chunked)
        self.assertEqual(head.value(b"transfer-encoding"), b"")

    def test_a_body_of_known_length(self) -> None:
        """The length counts, in a head that is not the one without a body."""
        head = self.read((b"content-length", b"3"), ended=False)
        self.assertEqual((head.chunked, head.content_length), (False, 3))
        status = self.refused([*GET, (b"content-length", b"3")])
        self.assertEqual(status, (400, "client prematurely closed stream"))

    def test_nobody_waits_for_100(self) -> None:
        """``Expect`` goes no further, and te is for this hop."""
        head = self.read((b"expect", b"100-continue"), (b"te", b"Trailers"), ended=False)
        self.assertEqual((head.expects_continue, head.sent_on), (False, b""))

    def test_host(self) -> None:
        """``Host`` stands for a missing :authority, may repeat it, and must not contradict it."""
        rest = [field for field in GET if field[0] != b":authority"]
        self.assertEqual(self.reader.read([*rest, (b"host", b"Two:8")], True).host, b"two")
        self.assertEqual(self.read((b"host", b"one")).host, b"one")
        self.assertEqual(
            self.refused([*GET, (b"host", b"two")])[1],
            "client sent :authority and Host headers with different values",
        )
        self.assertEqual(
            self.refused([*rest, (b"host", b"a"), (b"host", b"a")])[1], "client sent duplicate host header"
        )
        self.assertEqual(self.refused(rest), (400, "client sent no host"))
        self.assertEqual(self.refused([*rest, (b":authority", b"a b")])[0], 400)

    def test_pseudo_headers(self) -> None:
        """Each once, none unknown, none missing, and before all others (section 8.3)."""
        for number, reason in enumerate(
            ("client sent invalid request line", "client sent no :scheme header", "client sent no host")
        ):
            self.assertEqual(self.refused([*GET[:number], *GET[number + 1 :]]), (400, reason))
        self.assertEqual(self.refused(GET[:3]), (400, "client sent invalid :path header"))
        self.assertEqual(self.refused([*GET, GET[0]]), (400, "client sent duplicate :method header"))
        self.assertEqual(
            self.refused([*GET, (b":protocol", b"x")]), (400, 'client sent unknown pseudo header ":protocol"')
        )
        self.assertEqual(
            self.refused([*GET[1:], (b"a", b"b"), GET[0]]),
            (400, "client sent pseudo header behind other headers"),
        )

    def test_paths(self) -> None:
        """A path begins with a slash: no other form of a target, nothing that makes two words of one."""
        for path in (b"", b"*", b"a", b"http://x/", b"/a b", b"/a HTTP/1.1", b"/a\tb", b"/\x7f"):
            fields = [*GET[:3], (b":path", path)]
            self.assertEqual(self.refused(fields), (400, "client sent invalid :path header"), path)

    def test_methods(self) -> None:
        """A method is one word."""
        for method in (b"", b"GET /x", b"get", b"G\xc3"):
            self.assertEqual(self.refused([(b":method", method), *GET[1:]])[0], 400, method)

    def test_smuggling(self) -> None:
        """What would be a line of its own, a name in capitals, or framing of another protocol, is refused."""
        for field in (
            (b"a", b"b\r\nc: d"),
            (b"a", b"b\nc"),
            (b"a", b"b\0c"),
            (b"a\r\nb", b"c"),
            (b"a:b", b"c"),
            (b"", b"c"),
            (b"A", b"b"),
            (b"a b", b"c"),
            (b"connection", b"x"),
            (b"keep-alive", b"1"),
            (b"proxy-connection", b"x"),
            (b"transfer-encoding", b"chunked"),
            (b"upgrade", b"h"),
            (b"te", b"gzip"),
            (b"content-length", b"1x"),
        ):
            self.assertEqual(self.refused([*GET, field])[0], 400, field)

    def test_sizes(self) -> None:
        """``large_client_header_buffers``: one line within one buffer, all of them within all."""
        self.reader = reader_of("large_client_header_buffers 2 1k;")
        self.assertEqual(self.refused([*GET[:3], (b":path", b"/" + b"a" * 1024)])[0], 414)
        self.assertEqual(self.refused([*GET, (b"a", b"b" * 1024)])[0], 431)
        self.assertEqual(self.refused([*GET, *((b"a%d" % n, b"b" * 600) for n in range(4))])[0], 431)
        self.assertEqual(self.read((b"a", b"b" * 600), (b"c", b"d" * 600)).value(b"a"), b"b" * 600)

    def test_settings_of_the_server(self) -> None:
        """Odd names are dropped, or taken, as for HTTP/1.1; the number of fields is bounded."""
        self.assertEqual(self.read((b"a_b", b"c"), (b"d@", b"e")).sent_on, b"")
        self.reader = reader_of("underscores_in_headers on; ignore_invalid_headers off; max_headers 3;")
        self.assertEqual(self.read((b"a_b", b"c"), (b"d@", b"e")).sent_on, b"a_b: c\r\nd@: e\r\n")
        self.assertEqual(self.refused([*GET, *((b"a", b"b") for _ in range(4))])[0], 494)

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), max_size=4), st.booleans())
    def test_anything(self, more: list[tuple[bytes, bytes]], ended: bool) -> None:
        """Whatever fields come, they are refused with a status, or make as many lines as they are."""
        try:
            head = self.read(*more, ended=ended)
        except RequestRefused as refusal:
            self.assertIn(refusal.status, (400, 414, 431, 494))
            return
        self.assertEqual((head.line, head.host), (b"GET /a?b HTTP/2.0", b"one"))
        self.assertLessEqual(head.sent_on.count(b"\n"), len(more))
        self.assertLessEqual(len(head.fields), 1 + len(more))
