"""Tests of dyups.client.place."""

from __future__ import annotations

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import HTTPConnectionPool

from dyups.client.place import Place, agent_for, place_of


class PlaceTests(SynchronousTestCase):
    """URLs."""

    def test_good(self) -> None:
        """HTTP with and without a prefix, IPv6, unix sockets as nginx writes them."""
        table = {
            "http://127.0.0.1:8081": Place("http://127.0.0.1:8081"),
            "http://admin/": Place("http://admin"),
            "https://[::1]:1/dyups/": Place("https://[::1]:1/dyups"),
            "unix:/run/d.sock": Place("http://localhost", "/run/d.sock"),
            "unix:/run/d.sock:/dyups/": Place("http://localhost/dyups", "/run/d.sock"),
            "http://me:s%40@h:1/d/": Place("http://h:1/d", "", ("me", "s@")),
            "http://me@h": Place("http://h", "", ("me", "")),
            "unix:d.sock": Place("http://localhost", "d.sock"),
            "unix:d@e.sock": Place("http://localhost", "d@e.sock"),
            "unix:/run/d@/e.sock:/x": Place("http://localhost/x", "/run/d@/e.sock"),
            "unix:me:s%40:@/run/d.sock": Place("http://localhost", "/run/d.sock", ("me", "s@:")),
            "unix:me:s%2F@/run/d.sock:/dyups/": Place("http://localhost/dyups", "/run/d.sock", ("me", "s/")),
            "unix:me@/run/d.sock": Place("http://localhost", "/run/d.sock", ("me", "")),
        }
        for url, place in table.items():
            self.assertEqual(place_of(url), place)

    def test_shown(self) -> None:
        """People are shown the URL without its password."""
        table = {
            "http://me:secret@h:1/d/": "http://h:1/d",
            "unix:me:secret@/run/d.sock": "unix:/run/d.sock",
            "unix:me:secret@/run/d.sock:/dyups/": "unix:/run/d.sock:/dyups",
        }
        for url, shown in table.items():
            self.assertEqual(place_of(url).shown, shown)

    def test_bad(self) -> None:
        """What cannot be reached is refused before anything is sent."""
        for url in (
            "",
            "127.0.0.1:8081",
            "ftp://x",
            "http://",
            "http://x:0",
            "http://x:99999",
            "http://x:y",
            "http://x/?a",
            "http://x/#a",
            "unix:",
            "unix::/x",
            "unix:/s:x",
            "unix:me:secret@d.sock",
        ):
            self.assertRaises(ValueError, place_of, url)


class AgentTests(SynchronousTestCase):
    """Where connections go."""

    def connect(self, url: str) -> MemoryReactorClock:
        reactor = MemoryReactorClock()
        place = place_of(url)
        agent = agent_for(place, reactor, HTTPConnectionPool(reactor))
        agent.request(b"GET", place.base.encode() + b"/list")
        return reactor

    def test_tcp(self) -> None:
        """To the URL's host and port."""
        ((host, port, *_),) = self.connect("http://127.0.0.1:8081/dyups").tcpClients
        self.assertEqual((host, port), ("127.0.0.1", 8081))

    def test_unix(self) -> None:
        """To the socket, whatever the URL of the request says."""
        reactor = self.connect("unix:/run/d.sock:/dyups")
        self.assertEqual([path for path, *_ in reactor.unixClients], ["/run/d.sock"])
        self.assertEqual(reactor.tcpClients, [])
