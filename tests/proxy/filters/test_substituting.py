"""Texts that are replaced in bodies."""

from __future__ import annotations

import gzip
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.chunked import ChunkedReader
from dyups.proxy.filters.coding import END, FLUSH, code
from dyups.proxy.filters.substituting import Search, Substitute
from tests.proxy.conversation import World, get, head, unrest
from tests.proxy.filters.test_gzipping import ASKS, body_of

_WORDS = st.text("ab<", min_size=1, max_size=4).map(str.encode)
START = (
    b'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: "x"\r\nLast-Modified: y\r\nAccept-Ranges: bytes\r\n'
)


def substitute(texts: dict[bytes, bytes], *, once: bool = False) -> Substitute:
    """What replaces the texts."""
    return Substitute({text: (lambda found=found: found) for text, found in texts.items()}, once)


def replaced(body: bytes, texts: dict[bytes, bytes], once: bool) -> bytes:
    """What is to come of it, found out place by place."""
    out, left = b"", dict(texts)
    at = 0
    while at < len(body):
        here = [text for text in left if body[at : at + len(text)].lower() == text]
        text = max(here, key=len, default=b"")
        out += left[text] if text else body[at : at + 1]
        at += len(text) or 1
        if once and text:
            del left[text]
    return out


class Replacing(SynchronousTestCase):
    """Piece by piece."""

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(st.text("abAB<", max_size=8).map(str.encode), max_size=6),
        st.sets(_WORDS, min_size=1, max_size=4),
        st.booleans(),
    )
    def test_pieces(self, pieces: list[bytes], words: set[bytes], once: bool) -> None:
        """Wherever the body is cut, the first text in it wins, and of those at the same place the longest."""
        texts = {word: b"[%b]" % word for word in words}
        coder = substitute(texts, once=once)
        found = b"".join([coder.feed(piece, FLUSH) for piece in pieces]) + coder.feed(b"", END)
        self.assertEqual(found, replaced(b"".join(pieces), texts, once))

    def test_held_back(self) -> None:
        """What may become a text is held back, and nothing else."""
        coder = substitute({b"</body>": b"!"})
        self.assertEqual(coder.feed(b"one </bo", FLUSH), b"one ")
        self.assertEqual(coder.feed(b"dies <", FLUSH), b"</bodies ")
        self.assertEqual(coder.feed(b"/BODY> more", FLUSH), b"! more")
        self.assertEqual(coder.feed(b"</", FLUSH) + coder.feed(b"", END), b"</")

    def test_the_end_is_looked_at_once(self) -> None:
        """Not again for each text that is found before it: a page full of them would keep the process busy."""
        begun = b"a" * 900
        coder = substitute({b"ab": b"", begun + b"c": b"!"})
        with mock.patch.object(Search, "open_from", autospec=True, side_effect=Search.open_from) as looked:
            self.assertEqual(coder.feed(b"ab" * 10000 + begun, FLUSH), b"")
        self.assertEqual(looked.call_count, 1)
        self.assertEqual(coder.feed(b"c", END), b"!")

    def test_asked_once(self) -> None:
        """What stands in place of a text is found out when it is there, and once."""
        calls: list[int] = []

        def found() -> bytes:
            calls.append(1)
            return b"%d" % len(calls)

        self.assertEqual(code(Substitute({b"a": found, b"z": self.fail}, False), b"a b a"), b"1 b 1")

    def test_long_bodies(self) -> None:
        """Many texts in a long body."""
        self.assertEqual(code(substitute({b"an": b"the"}), b"an " * 100_000), b"the " * 100_000)


class Answers(SynchronousTestCase):
    """``sub_filter`` in a location."""

    def ask(self, said: str, answer: bytes, *fields: str) -> bytes:
        """What the client gets of a server's answer."""
        world = World(
            f"upstream one {{ server 127.0.0.1:9001; }} server {{ {said} location / {{ proxy_pass http://one; }} }}"
        )
        client = world.client(high=1 << 30)
        client.say(get("/x", "one", *fields))
        world.servers[0].say(answer)
        if b"Content-Length" in answer:
            self.assertEqual(unrest(world), [])
        return client.read()

    def answer(self, body: bytes, kind: bytes = b"text/html") -> bytes:
        """Of known length."""
        return START.replace(b"text/html", kind) + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def test_replaced(self) -> None:
        """Once; what told of the old body is gone."""
        answer = self.ask("sub_filter </head> <s>$uri</s></head>;", self.answer(b"<head></HEAD></head>"))
        _, fields, body = body_of(answer)
        self.assertEqual(body, b"<head><s>/x</s></head></head>")
        self.assertEqual(fields.keys() & {"content-length", "etag", "last-modified", "accept-ranges"}, set())

    def test_kept(self) -> None:
        """Unless it is to stay, as far as it can."""
        said = "sub_filter a b; sub_filter_last_modified on; sub_filter_once off;"
        _, fields, body = body_of(self.ask(said, self.answer(b"banana")))
        self.assertEqual((body, fields["etag"], fields["last-modified"]), (b"bbnbnb", 'W/"x"', "y"))

    def test_left_alone(self) -> None:
        """Other types, and bodies without a byte."""
        for answer in (self.answer(b"banana", b"text/plain"), self.answer(b"")):
            self.assertIn(b'ETag: "x"', self.ask("sub_filter a b;", answer))
        self.assertIn(
            b"bbnana", self.ask("sub_filter a b; sub_filter_types *;", self.answer(b"banana", b"x/y"))
        )
        self.assertIn(b'ETag: "x"', self.ask("sub_filter $arg_none b;", self.answer(b"banana")))

    def test_with_compression(self) -> None:
        """It is compressed afterwards, and unpacked before."""
        packed = gzip.compress(b"banana" * 50)
        answer = START + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
        said = "gzip on; gunzip on; sub_filter_once off; sub_filter n m;"
        self.assertEqual(body_of(self.ask(said, answer))[2], b"bamama" * 50)
        _, fields, body = body_of(self.ask(said, self.answer(b"banana" * 50), ASKS))
        self.assertEqual((body, fields["content-encoding"]), (b"bamama" * 50, "gzip"))

    def test_stream(self) -> None:
        """What cannot become a text goes on at once."""
        body = self.ask("sub_filter abc d;", START + b"\r\nxyz ab").partition(b"\r\n\r\n")[2]
        self.assertEqual(ChunkedReader().feed(body), b"xyz ")

    def test_own_answers(self) -> None:
        """Texts of the configuration and error pages too."""
        world = World("server { sub_filter found lost; location / { return 404; } }")
        self.assertIn(b"404 Not lost", body_of(world.ask(get()))[2])
        _, fields, body = head(world.ask(get(method="HEAD")))
        self.assertEqual(("content-length" in fields, body), (False, b""))
