"""Connections to servers from an address of ours."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.forward import binding
from tests.proxy.conversation import World, get

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Binding(SynchronousTestCase):
    """``proxy_bind``."""

    def world(self, text: str, server: str = "127.0.0.1:9001") -> World:
        return World(
            f"upstream one {{ server {server}; }}"
            f"server {{ location / {{ proxy_pass http://one; proxy_bind {text}; }} }}"
        )

    def test_source(self) -> None:
        """The connection comes from the address, which may stand in a variable; ``off`` leaves it to the system."""
        for text, source in {
            "127.0.0.2": "127.0.0.2",
            "$arg_a": "127.0.0.3",
            "127.0.0.2:81": "127.0.0.2:81",
            "[::1]:$remote_port": "[::1]:54321",
            "off": "",
            "$arg_none": "",
        }.items():
            world = self.world(text)
            world.ask(get("/?a=127.0.0.3"))
            self.assertEqual(world.dialled[0].source, source, text)

    def test_unix(self) -> None:
        """A unix socket has no address of ours."""
        world = self.world("127.0.0.2", "unix:/run/a")
        world.ask(get())
        self.assertEqual(world.dialled[0].source, "")

    def test_own_connections(self) -> None:
        """An idle connection is used again for the same address alone."""
        world = self.world("$arg_a")
        for number, path in enumerate(("/?a=127.0.0.2", "/?a=127.0.0.2", "/?a=127.0.0.3")):
            client = world.client()
            client.say(get(path))
            world.servers[-1].say(EMPTY)
            self.assertEqual(len(world.servers), (1, 1, 2)[number])

    def test_nonsense(self) -> None:
        """What is no address is said in the log and left to the system."""
        said: list[str] = []
        self.patch(binding, "complain", lambda level, text: said.append(text))
        world = self.world("$arg_a")
        world.ask(get("/?a=here"))
        self.assertEqual(world.dialled[0].source, "")
        self.assertIn('invalid local address "here"', said[0])
