"""What a ``ClientConnection`` writes, taken apart."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.chunked import chunk
from dyups.proxy.http2.answer import AnswerReader

_HEAD = b"HTTP/1.1 200 OK\r\nServer: s\r\n"


def read(data: bytes, *, bodiless: bool = False) -> tuple[AnswerReader, bytes]:
    """A reader that was given everything at once."""
    reader = AnswerReader(bodiless)
    return reader, reader.feed(data)


class Heads(SynchronousTestCase):
    """Heads."""

    def test_names_are_lower_case(self) -> None:
        """Status first, then the fields with lower names, without those of a connection."""
        data = _HEAD + b"X-Y:  z \r\nConnection: close\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n"
        reader, body = read(data)
        self.assertEqual(
            reader.heads[0].fields,
            [(b":status", b"200"), (b"server", b"s"), (b"x-y", b"z"), (b"content-length", b"0")],
        )
        self.assertEqual((body, reader.ended), (b"", True))

    def test_names_that_are_no_tokens(self) -> None:
        """A field whose name clients would refuse the whole answer for stays behind."""
        reader, _ = read(_HEAD + b'a"b: c\r\nd(): e\r\nContent-Length: 0\r\n\r\n')
        self.assertEqual([name for name, _ in reader.heads[0].fields][2:], [b"content-length"])

    def test_a_length_that_is_none(self) -> None:
        """What ``add_header Content-Length`` may say is nothing to stumble over."""
        reader, body = read(_HEAD + b"Content-Length: 2\r\nContent-Length: x\r\n\r\nab")
        self.assertEqual(reader.heads[0].fields[2:], [(b"content-length", b"2")])
        self.assertEqual((body, reader.ended), (b"ab", True))

    def test_early_hints(self) -> None:
        """Heads of 1xx come before the one that counts."""
        reader, body = read(
            b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + _HEAD + b"Content-Length: 2\r\n\r\nab"
        )
        self.assertEqual([head.status for head in reader.heads], [103, 200])
        self.assertEqual((body, reader.ended), (b"ab", True))

    def test_remembered_heads_are_the_same(self) -> None:
        """The second reading of a head gives what the first one gave."""
        data = _HEAD + b"Content-Length: 1\r\n\r\na"
        self.assertEqual(read(data)[0].heads[0].fields, read(data)[0].heads[0].fields)


class Bodies(SynchronousTestCase):
    """Bodies."""

    def test_without(self) -> None:
        """An answer to HEAD, 204 and 304 have no body whatever their fields say."""
        self.assertTrue(read(_HEAD + b"Content-Length: 9\r\n\r\n", bodiless=True)[0].ended)
        for line in (b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified"):
            self.assertTrue(read(line + b"\r\nX: y\r\n\r\n")[0].ended)

    def test_a_page_for_a_bodiless_answer(self) -> None:
        """What is written behind such a head goes no further."""
        self.assertEqual(read(_HEAD + b"Content-Length: 2\r\n\r\nab", bodiless=True)[1], b"")

    def test_trailers(self) -> None:
        """Fields behind a chunked body are its trailers, with lower names."""
        reader, body = read(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n")
        self.assertEqual((body, reader.ended, reader.trailers()), (b"ab", True, [(b"x-sum", b"1")]))

    def test_a_body_that_ends_with_the_connection(self) -> None:
        """Without a length the end of writing is the end of the body; with one it is a cut."""
        open_end, _ = read(_HEAD + b"\r\nab")
        self.assertEqual((open_end.ended, open_end.close()), (False, True))
        for framing in (b"Content-Length: 3", b"Transfer-Encoding: chunked"):
            self.assertFalse(read(_HEAD + framing + b"\r\n\r\n")[0].close())
        self.assertFalse(AnswerReader(False).close())

    @settings(deadline=None)
    @given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.booleans(), st.data())
    def test_any_pieces(self, parts: list[bytes], chunked: bool, data: st.DataObject) -> None:
        """However an answer is cut, its head, its body and its end are the same."""
        body = b"".join(parts)
        if chunked:
            whole = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(map(chunk, parts)) + b"0\r\n\r\n"
        else:
            whole = _HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
        reader, got = AnswerReader(False), b""
        for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
            got += reader.feed(whole[start:end])
        self.assertEqual((got, reader.ended, len(reader.heads)), (body, True, 1))
