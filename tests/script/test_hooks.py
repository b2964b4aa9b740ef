"""Tests of dyups.script.hooks: requests that pass through hooks."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from dyups.config.scripts import HookSpec
from dyups.errors import ConfigError
from dyups.script.hooks import Answer, HookedRequest, Hooks
from dyups.workers.scripting import check_scripts
from tests.script.lua.world import LuaCase, LuaWorld
from tests.script.plugins import Hook, HookMaker, installed

GET = b"GET /p?a=1 HTTP/1.1\r\nHost: x\r\n\r\n"
SITE = """upstream one { server 127.0.0.1:1; } upstream two { server 127.0.0.1:2; }
    server { location / { set $target one; python_hook h; proxy_pass http://$target; }
             location /echo { python_hook h; echo "$request_method $uri $http_x_a"; } }"""


class HookCase(LuaCase):
    """A hook in a location."""

    def hooked(self, request: Any = None, response: Any = None, site: str = SITE) -> LuaWorld:
        """A world whose hook does what the functions do."""
        with installed(HookMaker(Hook(request, response))):
            return self.world(site)


class RequestTests(HookCase):
    """What hooks do with requests."""

    def test_pass(self) -> None:
        """A hook that does nothing lets the request pass."""
        world = self.hooked()
        self.assertTrue(world.ask(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"GET /echo \n"))

    def test_answer(self) -> None:
        """A hook that answers by itself."""
        world = self.hooked(
            lambda request: Answer(202, b"mine", "a/b", [("X-A", "1"), ("X-B", "2\r\nX-C: 3")])
        )
        got = world.ask(GET)
        self.assertTrue(got.startswith(b"HTTP/1.1 202 Accepted\r\n"))
        self.assertIn(b"Content-Type: a/b\r\nContent-Length: 4\r\nX-A: 1\r\nX-B: 2X-C: 3\r\n", got)
        self.assertTrue(got.endswith(b"\r\n\r\nmine"))
        self.assertEqual(world.dialled, [])

    def test_variable(self) -> None:
        """A hook that chooses an upstream by a variable of the configuration."""
        world = self.hooked(lambda request: request.set_variable("target", "two"))
        world.client().say(GET)
        self.assertEqual(world.dialled[0].address.port, 2)

    def test_upstream(self) -> None:
        """A hook that chooses an upstream, whatever the content is; an unknown one is 502."""

        def request(request: HookedRequest) -> None:
            request.upstream = request.header("X-To")

        world = self.hooked(request)
        for path in (b"/", b"/echo"):
            world.client().say(b"GET %b HTTP/1.1\r\nHost: x\r\nX-To: two\r\n\r\n" % path)
        self.assertEqual([dialled.address.port for dialled in world.dialled], [2, 2])
        self.assertTrue(world.servers[0].got.startswith(b"GET / HTTP/1.1\r\nHost: two\r\n"))
        self.assertIn(b" 502 ", world.ask(b"GET / HTTP/1.1\r\nHost: x\r\nX-To: nope\r\n\r\n"))
        self.assertTrue(world.ask(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"GET /echo \n"))

    def test_head(self) -> None:
        """A hook that changes the request's head."""

        def request(request: HookedRequest) -> None:
            request.set_method("PUT")
            request.set_uri("/q r", "b=2")
            request.set_header("X-A", "1")
            self.assertRaises(ValueError, request.set_header, "Content-Length", "1")

        world = self.hooked(request)
        world.client().say(GET)
        self.assertTrue(world.servers[0].got.startswith(b"PUT /q%20r?b=2 HTTP/1.1\r\n"), world.servers[0].got)
        self.assertIn(b"X-A: 1\r\n", world.servers[0].got)

    def test_waiting(self) -> None:
        """A Deferred or a coroutine makes the request wait, and no other one."""
        waiting: Deferred[None] = Deferred()

        async def request(request: HookedRequest) -> Answer | None:
            if request.args == "wait":
                await waiting
                return Answer(200, b"late")
            return None

        world = self.hooked(request)
        late = world.client()
        late.say(b"GET /?wait HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"GET /echo", world.ask(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"))
        self.assertEqual(late.got, b"")
        waiting.callback(None)
        self.assertTrue(late.got.endswith(b"late"))

    def test_going_on_later(self) -> None:
        """A request that waited goes on to its content."""
        waiting: Deferred[None] = Deferred()
        world = self.hooked(lambda request: waiting)
        wire = world.client()
        wire.say(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
        waiting.callback(None)
        self.assertTrue(wire.got.endswith(b"GET /echo \n"))

    def test_client_leaves(self) -> None:
        """A hook that waits for nobody any more is cancelled."""
        cancelled: list[object] = []
        waiting: Deferred[None] = Deferred(cancelled.append)
        world = self.hooked(lambda request: waiting)
        wire = world.client()
        wire.say(GET)
        wire.hang_up()
        self.assertEqual(cancelled, [waiting])

    def test_failure(self) -> None:
        """A hook that raises, now or later, is 500 for that request and a line in the log with the traceback."""
        later: Deferred[None] = Deferred()
        calls = [lambda request: 1 // 0, lambda request: later, lambda request: "what?", lambda request: None]

        def next_call(request: HookedRequest) -> Any:
            return calls.pop(0)(request)

        world = self.hooked(next_call)
        self.assertIn(b" 500 ", world.ask(GET))
        wire = world.client()
        wire.say(GET)
        later.errback(ZeroDivisionError())
        self.assertIn(b" 500 ", wire.got)
        self.assertIn(b" 500 ", world.ask(GET))
        self.assertIn(b" 200 ", world.ask(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"))
        self.assertIn(
            'python hook h failed, client: 192.0.2.7, server: , request: "GET /p?a=1 HTTP/1.1"', self.log
        )
        self.assertIn("Traceback", self.log)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError, TypeError)), 3)


class NamingTests(HookCase):
    """How configurations name hooks."""

    def test_arguments_and_inheritance(self) -> None:
        """Arguments go to the plugin once per directive; a block that says its own has only that."""
        maker = HookMaker(Hook())
        with installed(maker):
            world = self.world(
                """python_hook h a; server { location /x { echo x; } location /y { python_hook h b c; echo y; } }"""
            )
        self.assertEqual(maker.given, [("a",), ("b", "c")])
        self.assertIn(b"y", world.ask(b"GET /y HTTP/1.1\r\nHost: x\r\n\r\n"))

    def test_wrong(self) -> None:
        """An unknown hook, wrong arguments, and a plugin that makes something else; with the place."""
        http = self.hooked(site="server { location / { python_hook h; } }").http
        for made, words in (
            (None, 'unknown python hook "h"'),
            (HookMaker(object()), 'python hook "h" makes no IRequestHook'),
        ):
            with installed(*([made] if made else [])):
                error = self.assertRaises(ConfigError, check_scripts, http)
            self.assertEqual((error.message, error.line), (words, 3))
        with installed(HookMaker(Hook())):
            error = self.assertRaises(ConfigError, Hooks(http).made, HookSpec("h", ("bad",)))
        self.assertEqual(error.message, 'invalid arguments of python hook "h": no such argument')
