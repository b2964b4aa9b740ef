"""What a location changes of bodies."""

from __future__ import annotations

import gzip

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.filters.bodies import body_filters
from dyups.proxy.filters.coding import RATIO
from tests.config.helpers import location_of
from tests.proxy.conversation import World, get


class Filters(SynchronousTestCase):
    """Chosen once for each location."""

    def test_nothing(self) -> None:
        """A location that changes nothing has none, nor anything in its way."""
        self.assertIsNone(body_filters(location_of("gzip_vary on; gzip_types *;").settings))
        world = World("upstream one { server 127.0.0.1; } server { location / { proxy_pass http://one; } }")
        client = world.client()
        client.say(get())
        self.assertIsNone(client.protocol.exchange.route.bodies)
        self.assertIsNone(client.protocol._forwarding.plan.bodies)

    def test_whole(self) -> None:
        """An answer that is there at once."""
        filters = body_filters(location_of("gzip on;").settings)
        assert filters is not None
        exchange = self.exchange("Accept-Encoding: gzip")
        lines, changed = filters.whole(
            exchange, b"Content-Type: text/html\r\nContent-Length: 50\r\n", b"a" * 50
        )
        assert changed is not None
        self.assertEqual(gzip.decompress(changed), b"a" * 50)
        self.assertEqual(lines, b"Content-Type: text/html\r\nContent-Encoding: gzip\r\n")
        self.assertEqual((exchange.sent, float(exchange.user[RATIO]) > 1), (lines, True))

    def test_what_is_none(self) -> None:
        """What only says to be compressed goes out as it is."""
        filters = body_filters(location_of("gunzip on;").settings)
        assert filters is not None
        lines = b"Content-Encoding: gzip\r\n"
        self.assertEqual(filters.whole(self.exchange(), lines, b"hello"), (lines, None))

    def exchange(self, *fields: str):  # type: ignore[no-untyped-def]
        """One that was answered with 200."""
        client = World("server { location / { return 200; } }").client()
        client.say(get("/", "one", *fields))
        return client.protocol.exchange
