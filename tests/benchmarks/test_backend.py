"""The small backend of our own, for machines without nginx."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.backend import ANSWERS, SmallBackend, content_length


class Written:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.data += data


class SmallBackendTests(SynchronousTestCase):
    """Requests in pieces and in a row."""

    def setUp(self) -> None:
        self.backend = SmallBackend()
        self.out: Any = Written()
        self.backend.connection_made(self.out)

    def test_requests_in_a_row(self) -> None:
        """Each of two requests in one read gets its own answer."""
        self.backend.data_received(b"GET /small HTTP/1.1\r\n\r\nGET /64k HTTP/1.1\r\n\r\n")
        self.assertEqual(self.out.data, ANSWERS[b"/small"] + ANSWERS[b"/64k"])

    def test_queries_do_not_matter(self) -> None:
        """What stands behind the question mark changes nothing, as in the nginx backend."""
        self.backend.data_received(b"GET /small?number=7 HTTP/1.1\r\n\r\n")
        self.assertEqual(self.out.data, ANSWERS[b"/small"])

    def test_uploads(self) -> None:
        """The answer comes after the last byte of the body, and the next request is read from there."""
        request = b"POST /upload HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde"
        for byte in request[:-1]:
            self.backend.data_received(bytes([byte]))
        self.assertEqual(self.out.data, b"")
        self.backend.data_received(request[-1:] + b"GET /small HTTP/1.1\r\n\r\n")
        self.assertEqual(self.out.data, ANSWERS[b"/upload"] + ANSWERS[b"/small"])

    def test_unknown(self) -> None:
        """Another path is 404."""
        self.backend.data_received(b"GET /x HTTP/1.1\r\n\r\n")
        self.assertTrue(self.out.data.startswith(b"HTTP/1.1 404 "))

    def test_length(self) -> None:
        """The length is found whatever its case; without one it is 0."""
        self.assertEqual(content_length(b"POST / HTTP/1.1\r\nHost: x\r\nCONTENT-Length: 12\r\nA: b"), 12)
        self.assertEqual(content_length(b"GET / HTTP/1.1\r\nHost: x"), 0)
