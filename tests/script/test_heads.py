"""Tests of dyups.script.heads."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.request import read_request
from dyups.script.heads import with_field, with_method

RAW = b"GET /p?q HTTP/1.1\r\nHost: a.example:8\r\nX-A: 1\r\nx-a: 2\r\nX-B: 3"


class HeadTests(SynchronousTestCase):
    """Changed heads."""

    def setUp(self) -> None:
        self.head = read_request(RAW)

    def test_replaced(self) -> None:
        """A field has the new values in place of the old ones; the head that was read is as it was."""
        changed = with_field(self.head, b"X-a", [b"x", b"y"])
        self.assertEqual(changed.sent_on, b"X-B: 3\r\nX-a: x\r\nX-a: y\r\n")
        self.assertEqual(self.head.sent_on, b"X-A: 1\r\nx-a: 2\r\nX-B: 3\r\n")
        self.assertEqual((changed.uri, changed.args, changed.host), (b"/p", b"q", b"a.example"))

    def test_taken_away(self) -> None:
        """No value, no field."""
        self.assertEqual(with_field(self.head, b"X-A", []).sent_on, b"X-B: 3\r\n")

    def test_host(self) -> None:
        """Another Host is another host."""
        changed = with_field(self.head, b"Host", [b"B.example:9"])
        self.assertEqual((changed.raw_host, changed.host), (b"B.example:9", b"b.example"))

    def test_underscores(self) -> None:
        """A name that a client could not send is sent on when a script says it."""
        self.assertIn(b"X_C: 1\r\n", with_field(self.head, b"X_C", [b"1"]).sent_on)

    def test_refused(self) -> None:
        """What frames a message is not for scripts, nor is what would begin another line."""
        for name, value in (
            (b"Content-Length", b"3"),
            (b"Transfer-Encoding", b"chunked"),
            (b"Connection", b"close"),
            (b"X", b"a\r\nY: b"),
            (b"X\r\nY", b"b"),
            (b"X Y", b"b"),
            (b"", b"b"),
        ):
            self.assertRaises(ValueError, with_field, self.head, name, [value])
            self.assertEqual(len(self.head.fields), 4)
        self.assertRaises(ValueError, with_field, self.head, b"Content-Length", [])

    def test_method(self) -> None:
        """Another method, the rest as it was."""
        changed = with_method(self.head, b"POST")
        self.assertEqual((changed.method, changed.sent_on), (b"POST", self.head.sent_on))
