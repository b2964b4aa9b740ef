"""Tests of dyups.script.verbs."""

from __future__ import annotations

import errno

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from dyups.control.change import ChangePath
from dyups.control.lock import ChangeLock
from dyups.script.verbs import Result, Verbs
from dyups.upstream.map import UpstreamMap
from tests.control.test_change import BODY, FakeLookup, FakeStore


class VerbsCase(SynchronousTestCase):
    """The verbs on a change path of fakes."""

    def setUp(self) -> None:
        self.upstreams = UpstreamMap()
        self.lock = ChangeLock()
        self.store = FakeStore()
        self.changes = ChangePath(self.upstreams, self.lock, self.store, FakeLookup())
        self.verbs = Verbs(self.upstreams, self.changes)

    def result(self, called: Deferred[Result]) -> tuple[int, str]:
        """What a call gives at once."""
        return tuple(self.successResultOf(called))


class ChangesTests(VerbsCase):
    """Calls that change something."""

    def test_update_and_delete(self) -> None:
        """The two verbs of the seed's Lua example: 200 and ``success``, and the map follows."""
        self.assertEqual(self.result(self.verbs.update("host", BODY)), (200, "success"))
        self.assertEqual(self.verbs.names(), ["host"])
        patched = self.verbs.patch("host", "add server 127.0.0.1:9;")
        self.assertEqual(self.result(patched), (200, "success"))
        self.assertEqual(self.verbs.get("host"), "server 127.0.0.1:8088;\nserver 127.0.0.1:9;\n")
        self.assertEqual(self.result(self.verbs.delete("host")), (200, "success"))
        self.assertEqual(self.verbs.names(), [])

    def test_ok(self) -> None:
        """``ok`` is true for 200 alone."""
        self.assertEqual(
            [status for status in (200, 400, 404, 405, 409, 500) if Result(status, "").ok], [200]
        )

    def test_refused(self) -> None:
        """What the interface refuses is a result with its status and its reason, not an error."""
        self.assertEqual(
            self.result(self.verbs.update("host", "bogus;")),
            (400, 'add server failed: unknown directive "bogus" in line 1'),
        )
        self.assertEqual(self.result(self.verbs.delete("host")), (404, "not found upstream"))

    def test_lock_held(self) -> None:
        """Another change under way is 409 with ``dyups_trylock on``."""
        self.lock.trylock = True
        self.store.answer = Deferred()
        first = self.verbs.update("host", BODY)
        self.assertEqual(self.result(self.verbs.update("other", BODY)), (409, "wait and try again\n"))
        self.store.answer.callback(None)
        self.assertEqual(self.result(first), (200, "success"))

    def test_full_disk(self) -> None:
        """A change that cannot be stored is 500 with the reason."""
        self.store.error = OSError(errno.ENOSPC, "No space left on device")
        self.assertEqual(
            self.result(self.verbs.update("host", BODY)),
            (500, "could not store the change: No space left on device"),
        )

    def test_our_mistake(self) -> None:
        """An error that nobody foresaw is 500, and the log has it whole."""
        self.store.answer = fail(ZeroDivisionError("oops"))
        self.assertEqual(self.result(self.verbs.update("host", BODY)), (500, "internal error"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_disabled(self) -> None:
        """Where the API is not enabled nothing is changed, and the answer is the C module's."""
        verbs = Verbs(self.upstreams, self.changes, enabled=False)
        self.assertEqual(self.result(verbs.update("host", BODY)), (405, "API disabled"))
        self.assertEqual(self.result(verbs.patch("host", "add server b;")), (405, "API disabled"))
        self.assertEqual(self.result(verbs.delete("host")), (405, "API disabled"))
        self.assertEqual((self.store.commands, verbs.names()), ([], []))

    def test_cancelled(self) -> None:
        """A caller that gives up while it waits for the lock takes its change with it."""
        self.successResultOf(self.lock.acquire())
        called = self.verbs.update("host", BODY)
        called.cancel()
        self.failureResultOf(called, CancelledError)
        self.lock.release()
        self.assertEqual((self.store.commands, self.lock.held), ([], False))


class ReadingTests(VerbsCase):
    """Calls that change nothing."""

    def test_get(self) -> None:
        """An upstream as a text that makes the same one again; None for an unknown one."""
        body = "keepalive 4;\nserver 127.0.0.1:1 weight=3;\nserver 127.0.0.1:2 down;\n"
        self.assertEqual(self.result(self.verbs.update("host", body)), (200, "success"))
        self.assertEqual(self.verbs.get("HOST"), body)
        self.assertIsNone(self.verbs.get("other"))
