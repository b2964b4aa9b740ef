"""Which answers are compressed, and what their heads say."""

from __future__ import annotations

import gzip

from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.chunked import ChunkedReader
from tests.proxy.conversation import World, get, head

ASKS = "Accept-Encoding: gzip"
TEXT = "hello " * 10


def body_of(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, fields, and the body as the client reads it in the end."""
    status, fields, body = head(answer)
    if fields.get("transfer-encoding") == "chunked":
        reader = ChunkedReader()
        body = reader.feed(body)
        assert reader.rest == b"", reader.rest
    if fields.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return status, fields, body


class OwnAnswers(SynchronousTestCase):
    """``return`` and its like."""

    def world(self, said: str = "", answer: str = f'return 200 "{TEXT}"') -> World:
        return World(f"server {{ default_type text/html; gzip on; {said} location / {{ {answer}; }} }}")

    def test_compressed(self) -> None:
        """In chunks, since nobody knows its length before; ``Vary`` only if that is said."""
        status, fields, body = body_of(self.world().ask(get("/", "one", ASKS)))
        self.assertEqual((status, body), (200, TEXT.encode()))
        self.assertEqual((fields["content-encoding"], fields["transfer-encoding"]), ("gzip", "chunked"))
        self.assertEqual(fields.keys() & {"content-length", "vary", "accept-ranges"}, set())

    def test_not_asked_for(self) -> None:
        """Who does not ask gets it as it is, and hears that others may not, if that is said."""
        status, fields, body = body_of(self.world("gzip_vary on;").ask(get("/", "one")))
        self.assertEqual((status, body), (200, TEXT.encode()))
        self.assertEqual((fields["vary"], fields["content-length"]), ("Accept-Encoding", str(len(TEXT))))

    def test_head(self) -> None:
        """A head alone says what the whole answer would say, and so no length."""
        _, fields, body = head(self.world().ask(get("/", "one", ASKS, method="HEAD")))
        self.assertEqual((fields["content-encoding"], body), ("gzip", b""))
        self.assertEqual(fields.keys() & {"content-length", "transfer-encoding"}, set())

    def test_old_clients(self) -> None:
        """HTTP/1.0 knows no chunks: where it gets something compressed the connection ends it."""
        world = self.world("gzip_http_version 1.0;")
        client = world.client()
        client.say(b"GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n")
        _, fields, body = head(client.read())
        self.assertEqual((gzip.decompress(body), fields["connection"]), (TEXT.encode(), "close"))
        self.assertTrue(client.closed)

    def test_left_alone(self) -> None:
        """What is short, of another type, or has another status."""
        for said, answer in (
            ("", "return 200 short"),
            ("gzip_min_length 100;", f'return 200 "{TEXT}"'),
            ("default_type text/plain;", f'return 200 "{TEXT}"'),
            ("", f'return 201 "{TEXT}"'),
            ("", "return 500"),
            ("", "return 204"),
            ("gzip off;", f'return 200 "{TEXT}"'),
        ):
            world = World(f"gzip on; default_type text/html; server {{ {said} location / {{ {answer}; }} }}")
            answer_of = head(world.ask(get("/", "one", ASKS)))
            self.assertNotIn("content-encoding", answer_of[1], (said, answer))

    def test_types(self) -> None:
        """``gzip_types``, whatever parameters the type has; ``*`` is any, and none."""
        for said in ("gzip_types text/css", "gzip_types *"):
            answer = f"default_type 'Text/CSS; a=b'; return 200 '{TEXT}'"
            world = self.world(f"{said};", answer)
            self.assertIn("content-encoding", head(world.ask(get("/", "one", ASKS)))[1])

    def test_pages(self) -> None:
        """Error pages of 403 and 404 are compressed too."""
        for status in (403, 404):
            world = self.world("", f"return {status}")
            found = body_of(world.ask(get("/", "one", ASKS)))
            self.assertEqual((found[0], found[1]["content-encoding"]), (status, "gzip"))
            self.assertIn(b"<hr>", found[2])

    def test_trailers(self) -> None:
        """Fields behind the body are there as without."""
        world = self.world("add_trailer X-T $gzip_ratio;")
        answer = world.ask(get("/", "one", ASKS))
        self.assertRegex(answer, rb"0\r\nX-T: [1-9]\.[0-9]{2}\r\n\r\n\Z")

    def test_connection_goes_on(self) -> None:
        """The next request has its answer."""
        world = self.world()
        client = world.client()
        client.say(get("/", "one", ASKS) * 2)
        self.assertEqual(client.read().count(b"Content-Encoding: gzip"), 2)
