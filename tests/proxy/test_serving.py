"""The sink for bodies that nobody wants."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.serving import DISCARD
from tests.proxy.conversation import World, attributes, get, replies


class DiscardTests(SynchronousTestCase):
    """:data:`DISCARD`."""

    def test_takes_anything(self) -> None:
        """It takes whatever comes, in any order, and keeps nothing."""
        DISCARD.client_gone()
        DISCARD.take_body(b"x", True)
        DISCARD.take_body(b"", False)
        DISCARD.client_paused()
        DISCARD.client_resumed()
        self.assertEqual(attributes(type(DISCARD)), set())

    def test_in_use(self) -> None:
        """A location that wants no body answers at once, and the body is read over until the next request."""
        world = World("server { listen 8080; return 200 x; }")
        client = world.client()
        client.say(get("/", "a", "Content-Length: 5", method="POST"))
        self.assertEqual([status for status, _, _ in replies(client.read())], [200])
        client.say(b"12")
        client.say(b"345" + get())
        self.assertEqual([status for status, _, _ in replies(client.read())], [200])
        self.assertFalse(client.closed)
