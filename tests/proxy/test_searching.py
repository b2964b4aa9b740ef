"""Requests whose paths, hosts and fields keep a regular expression busy: what becomes of each."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.matching import Guarded
from dyups.proxy.searching import searched
from tests.proxy.conversation import World, complaints, get, head

RUNAWAY = "a" * 60 + "!"
WORDS = "pcre2_match() failed: -47 on"


class RunawayTests(SynchronousTestCase):
    """What nginx does where PCRE2 gives up."""

    def asked(self, http: str, request: bytes) -> tuple[int, list[str]]:
        """The answer's status, 0 for none, and what the error log has of it."""
        lines = complaints(self)
        answer = World(http).ask(request)
        logged = [text for level, text in lines if WORDS in text]
        return head(answer)[0] if answer else 0, logged

    def test_location(self) -> None:
        """500 where the location cannot be found."""
        http = r"server { listen 8080; location ~ ^/(a+)+$ { return 200; } location / { return 204; } }"
        status, logged = self.asked(http, get(f"/{RUNAWAY}"))
        self.assertEqual(status, 500)
        self.assertEqual(len(logged), 1)
        self.assertIn(f'"/{RUNAWAY}" using "^/(a+)+$", client: 192.0.2.7', logged[0])
        self.assertEqual(self.asked(http, get("/aaa"))[0], 200)
        self.assertEqual(self.asked(http, get("/b"))[0], 204)

    def test_rewriting(self) -> None:
        """500 by ``rewrite`` and ``if``, of a server and of a location."""
        for step in ("rewrite ^/(a+)+$ /b;", "if ($uri ~ ^/(a+)+$) { return 204; }"):
            for http in (
                f"server {{ listen 8080; {step} location / {{ return 200; }} }}",
                f"server {{ listen 8080; location / {{ {step} return 200; }} }}",
            ):
                status, logged = self.asked(http, get(f"/{RUNAWAY}"))
                self.assertEqual((status, len(logged)), (500, 1), http)

    def test_map(self) -> None:
        """The default of a ``map``, whatever expressions follow."""
        http = (
            "map $uri $to { ~^/(a+)+$ 204; ~! 205; default 200; }"
            " server { listen 8080; location / { if ($to = 200) { return 201; } return 202; } }"
        )
        status, logged = self.asked(http, get(f"/{RUNAWAY}"))
        self.assertEqual((status, len(logged)), (201, 1))

    def test_server(self) -> None:
        """No answer where the server cannot be found: it may not be anybody's."""
        http = (
            r"server { listen 8080; return 200; } server { listen 8080; server_name ~^(a+)+$; return 204; }"
        )
        request = f"GET / HTTP/1.1\r\nHost: {'a' * 60}-\r\n\r\n".encode()
        status, logged = self.asked(http, request)
        self.assertEqual((status, len(logged)), (0, 1))

    def test_redirect(self) -> None:
        """A server's ``Location`` stays as it is."""
        lines = complaints(self)
        world = World(
            r"upstream u { server 192.0.2.1; } server { listen 8080; location / { proxy_pass http://u;"
            r" proxy_redirect ~^/(a+)+$ /b; } }"
        )
        client = world.client()
        client.say(get("/"))
        world.servers[0].say(
            f"HTTP/1.1 302 Found\r\nLocation: /{RUNAWAY}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        self.assertEqual(head(client.got)[1]["location"], f"/{RUNAWAY}")
        self.assertTrue([text for level, text in lines if WORDS in text])

    def test_found(self) -> None:
        """Where nothing takes too long there is nothing to tell."""
        world = World("server { listen 8080; return 200; }")
        exchange = world.client().protocol.exchange
        self.assertIsNotNone(searched(exchange, Guarded("a", b"a"), b"a"))
