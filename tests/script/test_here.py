"""Tests of dyups.script.here."""

from __future__ import annotations

from twisted.internet import defer

import dyups
from dyups.control.change import ChangePath
from dyups.control.lock import ChangeLock
from dyups.script import here
from dyups.script.here import NOBODY, Presence, verbs_here
from dyups.script.verbs import Verbs
from dyups.upstream.map import UpstreamMap
from tests.control.test_change import BODY, FakeLookup, FakeStore
from tests.script.test_verbs import VerbsCase


class HereTests(VerbsCase):
    """What ``import dyups`` reaches."""

    def setUp(self) -> None:
        """Nobody is here yet."""
        super().setUp()
        self.patch(here, "_present", [])
        self.presence = Presence()

    def test_calls(self) -> None:
        """The functions of ``dyups`` reach the proxy that runs in this process."""
        self.presence.begin(self.verbs)
        self.assertEqual(self.result(dyups.update_upstream("host", BODY)), (200, "success"))
        self.assertEqual((dyups.list_upstreams(), dyups.get_upstream("host")), (["host"], BODY + "\n"))
        self.assertEqual(
            self.result(dyups.patch_upstream("host", "set server 127.0.0.1:8088 down;")), (200, "success")
        )
        self.assertEqual(self.result(dyups.delete_upstream("host")), (200, "success"))
        self.assertEqual((dyups.list_upstreams(), dyups.get_upstream("host")), ([], None))

    def test_awaited(self) -> None:
        """A coroutine awaits them."""

        async def script() -> tuple[int, str]:
            return await dyups.update_upstream("host", BODY)

        self.presence.begin(self.verbs)
        self.assertEqual(self.result(defer.Deferred.fromCoroutine(script())), (200, "success"))

    def test_nobody(self) -> None:
        """Without a proxy in the process, the mistake is the caller's, and says what it is."""
        for call in (dyups.list_upstreams, lambda: dyups.delete_upstream("host")):
            self.assertEqual(str(self.assertRaises(RuntimeError, call)), NOBODY)

    def test_last_one_counts(self) -> None:
        """The newest proxy of the process is asked; when it has gone, the one before it."""
        upstreams = UpstreamMap()
        other = Verbs(upstreams, ChangePath(upstreams, ChangeLock(), FakeStore(), FakeLookup()))
        second = Presence()
        self.presence.begin(self.verbs)
        second.begin(other)
        self.assertIs(verbs_here(), other)
        second.end()
        second.end()
        self.assertIs(verbs_here(), self.verbs)

    def test_renewed(self) -> None:
        """After a reload a proxy has other verbs, and when it has gone nothing of it is left."""
        upstreams = UpstreamMap()
        other = Verbs(upstreams, ChangePath(upstreams, ChangeLock(), FakeStore(), FakeLookup()))
        self.presence.begin(self.verbs)
        self.presence.begin(other)
        self.assertIs(verbs_here(), other)
        self.presence.end()
        self.assertRaises(RuntimeError, verbs_here)


class ExportsTests(VerbsCase):
    """``dyups`` itself."""

    def test_exports(self) -> None:
        """Everything that the package says it exports is there, and an unknown name is no attribute."""
        for name in dyups.__all__:
            self.assertIsNotNone(getattr(dyups, name))
        self.assertRaises(AttributeError, lambda: dyups.nothing)
