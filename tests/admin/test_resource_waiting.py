"""The interface while another change is under way: waiting for it, or 409 at once."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from tests.admin.test_resource import ONE, InterfaceCase


class WaitingTests(InterfaceCase):
    """``dyups_trylock off``."""

    def test_order_of_arrival(self) -> None:
        """Updates during an update wait, and are answered in order of arrival; reads do not wait."""
        self.interface.store.answer = answer = Deferred()
        first = self.interface.send("POST", "/upstream/a", ONE.encode())
        second = self.interface.send("POST", "/upstream/b", ONE.encode())
        third = self.interface.send("DELETE", "/upstream/a")
        self.assertEqual((first.answered, second.answered, third.answered), (False, False, False))
        self.assertEqual(self.names(), ["host1", "host2", "dyhost"])
        self.interface.store.answer = None
        answer.callback(None)
        for pending in (first, second, third):
            self.assertReply(pending.reply, 200, b"success")
        self.assertEqual(self.names()[3:], ["b"])

    def test_client_that_leaves(self) -> None:
        """A client that leaves while it waits is forgotten; its update is not made."""
        self.interface.store.answer = answer = Deferred()
        first = self.interface.send("POST", "/upstream/a", ONE.encode())
        leaver = self.interface.send("POST", "/upstream/b", ONE.encode())
        self.assertEqual(self.interface.lock.waiting, 1)
        leaver.leave()
        self.assertEqual(self.interface.lock.waiting, 0)
        self.interface.store.answer = None
        answer.callback(None)
        self.assertReply(first.reply, 200, b"success")
        self.assertEqual(self.names()[3:], ["a"])
        self.assertFalse(self.interface.lock.held)

    def test_client_that_leaves_too_late(self) -> None:
        """A client that leaves while its update goes to disk does not stop it."""
        self.interface.store.answer = answer = Deferred()
        leaver = self.interface.send("POST", "/upstream/a", ONE.encode())
        leaver.leave()
        answer.callback(None)
        self.assertEqual(self.names()[3:], ["a"])


class TrylockTests(InterfaceCase):
    """``dyups_trylock on``."""

    trylock = True

    def test_conflict(self) -> None:
        """While another update holds the lock: 409, to come again."""
        self.interface.store.answer = answer = Deferred()
        first = self.interface.send("POST", "/upstream/a", ONE.encode())
        for method in ("POST", "DELETE"):
            reply = self.ask(method, "/upstream/host1", ONE.encode())
            self.assertReply(reply, 409, b"wait and try again\n")
            self.assertEqual(reply.field("Retry-After"), "1")
        answer.callback(None)
        self.assertReply(first.reply, 200, b"success")
