"""Heads that are changed with their bodies."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.filters.answerhead import AnswerHead

_LINES = b'Content-Type: Text/HTML ; charset=x\r\nETag: "a"\r\nX-Long: b\r\n'


class Heads(SynchronousTestCase):
    """One head."""

    def head(self, lines: bytes = _LINES) -> AnswerHead:
        """Of nobody's answer."""
        nobody: Any = None
        return AnswerHead(nobody, lines, 7)

    def test_value(self) -> None:
        """Names have no case, and are no part of other names."""
        head = self.head()
        self.assertEqual((head.value(b"x-long"), head.value(b"Long"), head.value(b"X")), (b"b", b"", b""))
        self.assertEqual(head.content_type(), b"text/html")
        self.assertEqual(self.head(b"").content_type(), b"")

    def test_vary(self) -> None:
        """Said once."""
        head = self.head()
        head.vary()
        head.vary()
        self.assertEqual(head.lines, _LINES + b"Vary: Accept-Encoding\r\n")

    def test_becomes_another(self) -> None:
        """Length and parts are those of the old body."""
        head = self.head(b"A: b\r\nContent-Length: 7\r\nAccept-Ranges: bytes\r\n")
        head.becomes_another()
        self.assertEqual((head.lines, head.length), (b"A: b\r\n", -1))

    def test_etag(self) -> None:
        """A strong tag becomes weak, a weak one stays, and what is none is dropped."""
        for before, after in ((b'"a"', b'W/"a"'), (b'W/"a"', b'W/"a"'), (b"a", b"")):
            head = self.head(b"ETag: " + before + b"\r\n")
            head.weaken_etag()
            self.assertEqual(head.value(b"etag"), after)
