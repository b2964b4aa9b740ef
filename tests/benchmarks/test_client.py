"""The client of one connection: its requests and how it reads a head."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.client import BadAnswer, read_head, request_bytes


class ClientTests(SynchronousTestCase):
    """Bytes out and in."""

    def test_requests(self) -> None:
        """A body comes with its length; a POST without one says 0; a GET says nothing."""
        self.assertEqual(request_bytes("GET", "/", "h"), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertIn(b"Content-Length: 0\r\n", request_bytes("POST", "/", "h"))
        self.assertTrue(request_bytes("POST", "/", "h", b"ab").endswith(b"Content-Length: 2\r\n\r\nab"))

    def test_head(self) -> None:
        """Status and length are found whatever the case of the name; no length is 0."""
        self.assertEqual(read_head(b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 7"), (200, 7))
        self.assertEqual(read_head(b"HTTP/1.1 204 No Content"), (204, 0))

    def test_nonsense(self) -> None:
        """What is no response is an error, not a status."""
        self.assertRaises(BadAnswer, read_head, b"SSH-2.0-OpenSSH")
