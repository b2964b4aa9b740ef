"""One listening address: connections of it, and the time limits behind all of them."""

from __future__ import annotations

from twisted.internet.interfaces import IProtocolFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from dyups.proxy.listener import limits_of
from tests.proxy.conversation import World, get, head

CONFIG = """
server { listen 8080; location / { return 200 one; } }
server { listen 8081; location / { return 200 two; } }
"""


class ListenerTests(SynchronousTestCase):
    """:class:`Listener`."""

    def test_factory(self) -> None:
        """It is a Twisted factory; its life cycle asks nothing of it."""
        listener = World(CONFIG).listeners[0]
        verifyObject(IProtocolFactory, listener)
        listener.doStart()
        listener.doStop()

    def test_own_servers(self) -> None:
        """Each connection is one of its own, and knows the servers of the address it came to."""
        world = World(CONFIG)
        listener = world.listeners[0]
        self.assertIsNot(listener.buildProtocol(None), listener.buildProtocol(None))
        bodies = [head(world.ask(get(), number))[2] for number in (0, 1)]
        self.assertEqual(bodies, [b"one", b"two"])

    def test_counted(self) -> None:
        """Connections and requests are counted, broken ones too."""
        world = World(CONFIG)
        first, second = world.client(), world.client()
        first.say(get() + get())
        second.say(b"nonsense\r\n\r\n")
        counters = world.plane.counters
        self.assertEqual((counters.accepted, counters.active, counters.requests), (2, 2, 3))
        for client in (first, second):
            client.hang_up()
        self.assertEqual((counters.accepted, counters.active), (2, 0))


class LimitTests(SynchronousTestCase):
    """The limits that the sweep's period depends on."""

    def test_found(self) -> None:
        """Each swept limit, wherever it is said, counts."""
        for said in (
            "client_header_timeout 77s; location / {}",
            "client_body_timeout 77s;",
            "location / { keepalive_timeout 77s; }",
            "location / { location /x { proxy_read_timeout 77s; } }",
            "proxy_send_timeout 77s;",
            "send_timeout 77s;",
            "lingering_time 77s;",
            "lingering_timeout 77s;",
        ):
            with self.subTest(said):
                world = World(f"server {{ listen 8080; {said} }}")
                self.assertIn(77.0, set(limits_of(world.http)))
