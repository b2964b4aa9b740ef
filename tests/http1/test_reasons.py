"""Tests of dyups.http1.reasons."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.reasons import PHRASES, WITH_PAGE, status_line
from dyups.http1.response import read_response


class StatusLineTests(SynchronousTestCase):
    """Status lines as nginx words them."""

    def test_words(self) -> None:
        """The phrases are nginx's own where they differ from RFC 9110's."""
        for code, line in (
            (200, b"HTTP/1.1 200 OK"),
            (302, b"HTTP/1.1 302 Moved Temporarily"),
            (405, b"HTTP/1.1 405 Not Allowed"),
            (408, b"HTTP/1.1 408 Request Time-out"),
            (413, b"HTTP/1.1 413 Request Entity Too Large"),
            (414, b"HTTP/1.1 414 Request-URI Too Large"),
            (503, b"HTTP/1.1 503 Service Temporarily Unavailable"),
            (504, b"HTTP/1.1 504 Gateway Time-out"),
        ):
            self.assertEqual(status_line(code), line)

    def test_without_phrase(self) -> None:
        """A code nobody has a phrase for stands alone, with the space that RFC 9112 section 4 asks for."""
        self.assertEqual(status_line(299), b"HTTP/1.1 299 ")

    def test_readable(self) -> None:
        """Every status line is one that we would take from a server."""
        for code in [*PHRASES, 299, 599]:
            found = read_response(status_line(code))
            self.assertEqual((found.status, found.status_line), (code, status_line(code)))

    def test_pages(self) -> None:
        """Redirects and errors have a page, other answers do not."""
        self.assertEqual({code for code in PHRASES if code >= 400} - WITH_PAGE, set())
        self.assertEqual({code for code in WITH_PAGE if code < 400}, {301, 302, 303, 307, 308})
