"""When a reload begins, what is said of it, and what it needs; ``test_master_reload`` has whole ones."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import ConfigError
from dyups.workers import reloading as module
from dyups.workers.notify import Manager
from dyups.workers.reloading import Ending, Reloads, open_for, overtake
from tests.workers.fakes import complaints


class ReloadsTests(SynchronousTestCase):
    """HUP, again and again."""

    def setUp(self) -> None:
        self.said = complaints(self, module)
        self.told: list[bytes] = []
        self.turns: list[Deferred[None]] = []
        self.renewed = 0
        self.failure: Exception | None = None
        self.reloads = Reloads(self.alone, self.renew, Manager(self.told.append, now=lambda: 0))

    async def alone(self, steps: Callable[[], Awaitable[None]]) -> None:
        """It is the reload's turn when the test says so."""
        turn: Deferred[None] = Deferred()
        self.turns.append(turn)
        await turn
        await steps()

    async def renew(self) -> None:
        self.renewed += 1
        if self.failure is not None:
            raise self.failure

    def reload(self) -> None:
        """One reload, to its end."""
        over = self.reloads.ask()
        self.turns.pop().callback(None)
        self.successResultOf(over)

    def test_one_waits(self) -> None:
        """Those that are asked for while one waits for its turn are that one; the next is another."""
        first = self.reloads.ask()
        self.successResultOf(self.reloads.ask())
        self.assertNoResult(first)
        self.turns.pop().callback(None)
        self.successResultOf(first)
        self.assertEqual((self.renewed, self.turns), (1, []))
        self.reload()
        self.assertEqual(self.renewed, 2)
        self.assertEqual({level for level, _ in self.said}, {"notice"})

    def test_failures(self) -> None:
        """Each has its reason in the error log at level emerg, and systemd hears that all is as before."""
        for failure, reason in (
            (ConfigError("bad", "a.conf", 7), "bad in a.conf:7"),
            (
                OSError(errno.EADDRINUSE, "x", "127.0.0.1:80"),
                "bind() to 127.0.0.1:80 failed (98: Address already in use)",
            ),
            (ZeroDivisionError("of ours"), "see the error log"),
        ):
            self.failure = failure
            self.reload()
            self.assertEqual(self.said[-1], ("emerg", reason))
            expected = f"READY=1\nSTATUS=serving as before; the reload failed: {reason}".encode()
            self.assertEqual(self.told[-1], expected)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_ending(self) -> None:
        """A process that ends meanwhile has nothing to say of a reload."""
        self.failure = Ending()
        self.reload()
        self.assertEqual([level for level, _ in self.said], ["notice"])
        self.assertEqual(len(self.told), 1)


class OpenTests(SynchronousTestCase):
    """Logs and sockets, all or none."""

    def setUp(self) -> None:
        self.did: list[str] = []
        self.log: Any = SimpleNamespace(close=lambda: self.did.append("closed"))
        self.logs: Any = SimpleNamespace(become=lambda other: self.did.append("become"))
        self.refusal: OSError | None = None
        self.patch(module, "observer_of", self.observer_of)
        self.patch(module, "workers_wanted", lambda configuration: 2)
        self.configuration: Any = SimpleNamespace(settings=None, http=SimpleNamespace(listens=["a"]))
        self.sockets: Any = SimpleNamespace(open=self.open)

    def observer_of(self, settings: Any) -> Any:
        if isinstance(self.refusal, PermissionError):
            raise self.refusal
        return self.log

    def open(self, listens: Any, places: int) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.did.append(f"{listens} {places}")

    def test_all(self) -> None:
        """The log takes over when the sockets listen, one for each worker that will be."""
        open_for(self.configuration, self.logs, self.sockets)
        self.assertEqual(self.did, ["['a'] 2", "become"])

    def test_no_log(self) -> None:
        """A log that cannot be opened is said in nginx's words, and no socket is opened."""
        self.refusal = PermissionError(errno.EACCES, "no", "/logs/x")
        error = self.assertRaises(ConfigError, open_for, self.configuration, self.logs, self.sockets)
        self.assertEqual(str(error), 'open() "/logs/x" failed (13: Permission denied)')
        self.assertEqual(self.did, [])

    def test_no_socket(self) -> None:
        """The logs that were opened already are closed."""
        self.refusal = OSError(errno.EADDRINUSE, "no", "127.0.0.1:80")
        self.assertRaises(OSError, open_for, self.configuration, self.logs, self.sockets)
        self.assertEqual(self.did, ["closed"])


class FakeCrew:
    """Workers on paper."""

    def __init__(self, served: bool, quitting: bool = False) -> None:
        self.served = served
        self.quitting = quitting
        self.current = True
        self.told: list[tuple[bool, float]] = []

    def quit(self, graceful: bool, idle: float) -> None:
        self.told.append((graceful, idle))


class OvertakeTests(SynchronousTestCase):
    """Crews that another configuration finds."""

    def overtaken(self, *crews: FakeCrew) -> list[bool]:
        """Which of them are told to end, gracefully."""
        given: Any = crews
        overtake(given, 2.0)
        self.assertFalse(any(crew.current for crew in crews))
        for crew in crews:
            self.assertIn(crew.told, ([], [(True, 2.0)]))
        return [bool(crew.told) for crew in crews]

    def test_one_that_serves(self) -> None:
        """It goes on until the newest serves; those that only begin are told to end."""
        self.assertEqual(self.overtaken(FakeCrew(True), FakeCrew(False)), [False, True])

    def test_none_that_serves(self) -> None:
        """Then one that begins is better than none, and one that is about to end does not count."""
        self.assertEqual(self.overtaken(FakeCrew(False), FakeCrew(False)), [False, False])
        self.assertEqual(self.overtaken(FakeCrew(True, quitting=True), FakeCrew(False)), [False, False])
