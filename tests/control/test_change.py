"""Tests of dyups.control.change."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, execute, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import DyupsSettings, Http, UpstreamSpec
from dyups.config.upstreams import parse_commands
from dyups.config.written import Said, Written, spec_of
from dyups.control.change import ChangePath
from dyups.control.command import Command, Delete, Update, decode
from dyups.control.lock import ChangeLock
from dyups.errors import ChangeError, ChangeFailed, CommandRefused, ConfigError, LockHeld, UnknownUpstream
from dyups.interfaces import Resolved
from dyups.persist.reload import restore
from dyups.persist.store import Store
from dyups.upstream.map import UpstreamMap
from dyups.upstream.resolve import resolve_now
from tests.config.helpers import Table
from tests.persist.disk import Disk, PowerCut

PATH = "/d/upstream.conf"
BODY = "server 127.0.0.1:8088;"


class FakeStore:
    """Remembers what it was given; stores when told to."""

    def __init__(self) -> None:
        self.commands: list[tuple[int, Command]] = []
        self.notices = 0
        self.answer: Deferred[None] | None = None
        self.error: OSError | None = None

    def append(self, sequence: int, payload: bytes) -> Deferred[None]:
        self.commands.append((sequence, decode(payload)))
        if self.error is not None:
            return fail(self.error)
        return succeed(None) if self.answer is None else self.answer

    def applied(self) -> None:
        self.notices += 1


class FakeLookup:
    """Knows literal addresses; a name waits for its answer."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[Resolved]] = []

    def __call__(self, spec: UpstreamSpec) -> Deferred[Resolved]:
        if all(server.host.startswith("127.") for server in spec.servers):
            return succeed(resolve_now(spec))
        self.waiting.append(Deferred())
        return self.waiting[-1]


class ChangeCase(SynchronousTestCase):
    """A change path on fakes."""

    trylock = False

    def setUp(self) -> None:
        self.upstreams = UpstreamMap()
        self.lock = ChangeLock(self.trylock)
        self.store = FakeStore()
        self.lookup = FakeLookup()
        self.changes = ChangePath(self.upstreams, self.lock, self.store, self.lookup)

    def shown(self) -> dict[str, list[str]]:
        """The map: the servers of each upstream."""
        return {spec.name: [server.address for server in spec.servers] for spec in self.upstreams.specs()}


class UpdateTests(ChangeCase):
    """Creating and replacing."""

    def test_update(self) -> None:
        """A good command is stored with the next number, then applied, then the store is told."""
        self.successResultOf(self.changes.update("host", BODY))
        self.assertEqual(self.shown(), {"host": ["127.0.0.1:8088"]})
        self.assertEqual(self.store.commands, [(1, Update("host", BODY))])
        self.assertEqual((self.upstreams.sequence, self.store.notices, self.lock.held), (1, 1, False))

    def test_unread(self) -> None:
        """What is replaced without a condition is not read for that."""
        self.upstreams.keep(Written("host", "this is read by nobody"))
        self.successResultOf(self.changes.update("host", BODY))
        self.assertEqual(self.shown(), {"host": ["127.0.0.1:8088"]})

    def test_replace(self) -> None:
        """A name in another case replaces the upstream whole; numbers go up by one."""
        self.successResultOf(self.changes.update("host", BODY))
        self.successResultOf(self.changes.update("HOST", "server 127.0.0.1:1;server 127.0.0.1:2;"))
        self.assertEqual(self.shown(), {"HOST": ["127.0.0.1:1", "127.0.0.1:2"]})
        self.assertEqual([number for number, _ in self.store.commands], [1, 2])

    def test_applied_only_when_stored(self) -> None:
        """Until the command is on disk nobody routes by it, and other changes wait."""
        self.store.answer = Deferred()
        first = self.changes.update("host", BODY)
        second = self.changes.update("other", BODY)
        self.assertEqual((self.shown(), len(self.store.commands)), ({}, 1))
        self.assertNoResult(first)
        answer, self.store.answer = self.store.answer, None
        answer.callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual([*self.shown()], ["host", "other"])

    def test_variables(self) -> None:
        """A key may read what the map's variables have; an unknown one is refused, and the next command is not."""
        upstreams = UpstreamMap(Table())
        changes = ChangePath(upstreams, self.lock, self.store, self.lookup)
        for body in (f"hash $arg_x consistent;{BODY}server 127.0.0.1:8089;", f"ip_hash;{BODY}"):
            refused = self.failureResultOf(changes.update("host", f"hash $nosuchvar;{BODY}"), CommandRefused)
            self.assertEqual(
                refused.value.reason, 'add server failed: unknown "nosuchvar" variable in line 1'
            )
            self.successResultOf(changes.update("host", body))
            self.assertEqual(self.store.commands[-1][1], Update("host", body))

    def test_bad_commands(self) -> None:
        """A bad command or name is refused with the reason and the line, and touches nothing."""
        cases = {
            ("host", "server 127.0.0.1;\nbogus;"): 'add server failed: unknown directive "bogus" in line 2',
            ("host", ""): "add server failed: no servers are inside upstream in line 1",
            ("host", "\nserver\0;"): "add server failed: null character in line 2",
            ("ho st", BODY): "add server failed: invalid upstream name 'ho st'",
        }
        for (name, body), reason in cases.items():
            refusal = self.failureResultOf(self.changes.update(name, body), CommandRefused).value
            self.assertEqual((refusal.reason, refusal.status), (reason, 400))
        self.assertEqual((self.shown(), self.store.commands, self.lock.held), ({}, [], False))

    def test_name_that_is_not_found(self) -> None:
        """A host name without an address refuses the command before anything is stored."""
        changed = self.changes.update("host", "server nowhere.example;")
        self.assertNoResult(changed)
        self.lookup.waiting.pop().errback(ConfigError('host not found in upstream "nowhere.example"', "", 1))
        reason = self.failureResultOf(changed, CommandRefused).value.reason
        self.assertEqual(reason, 'add server failed: host not found in upstream "nowhere.example" in line 1')
        self.assertEqual((self.shown(), self.store.commands, self.lock.held), ({}, [], False))

    def test_full_disk(self) -> None:
        """A command that cannot be stored fails with the reason, is nowhere, and the next one works."""
        self.store.error = OSError(errno.ENOSPC, "No space left on device")
        failure = self.failureResultOf(self.changes.update("host", BODY), ChangeFailed).value
        self.assertEqual(
            (failure.status, failure.reason), (500, "could not store the change: No space left on device")
        )
        self.assertEqual((self.shown(), self.upstreams.sequence, self.store.notices), ({}, 0, 0))
        self.store.error = None
        self.successResultOf(self.changes.update("host", BODY))
        self.assertEqual(self.upstreams.sequence, 1)


class DeleteTests(ChangeCase):
    """Taking away."""

    def test_delete(self) -> None:
        """An upstream is deleted by its name in any case, and the command is stored."""
        self.successResultOf(self.changes.update("host", BODY))
        self.successResultOf(self.changes.delete("HOST"))
        self.assertEqual((self.shown(), self.store.commands[1]), ({}, (2, Delete("HOST"))))

    def test_unknown(self) -> None:
        """What is not there cannot be deleted, and nothing is stored."""
        refusal = self.failureResultOf(self.changes.delete("host"), UnknownUpstream).value
        self.assertEqual((refusal.reason, refusal.status), ("not found upstream", 404))
        self.assertEqual((self.store.commands, self.lock.held), ([], False))

    def test_bad_name(self) -> None:
        """A name that none can have is refused as such."""
        self.failureResultOf(self.changes.delete("a;b"), CommandRefused)

    def test_full_disk(self) -> None:
        """A delete that cannot be stored leaves the upstream where it is."""
        self.successResultOf(self.changes.update("host", BODY))
        self.store.error = OSError(errno.EIO, "Input/output error")
        self.failureResultOf(self.changes.delete("host"), ChangeFailed)
        self.assertEqual([*self.shown()], ["host"])


class TrylockTests(ChangeCase):
    """``dyups_trylock on``."""

    trylock = True

    def test_conflict(self) -> None:
        """While a change is under way another is refused at once, even a bad one."""
        first = self.changes.update("host", "server slow.example;")
        self.failureResultOf(self.changes.update("host", BODY), LockHeld)
        self.failureResultOf(self.changes.delete("host"), LockHeld)
        self.lookup.waiting.pop().callback({"slow.example": ("127.0.0.1",)})
        self.successResultOf(first)
        self.successResultOf(self.changes.update("host", BODY))


class CancelTests(ChangeCase):
    """Clients that leave."""

    def test_while_waiting(self) -> None:
        """A change whose client leaves while it waits for the lock is not made; those behind it are."""
        self.store.answer = Deferred()
        holder = self.changes.update("a", BODY)
        leaver = self.changes.update("b", BODY)
        third = self.changes.update("c", BODY)
        leaver.cancel()
        self.failureResultOf(leaver, CancelledError)
        self.store.answer.callback(None)
        self.store.answer = None
        self.successResultOf(holder)
        self.successResultOf(third)
        self.assertEqual(([*self.shown()], self.lock.held), (["a", "c"], False))

    def test_while_looking_up(self) -> None:
        """A change whose client leaves during the look-up is not made, and the lock is free."""
        leaver = self.changes.update("a", "server slow.example;")
        leaver.cancel()
        self.failureResultOf(leaver, CancelledError)
        self.assertEqual((self.shown(), self.store.commands, self.lock.held), ({}, [], False))

    def test_while_storing(self) -> None:
        """Once its command is on the way to disk a change completes, and holds the lock until then."""
        self.store.answer = Deferred()
        leaver = self.changes.update("a", BODY)
        leaver.cancel()
        self.failureResultOf(leaver, CancelledError)
        self.assertTrue(self.lock.held)
        self.store.answer.callback(None)
        self.assertEqual(([*self.shown()], self.lock.held), (["a"], False))

    def test_failure_nobody_hears(self) -> None:
        """A change that fails after its client left frees the lock and leaves no unhandled error."""
        self.store.answer = Deferred()
        leaver = self.changes.update("a", BODY)
        leaver.cancel()
        self.failureResultOf(leaver, CancelledError)
        self.store.answer.errback(OSError(errno.EIO, "Input/output error"))
        self.assertEqual((self.shown(), self.lock.held), ({}, False))


class AdoptTests(ChangeCase):
    """What a third party wrote to the dump file."""

    trylock = True

    def test_adopt(self) -> None:
        """Upstreams are put in and taken away under the lock, and nothing is stored."""
        self.successResultOf(self.changes.update("old", BODY))
        self.store.answer = Deferred()
        under_way = self.changes.update("mine", BODY)
        adopted = Deferred.fromCoroutine(self.changes.adopt([parse_commands("new", BODY)], ["OLD", "gone"]))
        self.assertEqual([*self.shown()], ["old"])
        self.store.answer.callback(None)
        self.successResultOf(under_way)
        self.successResultOf(adopted)
        self.assertEqual(([*self.shown()], len(self.store.commands)), (["mine", "new"], 2))

    def test_name_that_is_not_found(self) -> None:
        """An upstream whose names cannot be looked up keeps what it has; the others are taken over."""
        self.successResultOf(self.changes.update("a", BODY))
        specs = [parse_commands("a", "server nowhere.example;"), parse_commands("b", BODY)]
        adopted = Deferred.fromCoroutine(self.changes.adopt(specs, []))
        self.lookup.waiting.pop().errback(ConfigError("host not found"))
        self.successResultOf(adopted)
        self.assertEqual(self.shown(), {"a": ["127.0.0.1:8088"], "b": ["127.0.0.1:8088"]})


steps = st.lists(
    st.tuples(st.sampled_from("abC"), st.integers(0, 3), st.sampled_from([0.0, 0.0, 0.6, 2.0])), max_size=8
)


class EverywhereOrNowhereTests(SynchronousTestCase):
    """The change path on a real store, on a disk that fails and loses power."""

    @given(
        steps,
        st.dictionaries(st.integers(1, 80), st.sampled_from([errno.EIO, errno.ENOSPC]), max_size=2),
        st.integers(1, 120),
        st.randoms(use_true_random=False),
    )
    @settings(deadline=None, max_examples=200)
    def test_crash_at_any_point(
        self, steps: list[tuple[str, int, float]], fail: dict[int, int], cut: int, random: Random
    ) -> None:
        """After a crash at any point the next start has every acknowledged change.

        A change that was under way may be there too, whole; one that was refused is not (with a single failure).
        """
        disk = Disk(fail=dict(fail), cut=cut)
        upstreams, clock = UpstreamMap(), Clock()
        store = Store(PATH, [], lambda: (upstreams.sequence, tuple(upstreams.specs())), clock, execute, disk)
        changes = ChangePath(upstreams, ChangeLock(), store, lambda spec: succeed(resolve_now(spec)))
        acknowledged: dict[str, int] = {}
        possible = [acknowledged]
        for name, port, pause in steps:
            wanted = after(acknowledged, name, port)
            outcome = self.outcome(
                changes.update(name, f"server 127.0.0.1:{port};") if port else changes.delete(name)
            )
            if outcome is None:
                acknowledged, possible = wanted, [wanted]
            elif isinstance(outcome, PowerCut) or (isinstance(outcome, ChangeFailed) and len(fail) > 1):
                possible = [acknowledged, wanted]
            if isinstance(outcome, PowerCut):
                break
            clock.advance(pause)
            self.assertEqual(served(upstreams.specs()), acknowledged)
        # Power may also go while the dump is written; the store logs what it cannot know.
        self.flushLoggedErrors(PowerCut)
        settings = DyupsSettings(dyups_upstream_conf=PATH)
        for found in (disk.killed(), disk.powered_again(random)):
            restored = restore(Http(dyups=settings), decode, found)
            self.assertIn(served(restored.upstreams), possible)

    def outcome(self, change: Deferred[None]) -> BaseException | None:
        caught: list[BaseException | None] = []
        change.addCallbacks(caught.append, lambda failure: caught.append(failure.value))
        (result,) = caught
        assert result is None or isinstance(result, (ChangeError, PowerCut)), result
        return result


def after(before: dict[str, int], name: str, port: int) -> dict[str, int]:
    """The upstreams after a change."""
    rest = {key: value for key, value in before.items() if key.lower() != name.lower()}
    return {**rest, name: port} if port else rest


def served(specs: Iterable[Said]) -> dict[str, int]:
    """Name to port of each upstream."""
    return {said.name: spec_of(said).servers[0].port for said in specs}
