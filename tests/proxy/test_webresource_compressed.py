"""Web resources whose answers are compressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import NOT_DONE_YET

from tests.proxy.conversation import head
from tests.proxy.filters.test_gzipping import body_of
from tests.proxy.test_webresource import Called, get, world_of


class CompressedTests(SynchronousTestCase):
    """``gzip`` for resources."""

    HTTP = "server { gzip on; gzip_types text/plain; location / { dyups_interface; } }"

    def ask(self, render: Callable[[Any], Any], method: bytes = b"GET") -> bytes:
        """The answer to who takes gzip."""
        client = world_of(Called(render), self.HTTP).client()
        client.say(get(more=b"Accept-Encoding: gzip\r\n", method=method))
        return client.read()

    def test_whole(self) -> None:
        """A text with a length."""
        _, fields, body = body_of(self.ask(lambda request: b"hello " * 50))
        self.assertEqual((body, fields["content-encoding"]), (b"hello " * 50, "gzip"))
        self.assertEqual((fields["transfer-encoding"], "content-length" in fields), ("chunked", False))

    def test_pieces(self) -> None:
        """One that comes in pieces, which Twisted would chunk itself."""

        def render(request: Any) -> Any:
            request.write(b"hello ")
            request.write(b"world")
            request.finish()
            return NOT_DONE_YET

        self.assertEqual(body_of(self.ask(render))[2], b"hello world")

    def test_head(self) -> None:
        """A head tells no length."""
        _, fields, body = head(self.ask(lambda request: b"hello " * 50, b"HEAD"))
        self.assertEqual((fields["content-encoding"], "content-length" in fields, body), ("gzip", False, b""))

    def test_wrong_length(self) -> None:
        """A body that is not as long as it said is not whole for being compressed."""

        def render(request: Any) -> Any:
            request.setHeader(b"content-length", b"1000")
            request.write(b"hello")
            request.finish()
            return NOT_DONE_YET

        self.assertFalse(self.ask(render).endswith(b"0\r\n\r\n"))
