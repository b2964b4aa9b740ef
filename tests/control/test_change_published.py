"""Tests of dyups.control.change: changes that other processes follow, and reloads."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed

from dyups.config.upstreams import parse_commands
from dyups.control.change import ChangePath
from dyups.control.command import Delete, Update
from dyups.control.condition import ALWAYS
from dyups.control.publish import decode_notice
from dyups.errors import ChangeFailed
from dyups.upstream.map import UpstreamMap
from tests.control.test_change import BODY, ChangeCase, FakeStore


class FakePublisher:
    """Has room, and is heard, when told to."""

    def __init__(self) -> None:
        self.room: Deferred[None] = succeed(None)
        self.heard: Deferred[None] = succeed(None)
        self.sizes: list[int] = []
        self.notices: list[tuple[int, bytes]] = []
        self.askers: list[object] = []

    def reserve(self, size: int) -> Deferred[None]:
        self.sizes.append(size)
        return self.room

    def publish(self, sequence: int, notice: bytes, asker: object = None) -> Deferred[None]:
        self.askers.append(asker)
        self.notices.append((sequence, notice))
        return self.heard


class PublishTests(ChangeCase):
    """Changes that others follow."""

    def setUp(self) -> None:
        super().setUp()
        self.publisher = FakePublisher()
        self.changes = ChangePath(self.upstreams, self.lock, self.store, self.lookup, self.publisher)

    def test_asker(self) -> None:
        """The publisher hears who asked, whatever was asked for."""
        asker: Any = object()
        for change in (
            self.changes.update("a", BODY, ALWAYS, asker),
            self.changes.patch("a", "drain server 127.0.0.1:8088;", ALWAYS, asker),
            self.changes.delete("a", ALWAYS, asker),
            self.changes.update("a", BODY),
        ):
            self.successResultOf(change)
        self.assertEqual(self.publisher.askers, [asker, asker, asker, None])

    def test_asker_whose_client_has_left(self) -> None:
        """Who has heard already that his client has left is waited for as everybody else is."""
        asker: Any = object()
        stored = self.store.answer = Deferred()
        change = self.changes.update("a", BODY, ALWAYS, asker)
        change.cancel()
        self.failureResultOf(change, CancelledError)
        stored.callback(None)
        self.assertEqual((self.shown(), self.publisher.askers), ({"a": ["127.0.0.1:8088"]}, [None]))

    def test_published(self) -> None:
        """What is published has the command and the addresses; room was made for exactly that."""
        body = "server slow.example:80;"
        made = self.changes.update("host", body)
        self.lookup.waiting.pop().callback({"slow.example": ("127.0.0.1",)})
        self.successResultOf(made)
        self.successResultOf(self.changes.delete("host"))
        found = [(number, *decode_notice(notice)) for number, notice in self.publisher.notices]
        self.assertEqual(
            found, [(1, Update("host", body), {"slow.example": ("127.0.0.1",)}), (2, Delete("host"), {})]
        )
        self.assertEqual(self.publisher.sizes, [len(notice) for _, notice in self.publisher.notices])

    def test_no_room(self) -> None:
        """Without room nothing happens: not on disk, not in the map, not anywhere; the next change has its chance."""
        self.publisher.room = fail(ChangeFailed("full"))
        self.assertEqual(
            self.failureResultOf(self.changes.update("host", BODY), ChangeFailed).value.reason, "full"
        )
        self.assertEqual((self.store.commands, self.shown(), self.publisher.notices), ([], {}, []))
        self.publisher.room = succeed(None)
        self.successResultOf(self.changes.update("host", BODY))

    def test_not_stored(self) -> None:
        """What could not be stored is not published."""
        self.store.error = OSError(errno.ENOSPC, "No space left on device")
        self.failureResultOf(self.changes.update("host", BODY), ChangeFailed)
        self.assertEqual((self.shown(), self.publisher.notices), ({}, []))

    def test_acknowledged_when_heard(self) -> None:
        """The client hears of success when everybody has followed, and until then the next change waits."""
        self.publisher.heard = Deferred()
        first = self.changes.update("host", BODY)
        second = self.changes.update("other", BODY)
        self.assertNoResult(first)
        self.assertEqual([*self.shown()], ["host"])
        heard, self.publisher.heard = self.publisher.heard, succeed(None)
        heard.callback(None)
        self.successResultOf(first)
        self.successResultOf(second)

    def test_left_while_waiting_for_room(self) -> None:
        """A client that leaves before anything was stored takes its change with it."""
        self.publisher.room = Deferred()
        change = self.changes.update("host", BODY)
        change.cancel()
        self.failureResultOf(change, CancelledError)
        self.assertEqual((self.store.commands, self.shown(), self.lock.held), ([], {}, False))

    def test_left_while_others_follow(self) -> None:
        """A client that leaves after that changes nothing."""
        self.publisher.heard = Deferred()
        change = self.changes.update("host", BODY)
        change.cancel()
        self.failureResultOf(change, CancelledError)
        self.assertTrue(self.lock.held)
        self.publisher.heard.callback(None)
        self.assertFalse(self.lock.held)

    def test_adopted(self) -> None:
        """What a third party wrote to the dump file is published too, each upstream with its own number."""
        specs = [parse_commands(name, BODY) for name in ("one", "two")]
        self.successResultOf(Deferred.fromCoroutine(self.changes.adopt(specs, ["nobody"])))
        self.successResultOf(Deferred.fromCoroutine(self.changes.adopt([], ["one"])))
        found = [(number, decode_notice(notice)[0].name) for number, notice in self.publisher.notices]
        self.assertEqual(found, [(1, "one"), (2, "two"), (3, "one")])
        self.assertEqual((self.upstreams.sequence, [*self.shown()]), (3, ["two"]))

    def test_adopted_without_room(self) -> None:
        """An upstream of the dump file that finds no room stays as it was."""
        self.publisher.room = fail(ChangeFailed("full"))
        spec = parse_commands("one", BODY)
        self.successResultOf(Deferred.fromCoroutine(self.changes.adopt([spec], [])))
        self.assertEqual((self.shown(), self.upstreams.sequence), ({}, 0))


class RenewTests(ChangeCase):
    """A reload."""

    def test_alone(self) -> None:
        """Nothing changes while it is under way; who waits meanwhile changes the new map, in the new store."""
        done: Deferred[None] = Deferred()
        store, upstreams = FakeStore(), UpstreamMap()

        async def renew() -> str:
            await done
            self.changes.renew(upstreams, store, trylock=True)
            return "done"

        reload = Deferred.fromCoroutine(self.changes.alone(renew))
        change = self.changes.update("host", BODY)
        self.assertNoResult(change)
        done.callback(None)
        self.assertEqual(self.successResultOf(reload), "done")
        self.successResultOf(change)
        self.assertEqual((self.shown(), [spec.name for spec in upstreams.specs()]), ({}, ["host"]))
        self.assertEqual((len(self.store.commands), len(store.commands)), (0, 1))
        self.assertTrue(self.lock.trylock)


class AddressTests(ChangeCase):
    """Names that have other addresses (``resolve``)."""

    def setUp(self) -> None:
        super().setUp()
        self.publisher = FakePublisher()
        self.changes = ChangePath(self.upstreams, self.lock, self.store, self.lookup, self.publisher)
        self.spec = parse_commands("host", "server app.example resolve;")
        self.upstreams.replace(self.spec, {"app.example": ("10.0.0.1",)})

    def readdress(self, *addresses: str) -> Deferred[None]:
        """The name has these now."""
        return Deferred.fromCoroutine(self.changes.readdress(self.spec, {"app.example": addresses}))

    def peers(self) -> list[bytes]:
        """Whom the upstream asks."""
        group = self.upstreams.find("host")
        assert group is not None
        return [peer.name for peer in group.peers]

    def test_published(self) -> None:
        """The upstream is replaced by itself, here and everywhere, with a number of its own; nothing is stored."""
        self.successResultOf(self.readdress("10.0.0.2"))
        self.assertEqual((self.peers(), self.store.commands), ([b"10.0.0.2:80"], []))
        ((sequence, notice),) = self.publisher.notices
        command = Update("host", "server app.example resolve;\n")
        self.assertEqual((sequence, *decode_notice(notice)), (1, command, {"app.example": ("10.0.0.2",)}))
        self.assertEqual(self.upstreams.sequence, 1)

    def test_waits_for_its_turn(self) -> None:
        """While a change is under way nothing is replaced; what that change made is left as it is."""
        self.store.answer = answer = Deferred()
        change = self.changes.update("host", BODY)
        readdressed = self.readdress("10.0.0.2")
        self.assertNoResult(readdressed)
        answer.callback(None)
        self.successResultOf(change)
        self.successResultOf(readdressed)
        self.assertEqual(len(self.publisher.notices), 1)
        self.assertNotIn(b"10.0.0.2:80", self.peers())

    def test_no_room(self) -> None:
        """Without room nothing happens, and the caller hears of it."""
        self.publisher.room = fail(ChangeFailed("full"))
        self.failureResultOf(self.readdress("10.0.0.2"), ChangeFailed)
        self.assertEqual((self.peers(), self.upstreams.sequence), ([b"10.0.0.1:80"], 0))

    def test_deleted(self) -> None:
        """An upstream that is gone stays so."""
        self.upstreams.delete("host")
        self.successResultOf(self.readdress("10.0.0.2"))
        self.assertEqual(self.publisher.notices, [])
