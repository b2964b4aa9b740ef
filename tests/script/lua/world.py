"""A data plane with Lua, in memory: what ``tests.proxy.conversation`` has, and verbs on a change path of fakes."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from dyups.control.change import ChangePath
from dyups.control.lock import ChangeLock
from dyups.metrics.errorlog import format_line, level_of
from dyups.script.verbs import Verbs
from dyups.workers.scripting import Place, ProcessScripts
from tests.control.test_change import FakeLookup, FakeStore
from tests.proxy.conversation import World


class LuaWorld(World):
    """``http`` is the inside of an ``http`` block; ``lock`` holds up changes while it is taken."""

    def __init__(self, http: str, *, enabled: bool = True, **options: Any) -> None:
        self.lock = ChangeLock()
        self.enabled = enabled
        super().__init__(http, scripts=self._make, **options)
        self.scripts.start()

    def _make(self, world: World) -> ProcessScripts:
        changes = ChangePath(self.upstreams, self.lock, FakeStore(), FakeLookup())
        verbs = Verbs(self.upstreams, changes, self.enabled)
        self.scripts = ProcessScripts(self.http, verbs, self.clock, Place(1, 4))
        return self.scripts


class LuaCase(SynchronousTestCase):
    """Short ways to run a script and to read the error log."""

    def setUp(self) -> None:
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    @property
    def log(self) -> str:
        """The error log."""
        return "".join(format_line(event, level_of(event)) for event in self.events)

    def world(self, http: str, **options: Any) -> LuaWorld:
        """A world whose scripts end with the test."""
        world = LuaWorld(http, **options)
        self.addCleanup(world.scripts.stop)
        return world

    def run_lua(self, script: str, http: str = "", request: bytes = b"", **options: Any) -> bytes:
        """What a content script answers at once, head and body."""
        world = self.world(
            f"{http} server {{ location / {{ content_by_lua_block {{ {script} }} }} }}", **options
        )
        return world.ask(request or b"GET /path?a=1 HTTP/1.1\r\nHost: x\r\n\r\n")

    def said(self, script: str, http: str = "", **options: Any) -> str:
        """The body of what a content script answers at once."""
        return self.run_lua(script, http, **options).partition(b"\r\n\r\n")[2].decode()
