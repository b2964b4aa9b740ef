"""One ``server`` command, from text and to text."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ServerSpec
from dyups.config.parser import parse_text
from dyups.config.servers import print_server, print_server_verbose, server_of
from tests.config.helpers import message_of

APP = ServerSpec("app.example", "app.example")
READ = {
    "app.example resolve": replace(APP, resolve=True),
    "app.example service=http resolve": replace(APP, service="http", resolve=True),
    "app.example service=_x._tcp resolve drain": replace(APP, service="_x._tcp", resolve=True, drain=True),
    "app.example route=a1": replace(APP, route="a1"),
    "app.example 'route=a b;'": replace(APP, route="a b;"),
    "app.example slow_start=1m": replace(APP, slow_start=60.0),
    "app.example weight=2 slow_start=90s drain down": replace(
        APP, weight=2, slow_start=90.0, drain=True, down=True
    ),
}
REFUSED = {
    "a service=http": 'service upstream "a" requires "resolve" parameter',
    "a:80 service=http resolve": 'service upstream "a:80" may not have port',
    "unix:/a service=http resolve": 'service upstream "unix:/a" may not have port',
    "a service= resolve": 'invalid parameter "service="',
    "a resolve=1": 'invalid parameter "resolve=1"',
    "a drain=on": 'invalid parameter "drain=on"',
    "a route=": 'invalid parameter "route="',
    "a route=" + "x" * 33: 'invalid parameter "route=' + "x" * 33 + '"',
    "a 'route=\x07'": 'invalid parameter "route=\x07"',
    "a slow_start=1ms": 'invalid parameter "slow_start=1ms"',
}


def read(text: str) -> ServerSpec:
    """The server of these arguments."""
    return server_of(parse_text(f"server {text};")[0])


class Servers(SynchronousTestCase):
    """The parameters that ask for something while running."""

    def test_read_and_printed(self) -> None:
        """Each parameter sets its field, and what is printed reads back as the same server."""
        for text, spec in READ.items():
            self.assertEqual(read(text), spec)
            self.assertEqual(read(print_server(spec).removeprefix("server ")), spec)

    def test_refused(self) -> None:
        """What nginx refuses is refused in its words."""
        for text, error in REFUSED.items():
            self.assertIn(error, message_of(self, read, text))

    def test_followed(self) -> None:
        """A name with ``resolve`` is looked up while running; an address or a socket never is."""
        self.assertTrue(read("app.example resolve").followed)
        for text in ("app.example", "127.0.0.1 resolve", "[::1]:80 resolve", "unix:/a resolve"):
            self.assertFalse(read(text).followed)

    def test_verbose(self) -> None:
        """The C module's form comes first, what it does not know follows where it is said."""
        plain = "server app.example weight=1 max_conns=0 max_fails=1 fail_timeout=10 backup=0 down=0"
        self.assertEqual(print_server_verbose(APP), plain)
        full = replace(APP, slow_start=30.0, service="http", resolve=True, route="r", drain=True)
        self.assertEqual(
            print_server_verbose(full), plain + " slow_start=30s service=http resolve=1 route=r drain=1"
        )
