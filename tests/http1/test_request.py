"""Tests of dyups.http1.request."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import RequestRefused
from dyups.http1 import fields as f
from dyups.http1 import request
from dyups.http1.request import BARE_END, Acceptance, RequestHead, read_request

HOST = b"Host: a.example"


def head(*lines: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = HOST, end: bytes = b"\r\n") -> bytes:
    """A request head without its empty line."""
    return end.join([line, *([host] if host else []), *lines])


def read(*lines: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = HOST) -> RequestHead:
    """What is read of such a head."""
    return read_request(head(*lines, line=line, host=host))


#: What is refused, with the status of the answer: (name, head).
REFUSED: list[tuple[int, str, bytes]] = [
    # framing, RFC 9112 sections 6.1 to 6.3
    (400, "two different lengths", head(b"Content-Length: 5", b"Content-Length: 6")),
    (400, "two equal lengths", head(b"Content-Length: 5", b"Content-Length: 5")),
    (400, "two equal lengths, spelt otherwise", head(b"Content-Length: 5", b"content-length:5")),
    (400, "a list of equal lengths", head(b"Content-Length: 5, 5")),
    (400, "a length with a sign", head(b"Content-Length: +5")),
    (400, "a negative length", head(b"Content-Length: -5")),
    (400, "a length in hexadecimal", head(b"Content-Length: 0x5")),
    (400, "a length with a space inside", head(b"Content-Length: 5 0")),
    (400, "a length with an underscore", head(b"Content-Length: 1_0")),
    (400, "a length in other digits", head("Content-Length: \u0665".encode())),
    (400, "an empty length", head(b"Content-Length:")),
    (400, "a length beyond 63 bits", head(b"Content-Length: 9223372036854775808")),
    (400, "a length beyond 64 bits", head(b"Content-Length: 18446744073709551621")),
    (400, "length, then chunked", head(b"Content-Length: 5", b"Transfer-Encoding: chunked")),
    (400, "chunked, then length", head(b"Transfer-Encoding: chunked", b"Content-Length: 5")),
    (400, "length with another coding", head(b"Content-Length: 5", b"Transfer-Encoding: gzip")),
    (400, "chunked twice", head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")),
    (400, "chunked twice in one field", head(b"Transfer-Encoding: chunked, chunked")),
    (400, "chunked in another field", head(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked")),
    (400, "chunked not last", head(b"Transfer-Encoding: chunked, identity")),
    (400, "xchunked", head(b"Transfer-Encoding: xchunked")),
    (400, "chunkedx", head(b"Transfer-Encoding: chunkedx")),
    (400, "chunked in quotes", head(b'Transfer-Encoding: "chunked"')),
    (400, "chunked with a parameter", head(b"Transfer-Encoding: chunked;q=1")),
    (400, "chunked behind a vertical tab", head(b"Transfer-Encoding: \x0bchunked")),
    (400, "chunked behind a comma", head(b"Transfer-Encoding: ,chunked")),
    (400, "an empty coding", head(b"Transfer-Encoding:")),
    (400, "a coding in HTTP/1.0", head(b"Transfer-Encoding: chunked", line=b"GET / HTTP/1.0")),
    (400, "an unknown coding in HTTP/1.0", head(b"Transfer-Encoding: gzip", line=b"GET / HTTP/1.0")),
    *(
        (400, f"two of {name.decode()}", head(name + b": a", name.lower() + b": b"))
        for name in (b"Authorization", b"Content-Range", b"Expect", b"If-Match", b"If-Modified-Since")
    ),
    *(
        (400, f"two of {name.decode()}", head(name + b": a", b"X: y", name + b": a"))
        for name in (b"If-None-Match", b"If-Range", b"If-Unmodified-Since")
    ),
    (501, "identity", head(b"Transfer-Encoding: identity")),
    (501, "gzip", head(b"Transfer-Encoding: gzip")),
    (501, "gzip under chunked", head(b"Transfer-Encoding: gzip, chunked")),
    # lines, RFC 9112 sections 2.2, 5.1 and 5.2
    (400, "a folded line", head(b"X: a", b" b")),
    (400, "a line folded with a tab", head(b"X: a", b"\tb")),
    (400, "a folded first line", head(b" X: a", host=b"")),
    (400, "a space before the colon", head(b"X : a")),
    (400, "a tab before the colon", head(b"X\t: a")),
    (400, "a space before the colon of a length", head(b"Content-Length : 5")),
    (400, "a space in a name", head(b"X Y: a")),
    (400, "no name", head(b": a")),
    (400, "no colon", head(b"just words")),
    (400, "a control character in a name", head(b"X\x01: a")),
    (400, "DEL in a name", head(b"X\x7f: a")),
    (400, "NUL in a name", head(b"X\0: a")),
    (400, "NUL in a value", head(b"X: a\0b")),
    (400, "a bare CR in a value", head(b"X: a\rb")),
    (400, "a bare CR that looks like a line end", head(b"X: a\rTransfer-Encoding: chunked")),
    (400, "two CR at a line's end", head(b"X: a\r", b"Y: b")),
    (400, "a bare CR in a name", head(b"X\r: a")),
    # the request line, RFC 9112 section 3
    (400, "an empty head", b""),
    (400, "an empty first line", b"\r\n" + head()),
    (400, "a method alone", head(line=b"GET")),
    (400, "HTTP/0.9", head(line=b"GET /")),
    (400, "a small method", head(line=b"get / HTTP/1.1")),
    (400, "a method with a digit", head(line=b"GET1 / HTTP/1.1")),
    (400, "a space before the method", head(line=b" GET / HTTP/1.1")),
    (400, "a tab for a space", head(line=b"GET\t/ HTTP/1.1")),
    (400, "a space in the target", head(line=b"GET /a b HTTP/1.1")),
    (400, "a bare CR in the target", head(line=b"GET /a\rb HTTP/1.1")),
    (400, "a CR before the line end", head(line=b"GET / HTTP/1.1\r")),
    (400, "NUL in the target", head(line=b"GET /\0 HTTP/1.1")),
    (400, "DEL in the target", head(line=b"GET /\x7f HTTP/1.1")),
    (400, "a target without a slash", head(line=b"GET a HTTP/1.1")),
    (400, "the asterisk", head(line=b"OPTIONS * HTTP/1.1")),
    (400, "another scheme", head(line=b"GET ftp://a.example/ HTTP/1.1")),
    (400, "absolute, no authority", head(line=b"GET http:///x HTTP/1.1")),
    (400, "absolute, bad authority", head(line=b"GET http://a@b/ HTTP/1.1")),
    (405, "CONNECT", head(line=b"CONNECT a.example:443 HTTP/1.1")),
    (400, "no version", head(line=b"GET / HTTP/")),
    (400, "a small http", head(line=b"GET / http/1.1")),
    (400, "words for a version", head(line=b"GET / HTTP/one.one")),
    (400, "a version without minor", head(line=b"GET / HTTP/1")),
    (400, "version 0", head(line=b"GET / HTTP/0.9")),
    (400, "a version with leading zero", head(line=b"GET / HTTP/01.1")),
    (400, "an endless minor", head(line=b"GET / HTTP/1.1111")),
    (400, "words behind the version", head(line=b"GET / HTTP/1.1 x")),
    (505, "version 2", head(line=b"GET / HTTP/2.0")),
    (505, "version 10", head(line=b"GET / HTTP/10.0")),
    (505, "the preface of HTTP/2", head(line=b"PRI /* HTTP/2.0")),
    # the host, RFC 9112 section 3.2
    (400, "no host", head(host=b"")),
    (400, "no host, absolute target", head(line=b"GET http://a.example/ HTTP/1.1", host=b"")),
    (400, "an empty host", head(host=b"Host:")),
    (400, "an empty host in HTTP/1.0", head(host=b"Host:", line=b"GET / HTTP/1.0")),
    (400, "two hosts", head(b"Host: b.example")),
    (400, "two equal hosts", head(HOST)),
    (400, "an empty second host", head(b"Host:")),
    (400, "an empty first host", head(HOST, host=b"Host:")),
    (400, "a path in the host", head(host=b"Host: a.example/x")),
    (400, "a user in the host", head(host=b"Host: u@a.example")),
    (400, "a space in the host", head(host=b"Host: a b")),
    (400, "two hosts in one field", head(host=b"Host: a.example, b.example")),
    (400, "two dots", head(host=b"Host: a..example")),
    (400, "a dot alone", head(host=b"Host: .")),
    (400, "a port alone", head(host=b"Host: :80")),
    (400, "a port of letters", head(host=b"Host: a.example:8x")),
    (400, "two ports", head(host=b"Host: a.example:80:80")),
    (400, "an open bracket", head(host=b"Host: [::1")),
    (400, "a bad host, absolute target", head(line=b"GET http://b/ HTTP/1.1", host=b"Host: a/b")),
]


class RefusalTests(SynchronousTestCase):
    """What two readers could understand differently ends here, with the status it deserves."""

    def test_table(self) -> None:
        """Each bad head gives RequestRefused with its status, and is refused again the next time."""
        for status, name, raw in REFUSED:
            for _ in range(2):
                with self.subTest(name):
                    refusal = self.assertRaises(RequestRefused, read_request, raw)
                    self.assertEqual(refusal.status, status, (name, refusal))
                    self.assertTrue(refusal.reason.startswith("client sent "), refusal.reason)

    def test_bare_line_ends_hide_nothing(self) -> None:
        """Fields are refused just the same in a head whose lines end with a bare LF."""
        for status, name, raw in REFUSED:
            if b"\r" in raw.replace(b"\r\n", b""):
                continue  # a lone CR before LF is a line end there
            with self.subTest(name):
                bare = raw.replace(b"\r\n", b"\n") + b"\n\n"
                self.assertEqual(self.assertRaises(RequestRefused, read_request, bare).status, status, name)


class LineTests(SynchronousTestCase):
    """The request line and the host."""

    def test_plain(self) -> None:
        """Method, target, version and host are told apart; the line and the length are kept."""
        found = read(b"Accept: */*", line=b"GET /a?b=c HTTP/1.1", host=b"Host: A.Example.:8080")
        self.assertEqual((found.method, found.target, found.minor), (b"GET", b"/a?b=c", 1))
        self.assertEqual((found.host, found.raw_host), (b"a.example", b"A.Example.:8080"))
        self.assertEqual(found.line, b"GET /a?b=c HTTP/1.1")
        self.assertEqual(
            found.length, len(head(b"Accept: */*", line=found.line, host=b"Host: A.Example.:8080")) + 4
        )
        self.assertEqual((found.content_length, found.chunked, found.keep_alive), (-1, False, True))

    def test_versions(self) -> None:
        """Any 1.x is 1.1, save 1.0 however it is spelt; 1.0 closes unless it asks to be kept."""
        for text, minor in ((b"1.1", 1), (b"1.2", 1), (b"1.10", 1), (b"1.0", 0), (b"1.00", 0), (b"1.01", 1)):
            found = read(line=b"GET / HTTP/" + text)
            self.assertEqual((found.minor, found.keep_alive), (minor, bool(minor)), text)

    def test_spaces(self) -> None:
        """More spaces than one are as good as one, as nginx has it."""
        found = read(line=b"GET   /a   HTTP/1.1  ")
        self.assertEqual((found.method, found.target), (b"GET", b"/a"))

    def test_any_method(self) -> None:
        """A method is any word of capitals, with - and _."""
        self.assertEqual(read(line=b"VERSION-CONTROL_X / HTTP/1.1").method, b"VERSION-CONTROL_X")

    def test_old_without_host(self) -> None:
        """HTTP/1.0 needs no Host."""
        found = read(line=b"GET / HTTP/1.0", host=b"")
        self.assertEqual((found.host, found.raw_host), (b"", b""))

    def test_hosts(self) -> None:
        """Addresses, ports, an empty port and odd but allowed characters."""
        for value, host in (
            (b"127.0.0.1:80", b"127.0.0.1"),
            (b"[::1]:8080", b"[::1]"),
            (b"[FE80::1]", b"[fe80::1]"),
            (b"[v1F.a!$&'()*+,;=-._~:z]:80", b"[v1f.a!$&'()*+,;=-._~:z]"),
            (b"a.example:", b"a.example"),
            (b"dyups_test", b"dyups_test"),
            (b"a%20b~!$&'()*+,;=", b"a%20b~!$&'()*+,;="),
            (b"\xc3\xa4.example", b"\xc3\xa4.example"),
        ):
            for _ in range(2):
                self.assertEqual(read(host=b"Host: " + value).host, host)

    def test_absolute(self) -> None:
        """The authority of an absolute target is the host, whatever Host says; the rest is the target."""
        for target, host, rest in (
            (b"http://B.example:81/x?y", b"b.example", b"/x?y"),
            (b"HTTPS://b.example", b"b.example", b"/"),
            (b"http://b.example?y=/z", b"b.example", b"/?y=/z"),
        ):
            found = read(line=b"GET " + target + b" HTTP/1.1")
            self.assertEqual((found.host, found.target, found.raw_host), (host, rest, b"a.example"))
        self.assertEqual(read(line=b"GET http://b/ HTTP/1.0", host=b"").host, b"b")


class FieldTests(SynchronousTestCase):
    """What the fields say of the message, and which of them go further."""

    def test_framing(self) -> None:
        """A length, or chunked in any case; neither line is passed on as it is."""
        found = read(b"Content-Length: 0042")
        self.assertEqual((found.content_length, found.chunked), (42, False))
        self.assertEqual([x.line for x in found.fields if x.kind == f.PASS], [])
        self.assertEqual(read(b"Content-Length: 9223372036854775807").content_length, 2**63 - 1)
        found = read(b"transfer-encoding:\tCHUNKED ")
        self.assertEqual((found.content_length, found.chunked), (-1, True))

    def test_connection(self) -> None:
        """close ends the connection whatever else is said; keep-alive keeps that of an old client."""
        for version, value, kept in (
            (b"1.1", b"close", False),
            (b"1.1", b"Keep-Alive", True),
            (b"1.1", b"keep-alive, Close", False),
            (b"1.0", b"keep-alive", True),
            (b"1.0", b"keep-alive, close", False),
            (b"1.0", b"x", False),
            (b"1.1", b"closed", True),
        ):
            found = read(b"Connection: " + value, line=b"GET / HTTP/" + version)
            self.assertEqual(found.keep_alive, kept, (version, value))
        self.assertFalse(read(b"Connection: x", b"Connection: close").keep_alive)

    def test_named_by_connection(self) -> None:
        """A field that Connection names goes no further; framing and Host cannot be named away."""
        found = read(
            b"Connection: X-One, content-length, host, ,x-two",
            b"X-One: 1",
            b"X-Two: 2",
            b"X-Three: 3",
            b"Content-Length: 4",
        )
        self.assertEqual([x.name for x in found.fields if x.kind == f.PASS], [b"x-three"])
        self.assertEqual((found.content_length, found.host), (4, b"a.example"))
        self.assertEqual(found.value(b"x-one"), b"1")

    def test_hop(self) -> None:
        """Fields between us and the client are not passed on."""
        found = read(b"Keep-Alive: 5", b"TE: trailers", b"Trailer: X", b"Proxy-Connection: close", b"X: y")
        self.assertEqual([x.line for x in found.fields if x.kind == f.PASS], [b"X: y"])
        self.assertTrue(found.keep_alive)

    def test_expect(self) -> None:
        """100-continue counts from HTTP/1.1 on; other expectations do not count."""
        self.assertTrue(read(b"Expect: 100-Continue").expects_continue)
        self.assertFalse(read(b"Expect: 100-continue", line=b"GET / HTTP/1.0").expects_continue)
        self.assertFalse(read(b"Expect: miracles").expects_continue)

    def test_upgrade(self) -> None:
        """Upgrade counts where Connection names it, from HTTP/1.1 on."""
        lines = (b"Upgrade: websocket", b"Connection: keep-alive, Upgrade")
        self.assertEqual(read(*lines).upgrade, b"websocket")
        self.assertEqual(read(*lines, line=b"GET / HTTP/1.0").upgrade, b"")
        self.assertEqual(read(lines[0]).upgrade, b"")

    def test_values(self) -> None:
        """White space around a value is no part of it; repeats are joined; what is absent is empty."""
        found = read(b"X:  a \t", b"x:b", b"Y:")
        self.assertEqual((found.value(b"x"), found.value(b"y"), found.value(b"z")), (b"a, b", b"", b""))
        self.assertEqual([x.line for x in found.fields if not x.kind], [b"X: a", b"x: b", b"Y: "])

    def test_odd_names(self) -> None:
        """Odd names are dropped, unless the server says otherwise; then they are fields as any other."""
        lines = (b"X_Y: 1", b"X.Y: 2", b"Content_Length: 9", b"Transfer\xff-Encoding: chunked", b"X-Y: 3")
        names = [b"x_y", b"x.y", b"content_length", b"transfer\xff-encoding", b"x-y"]
        for acceptance, kept in (
            (Acceptance(), [b"x-y"]),
            (Acceptance(underscores_in_headers=True), [b"x_y", b"content_length", b"x-y"]),
            (Acceptance(ignore_invalid_headers=False), names),
            (Acceptance(ignore_invalid_headers=False, max_headers=len(names) + 1), names),
        ):
            found = read_request(head(*lines), acceptance)
            self.assertEqual([x.name for x in found.fields if x.kind == f.PASS], kept)
            self.assertEqual((found.content_length, found.chunked), (-1, False))
        found = read_request(head(b"Connection: x_y", b"X_Y: 1"), Acceptance(underscores_in_headers=True))
        self.assertEqual([x.kind for x in found.fields if x.name == b"x_y"], [f.HOP])

    def test_too_many(self) -> None:
        """More fields than ``max_headers`` are refused; those that are dropped do not count."""
        acceptance = Acceptance(max_headers=3)
        self.assertEqual(len(read_request(head(b"A: 1", b"X_Y: 1", b"B: 2"), acceptance).fields), 3)
        refusal = self.assertRaises(RequestRefused, read_request, head(b"A: 1", b"B: 2", b"C: 3"), acceptance)
        self.assertEqual((refusal.status, refusal.reason), (494, "client sent too many header lines"))

    def test_many_names_in_connection(self) -> None:
        """Thousands of names in Connection and thousands of fields are no work to speak of: each is looked up once."""
        names = [b"x%d" % number for number in range(3000)]
        lines = (b"Connection: " + b",".join(names), *[name + b":" for name in names])
        found = read_request(head(*lines), Acceptance(max_headers=5000))
        self.assertEqual([x for x in found.fields if x.kind == f.PASS], [])


class BareLineFeedTests(SynchronousTestCase):
    """nginx takes a bare LF for a line end; the head may then end where no CRLF CRLF stands."""

    def test_ends(self) -> None:
        """However the lines end, the same head is read, and its length is that of its bytes alone."""
        rest = b"GET /next HTTP/1.1\r\nHost: n\r\n\r\n"
        for lines in (b"\n", b"\r\n"):
            for last in (b"\n", b"\r\n"):
                for empty in (b"\n", b"\r\n"):
                    whole = head(b"X: y", end=lines) + last + empty
                    with self.subTest(whole):
                        self._check(whole, rest)
                        self._check(whole, b"\r\n" + rest)
                        self._check(whole, b"")

    def _check(self, whole: bytes, rest: bytes) -> None:
        data = whole + rest
        end = data.find(b"\r\n\r\n")
        if end < 0:
            bare = BARE_END(data)
            assert bare is not None
            end = bare.end()
        found = read_request(data[:end])
        self.assertEqual((found.length, found.value(b"x"), found.host), (len(whole), b"y", b"a.example"))

    def test_a_remembered_line(self) -> None:
        """A line that came with CRLF is known when it comes with LF, and the other way round."""
        for end in (b"\r\n", b"\n", b"\r\n"):
            raw = head(b"X-Known: 1", end=end)
            self.assertEqual(read_request(raw).value(b"x-known"), b"1")


class MemoryTests(SynchronousTestCase):
    """What is remembered of requests is bounded and holds no secret."""

    def test_hosts(self) -> None:
        """However many hosts are asked for, however long, the table of hosts stays small."""
        for number in range(request._MOST_HOSTS + 10):
            read(host=b"Host: h%d" % number)
        self.assertLessEqual(len(request._HOSTS), request._MOST_HOSTS)
        long = b"h" * 5000
        self.assertEqual(read(host=b"Host: " + long).host, long)
        self.assertNotIn(long, request._HOSTS)

    def test_secrets(self) -> None:
        """Credentials and cookies are read and not remembered."""
        secret = b"s3cr3t-of-test"
        found = read(
            b"Authorization: Basic " + secret, b"COOKIE: a=" + secret, b"Proxy-Authorization:" + secret
        )
        self.assertEqual(found.value(b"cookie"), b"a=" + secret)
        self.assertEqual([line for line in request.READER.known if secret in line], [])
