"""Tests of dyups.health.answers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.health.answers import LONGEST_HEAD, Answer

OK = b"HTTP/1.1 200 OK\r\n"
#: Answers, and what is known of them once all has come: whether they are over, and leave a connection for more.
TABLE = {
    OK + b"Content-Length: 2\r\n\r\nok": (True, True),
    OK + b"Content-Length: 0\r\n\r\n": (True, True),
    OK + b"Content-Length: 2\r\n\r\nokk": (True, False),
    OK + b"Content-Length: 3\r\n\r\nok": (False, True),
    OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nok": (True, False),
    OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n": (True, True),
    OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n": (False, True),
    OK + b"Transfer-Encoding: chunked\r\n\r\nx": (False, True),
    OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n": (True, False),
    OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore": (True, False),
    OK + b"\r\nuntil the end": (True, False),
    OK + b"Content-Length: x\r\n\r\n": (True, False),
    OK + b"Content-Length: 2\r\n": (False, True),
    OK + b"Content-Length: 2\n\nok": (True, False),
    b"HTTP/1.1 204 No Content\r\n\r\n": (True, True),
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n": (True, True),
    b"HTTP/1.1 100 Continue\r\n\r\n": (True, False),
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok": (True, False),
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok": (True, True),
    b"nonsense\r\n\r\n": (True, False),
    OK + b"X: " + b"x" * LONGEST_HEAD: (True, False),
}


def fed(pieces: list[bytes], *, to_head: bool = False) -> tuple[bool, bool]:
    """What is known after these pieces."""
    answer = Answer(to_head)
    for piece in pieces:
        answer.feed(piece)
    return answer.over, answer.usable


class AnswerTests(SynchronousTestCase):
    """Where an answer ends."""

    def test_whole(self) -> None:
        """Lengths, chunks, answers without a body; whatever cannot be told, or is wrong, ends the connection."""
        for text, known in TABLE.items():
            self.assertEqual(fed([text]), known, str(text[:70]))

    def test_head(self) -> None:
        """The answer to a HEAD request has no body, whatever length it tells."""
        self.assertEqual(fed([OK + b"Content-Length: 20\r\n\r\n"], to_head=True), (True, True))
        self.assertEqual(fed([OK + b"\r\n"], to_head=True), (True, True))

    def test_after_the_end(self) -> None:
        """What comes after the end was not asked for."""
        self.assertEqual(fed([OK + b"Content-Length: 2\r\n\r\nok", b"x"]), (True, False))

    @given(st.sampled_from([text for text in TABLE if len(text) < 1000]), st.data())
    @settings(deadline=None)
    def test_in_pieces(self, text: bytes, data: st.DataObject) -> None:
        """It does not matter how an answer is cut into pieces."""
        cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1), max_size=6)))
        pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        self.assertEqual(fed(pieces), TABLE[text])
