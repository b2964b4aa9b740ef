"""Tests of dyups.persist.store."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import DyupsSettings, Http, UpstreamSpec
from dyups.control.command import decode
from dyups.persist.journal import read
from dyups.persist.reload import Restored, restore
from dyups.persist.store import LATEST, QUIET, NoStore, Store, open_store
from tests.persist.disk import Disk
from tests.persist.test_dumpfile import one
from tests.persist.test_reload import commands, up

PATH = "/d/upstream.conf"
JOURNAL = PATH + ".journal"


def never(call: Callable[[], Any]) -> Deferred[Any]:
    """A runner that is busy."""
    return Deferred()


class StoreTests(SynchronousTestCase):
    """Changes go to the journal at once and to the dump when they have settled."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.disk = Disk()
        self.specs: list[UpstreamSpec] = []
        self.sequence = 0
        self.store = Store(PATH, [one("own")], self.snapshot, self.clock, execute, self.disk)

    def snapshot(self) -> tuple[int, tuple[UpstreamSpec, ...]]:
        return self.sequence, tuple(self.specs)

    def change(self, name: str) -> None:
        """Store a change and apply it."""
        self.successResultOf(self.store.append(self.sequence + 1, up(name).encode()))
        self.sequence += 1
        self.specs.append(one(name))
        self.store.applied()

    def restored(self) -> Restored:
        http = Http(upstreams=(one("own"),), dyups=DyupsSettings(dyups_upstream_conf=PATH))
        return restore(http, decode, self.disk.killed())

    def names(self) -> list[str]:
        """What the next start would serve of what was changed."""
        return [spec.name for spec in self.restored().upstreams if spec.name != "own"]

    def journalled(self) -> list[int]:
        return [record.sequence for record in read(self.disk, JOURNAL).records]

    def test_before_the_dump(self) -> None:
        """A change that was stored survives before any dump is written."""
        self.change("a")
        self.assertNotIn(PATH, self.disk.names)
        self.assertEqual((self.names(), self.journalled()), (["a"], [1]))

    def test_dump_when_quiet(self) -> None:
        """A second after the last change the dump is written and the journal is empty."""
        self.change("a")
        self.clock.advance(QUIET * 0.9)
        self.change("b")
        self.clock.advance(QUIET * 0.9)
        self.assertNotIn(PATH, self.disk.names)
        self.clock.advance(QUIET * 0.1)
        self.assertEqual((self.restored().sequence, self.restored().replayed), (2, 0))
        self.assertEqual((self.names(), self.journalled()), (["a", "b"], []))

    def test_changes_that_never_settle(self) -> None:
        """Ten seconds after the first change the dump is written, though changes go on."""
        for number in range(int(LATEST / 0.5)):
            self.change(f"u{number}")
            self.assertNotIn(PATH, self.disk.names)
            self.clock.advance(0.5)
        self.assertIn(PATH, self.disk.names)

    def test_no_change_no_dump(self) -> None:
        """Where nothing changes nothing is written, at the end neither."""
        self.clock.advance(100)
        self.successResultOf(self.store.close())
        self.assertEqual((self.disk.names, self.clock.getDelayedCalls()), ({}, []))

    def test_close(self) -> None:
        """Closing writes the dump that is due, leaves no timer and no open file."""
        self.change("a")
        self.successResultOf(self.store.close())
        self.assertEqual((self.names(), self.journalled()), (["a"], []))
        self.assertEqual((self.clock.getDelayedCalls(), self.disk.handles), ([], {}))

    def test_dump_that_fails(self) -> None:
        """A dump that cannot be written is tried again later; the journal keeps every change meanwhile."""
        self.change("a")
        self.disk.fail_calls = {"rename": errno.EACCES}
        self.clock.advance(QUIET)
        self.assertEqual((self.names(), self.journalled()), (["a"], [1]))
        self.disk.fail_calls = {}
        self.change("b")
        self.clock.advance(LATEST)
        self.assertEqual((self.names(), self.journalled()), (["a", "b"], []))

    def test_close_while_the_dump_fails(self) -> None:
        """Closing ends even where the dump cannot be written, and the journal has the changes."""
        self.change("a")
        self.disk.fail_calls = {"create": errno.ENOSPC}
        self.successResultOf(self.store.close())
        self.assertEqual((self.names(), self.clock.getDelayedCalls()), (["a"], []))

    def test_pause(self) -> None:
        """While dump and journal are read for a reload no dump is written; afterwards what is due is made up for."""
        self.change("a")
        self.successResultOf(self.store.pause())
        self.clock.advance(QUIET * 3)
        self.assertNotIn(PATH, self.disk.names)
        self.store.resume()
        self.assertIn(PATH, self.disk.names)
        self.assertEqual(self.names(), ["a"])

    def test_abandon(self) -> None:
        """A store that another one takes over from writes nothing more, and all is there for the other one."""
        self.change("a")
        self.successResultOf(self.store.pause())
        self.successResultOf(self.store.abandon())
        self.clock.advance(LATEST * 3)
        self.assertNotIn(PATH, self.disk.names)
        self.assertEqual((self.names(), self.clock.getDelayedCalls()), (["a"], []))

    def test_edited(self) -> None:
        """A dump that was edited by hand is left alone, at the end too; the edit and every change are there then."""
        self.change("a")
        self.clock.advance(QUIET)
        text = self.disk.content(PATH).replace(b"upstream a", b"upstream edited")
        self.disk.put(PATH, text)
        self.change("b")
        self.clock.advance(QUIET)
        self.change("c")
        self.clock.advance(LATEST)
        self.assertEqual((self.disk.content(PATH), self.journalled()), (text, [2, 3]))
        self.successResultOf(self.store.close())
        self.assertEqual(self.disk.content(PATH), text)
        self.assertEqual(self.names(), ["edited", "b", "c"])

    def test_edited_before_the_first_dump(self) -> None:
        """So is a file that was there at the start and was edited since."""
        self.disk.put(PATH, b"upstream x { server 127.0.0.1; }")
        seen = self.disk.stamp(PATH)
        self.store = Store(PATH, [], self.snapshot, self.clock, execute, self.disk, seen)
        self.disk.put(PATH, b"upstream y { server 127.0.0.1; }")
        self.change("a")
        self.clock.advance(QUIET)
        self.assertEqual(self.names(), ["y", "a"])

    def test_touched(self) -> None:
        """A file that says what we wrote is ours, whoever wrote it last; one that is gone is written anew."""
        self.change("a")
        self.clock.advance(QUIET)
        self.disk.put(PATH, self.disk.content(PATH), 0o600)
        self.change("b")
        self.clock.advance(QUIET)
        self.assertEqual((self.names(), self.journalled()), (["a", "b"], []))
        del self.disk.names[PATH]
        self.change("c")
        self.clock.advance(QUIET)
        self.assertEqual((self.names(), self.journalled()), (["a", "b", "c"], []))

    def test_failed_after_the_rename(self) -> None:
        """A dump whose folder could not be synced is ours, and is written again."""
        self.change("a")
        self.disk.fail_calls["fsync_folder"] = errno.EIO
        self.clock.advance(QUIET)
        del self.disk.fail_calls["fsync_folder"]
        self.clock.advance(LATEST)
        self.assertEqual((self.names(), self.journalled()), (["a"], []))

    def test_full_disk(self) -> None:
        """A change that finds no room fails with the reason."""
        self.disk.room = 0
        failure = self.failureResultOf(self.store.append(1, b"x"), OSError)
        self.assertEqual(failure.value.errno, errno.ENOSPC)

    def test_own_way(self) -> None:
        """Changes go to disk by a way of their own, which a dump that is being written does not stop."""
        appended: list[Callable[[], Any]] = []

        def appender(call: Callable[[], Any]) -> Deferred[Any]:
            appended.append(call)
            return execute(call)

        store = Store(PATH, [], self.snapshot, self.clock, never, self.disk, appender=appender)
        self.successResultOf(store.append(1, b"x"))
        self.assertEqual((len(appended), self.journalled()), (1, [1]))

    def test_one_timer(self) -> None:
        """However many changes come, one timer waits for them to settle."""
        for number in range(5):
            self.change(f"a{number}")
            [timer] = self.clock.getDelayedCalls()
            self.assertEqual(timer.getTime(), QUIET)
            self.clock.advance(0.1)
        self.clock.advance(QUIET - 0.11)
        self.assertEqual(self.journalled(), [1, 2, 3, 4, 5])
        self.clock.advance(0.02)
        self.assertEqual(self.journalled(), [])

    def test_change_while_the_dump_is_written(self) -> None:
        """A change during the dump stays in the journal until the next one."""
        waiting: list[Deferred[None]] = []

        def slow(call: Callable[[], Any]) -> Deferred[Any]:
            waiting.append(Deferred())
            return waiting[-1].addCallback(lambda _: call())

        self.change("a")
        runner, self.store._runner = self.store._runner, slow
        self.clock.advance(QUIET)
        self.store._runner = runner
        self.change("b")
        waiting.pop().callback(None)
        self.assertEqual((self.names(), self.journalled()), (["a", "b"], [2]))
        self.clock.advance(QUIET)
        self.assertEqual((self.names(), self.journalled()), (["a", "b"], []))


class RealFilesTests(SynchronousTestCase):
    """The whole on a real folder."""

    def test_life(self) -> None:
        """What was stored is there after a kill, after a dump, and after an orderly end."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        settings = DyupsSettings(dyups_upstream_conf=os.path.join(folder, "upstream.conf"))
        http, clock, specs = Http(dyups=settings), Clock(), [one("a")]
        store = open_store(settings, restore(http, decode), lambda: (1, specs), clock, execute)
        self.successResultOf(store.append(1, up("a").encode()))
        self.assertEqual([*restore(http, decode).upstreams], specs)
        store.applied()
        clock.advance(QUIET)
        self.successResultOf(store.append(2, up("b").encode()))
        specs.append(one("b"))
        self.assertEqual([*restore(http, decode).upstreams], specs)
        self.successResultOf(store.close())
        self.assertEqual([*restore(http, decode).upstreams], specs)
        self.assertEqual(sorted(os.listdir(folder)), ["upstream.conf", "upstream.conf.journal"])


class OpenTests(SynchronousTestCase):
    """Which store the settings ask for."""

    def opened(self, settings: DyupsSettings, disk: Disk) -> Store | NoStore:
        self.clock = Clock()
        restored = restore(Http(dyups=settings), decode, disk)
        return open_store(settings, restored, lambda: (0, ()), self.clock, execute, disk)

    def test_nothing_is_stored(self) -> None:
        """Without a dump file, and with ``dyups_dump off``, changes are not stored and nothing is written."""
        for settings in (DyupsSettings(), DyupsSettings(dyups_upstream_conf=PATH, dyups_dump=False)):
            disk = Disk()
            store = self.opened(settings, disk)
            self.successResultOf(store.append(1, b"x"))
            store.applied()
            self.clock.advance(LATEST)
            self.successResultOf(store.pause())
            store.resume()
            self.successResultOf(store.abandon())
            self.successResultOf(store.close())
            self.assertEqual(disk.names, {})

    def test_dump_after_a_replay(self) -> None:
        """Changes that came from the journal are dumped soon after the start."""
        disk = Disk()
        disk.put(JOURNAL, commands(1, up("a")))
        self.opened(DyupsSettings(dyups_upstream_conf=PATH), disk)
        self.clock.advance(QUIET)
        self.assertIn(PATH, disk.names)

    def test_no_dump_without_need(self) -> None:
        """A start without anything in the journal leaves the file as it is."""
        disk = Disk()
        disk.put(PATH, b"upstream x { server 127.0.0.1; }")
        self.opened(DyupsSettings(dyups_upstream_conf=PATH), disk)
        self.assertEqual(self.clock.getDelayedCalls(), [])
