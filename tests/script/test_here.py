"""Tests of dyups.script.here."""

from __future__ import annotations

from twisted.internet import defer

import dyups
from dyups.control.change import ChangePath
from dyups.control.lock import ChangeLock
from dyups.script.here import NOBODY, install, verbs_here
from dyups.script.verbs import Verbs
from dyups.upstream.map import UpstreamMap
from tests.control.test_change import BODY, FakeLookup, FakeStore
from tests.script.test_verbs import VerbsCase


class HereTests(VerbsCase):
    """What ``import dyups`` reaches."""

    def test_calls(self) -> None:
        """The functions of ``dyups`` reach the proxy that runs in this process."""
        self.addCleanup(install(self.verbs))
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

        self.addCleanup(install(self.verbs))
        self.assertEqual(self.result(defer.Deferred.fromCoroutine(script())), (200, "success"))

    def test_nobody(self) -> None:
        """Without a proxy in the process, the mistake is the caller's, and says what it is."""
        for call in (dyups.list_upstreams, lambda: dyups.delete_upstream("host")):
            self.assertEqual(str(self.assertRaises(RuntimeError, call)), NOBODY)

    def test_last_one_counts(self) -> None:
        """The newest proxy of the process is asked; when it has gone, the one before it."""
        upstreams = UpstreamMap()
        other = Verbs(upstreams, ChangePath(upstreams, ChangeLock(), FakeStore(), FakeLookup()))
        remove_first, remove_other = install(self.verbs), install(other)
        self.addCleanup(remove_first)
        self.addCleanup(remove_other)
        self.assertIs(verbs_here(), other)
        remove_other()
        remove_other()
        self.assertIs(verbs_here(), self.verbs)


class ExportsTests(VerbsCase):
    """``dyups`` itself."""

    def test_exports(self) -> None:
        """Everything that the package says it exports is there, and an unknown name is no attribute."""
        for name in dyups.__all__:
            self.assertIsNotNone(getattr(dyups, name))
        self.assertRaises(AttributeError, lambda: dyups.nothing)
