"""Tests of dyups.upstream.map."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.written import Written, text_of
from dyups.upstream.map import UpstreamMap
from dyups.upstream.peer import Peer
from tests.upstream.links import RESOLVED, Link, server, upstream


def names(upstreams: UpstreamMap) -> list[str]:
    """The names as shown, in order."""
    return [group.spec.name for group in upstreams.groups()]


class MapTests(SynchronousTestCase):
    """Names to groups."""

    def setUp(self) -> None:
        self.map = UpstreamMap()
        for name in ("one", "Two", "three"):
            self.map.replace(upstream(80, name=name), RESOLVED)

    def test_found(self) -> None:
        """A name is found in any case; the data plane's key is lower-case bytes."""
        group = self.map.find("tWO")
        self.assertIsNotNone(group)
        self.assertIs(self.map.get(b"two"), group)
        self.assertIsNone(self.map.get(b"Two"))
        self.assertIsNone(self.map.find("four"))
        self.assertEqual((len(self.map), names(self.map)), (3, ["one", "Two", "three"]))
        self.assertEqual([spec.name for spec in self.map.specs()], names(self.map))

    def test_replaced(self) -> None:
        """A replaced upstream keeps its place and its servers' state, and shows its latest spelling."""
        before = self.map.find("two")
        assert before is not None
        after = self.map.replace(upstream(81, 80, name="TWO"), RESOLVED)
        self.assertIs(self.map.get(b"two"), after)
        self.assertEqual((len(self.map), names(self.map)), (3, ["one", "TWO", "three"]))
        self.assertIs(after.peers[1], before.peers[0])
        self.assertEqual(self.map.get.__self__, self.map._groups)  # type: ignore[attr-defined]

    def test_others_untouched(self) -> None:
        """A change leaves every other group the very same."""
        others = self.map.find("one"), self.map.find("three")
        self.map.replace(upstream(99, name="two"), RESOLVED)
        self.map.delete("two")
        self.assertEqual((self.map.find("one"), self.map.find("three")), others)

    def test_shared(self) -> None:
        """Whoever shares groups hears of those that are there, of each new one before anybody uses it, and of ends."""
        heard: list[tuple[str, object, object]] = []
        sharing = SimpleNamespace(
            made=lambda group, before: heard.append(("made", group, before)),
            gone=lambda group: heard.append(("gone", group, None)),
        )
        one, two, three = self.map.groups()
        self.map.share(sharing)
        after = self.map.replace(upstream(81, name="two"), RESOLVED)
        self.map.delete("one")
        self.assertEqual(
            heard,
            [
                *(("made", group, None) for group in (one, two, three)),
                ("made", after, two),
                ("gone", one, None),
            ],
        )

    def test_watched(self) -> None:
        """Whoever watches hears of every change, with the group that is there by then, and of nothing else."""
        heard: list[tuple[bytes, object]] = []
        self.map.watch = lambda key, group: heard.append((key, group))
        group = self.map.replace(upstream(99, name="TWO"), RESOLVED)
        self.map.delete("One")
        self.map.delete("one")
        self.assertEqual(heard, [(b"two", group), (b"one", None)])

    def test_written(self) -> None:
        """An upstream that is kept as it is written is there in every way, and made when somebody asks for it."""
        text = "upstream Four {\n    server 127.0.0.4:80 weight=2;\n}\n"
        self.map.keep(Written("Four", text))
        self.assertEqual((len(self.map), [*self.map.names()]), (4, ["one", "Two", "three", "Four"]))
        self.assertEqual([*map(text_of, self.map.said())][3], text)
        self.assertEqual([*self.map.specs()][3].servers[0].weight, 2)
        self.assertNotIn("Four", [group.spec.name for group in self.map.made()])
        self.assertIsNone(self.map.get(b"four"))
        group = self.map.wake(b"four")
        assert group is not None
        self.assertEqual([peer.name for peer in group.peers], [b"127.0.0.4:80"])
        self.assertIs(self.map.get(b"four"), group)
        self.assertIs(self.map.find("FOUR"), group)
        self.assertEqual(names(self.map), ["one", "Two", "three", "Four"])
        self.assertIsNone(self.map.wake(b"five"))

    def test_written_changed(self) -> None:
        """What is kept as it is written may be replaced and deleted like any other, and takes another's place."""
        for change in (lambda m: m.replace(upstream(80, name="TWO"), RESOLVED), lambda m: m.delete("two")):
            kept, made = UpstreamMap(), UpstreamMap()
            for upstreams in (kept, made):
                upstreams.replace(upstream(79, name="two"), RESOLVED)
                upstreams.replace(upstream(81, name="one"), RESOLVED)
            retired = kept.find("two")
            kept.keep(Written("two", "upstream two {\n    server 127.0.0.1:79;\n}\n"))
            assert retired is not None
            self.assertTrue(retired.peers[0].retired)
            self.assertEqual(kept.digest, made.digest)
            for upstreams in (kept, made):
                change(upstreams)
            self.assertEqual((kept.digest, [*kept.specs()]), (made.digest, [*made.specs()]))

    def test_filled(self) -> None:
        """A map takes in what another has, with what nobody asked for as it is written."""
        self.map.keep(Written("four", "upstream four {\n    server 127.0.0.1:79;\n}\n"))
        self.map.sequence = 7
        other = UpstreamMap()
        other.fill(self.map.addressed(), self.map.sequence)
        self.assertEqual(other.snapshot(), self.map.snapshot())
        self.assertEqual((other.digest, names(other)), (self.map.digest, names(self.map)))

    def test_digest(self) -> None:
        """Maps that say the same have the same digest, whatever way they came there and in whatever order."""
        self.assertEqual(UpstreamMap().digest, 0)
        before = self.map.digest
        self.map.replace(upstream(81, name="two"), RESOLVED)
        changed = self.map.digest
        self.map.delete("one")
        self.map.replace(upstream(80, name="one"), RESOLVED)
        other = UpstreamMap()
        for spec in [*self.map.specs()]:
            other.replace(spec, RESOLVED)
        self.assertEqual(other.digest, changed)
        self.map.replace(upstream(80, name="Two"), RESOLVED)
        self.assertEqual(self.map.digest, before)
        self.assertNotEqual(before, changed)

    def test_deleted(self) -> None:
        """A deleted upstream is gone, its idle connections close; created again it is new, and last."""
        group = self.map.find("two")
        assert group is not None
        link = Link()
        group.peers[0].keep_idle(link)
        self.assertTrue(self.map.delete("tWo"))
        self.assertFalse(self.map.delete("two"))
        self.assertEqual((self.map.get(b"two"), link.discarded, names(self.map)), (None, 1, ["one", "three"]))
        again = self.map.replace(upstream(80, name="two"), RESOLVED)
        self.assertIsNot(again.peers[0], group.peers[0])
        self.assertEqual(names(self.map), ["one", "three", "two"])

    def test_many(self) -> None:
        """Names do not get in each other's way, whatever their number."""
        for number in range(1000):
            self.map.replace(upstream(80, name=f"n{number}"), RESOLVED)
        for number in range(0, 1000, 2):
            self.map.delete(f"N{number}")
        self.assertEqual(names(self.map)[3:], [f"n{number}" for number in range(1, 1000, 2)])


class PoolMachine(RuleBasedStateMachine):
    """Requests take and give back connections while upstreams are replaced and deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.map = UpstreamMap()
        self.peers: list[Peer] = []
        self.used: list[tuple[Peer, Link]] = []
        self.links: list[Link] = []

    @rule(
        name=st.sampled_from("ab"),
        ports=st.lists(st.integers(1, 3), min_size=1, max_size=4),
        weight=st.integers(1, 2),
        limit=st.integers(0, 4),
    )
    def replace(self, name: str, ports: list[int], weight: int, limit: int) -> None:
        """An upstream is created or replaced."""
        servers = [server(port, weight=weight, backup=port == 3) for port in ports]
        group = self.map.replace(upstream(*servers, name=name, keepalive=limit), RESOLVED)
        self.peers += [peer for peer in group.all_peers() if peer not in self.peers]

    @rule(name=st.sampled_from("ab"))
    def delete(self, name: str) -> None:
        """An upstream is deleted, if it is there."""
        self.map.delete(name)

    @rule(place=st.integers(0, 99))
    def take(self, place: int) -> None:
        """A request takes an idle connection, or opens one."""
        if self.peers:
            peer = self.peers[place % len(self.peers)]
            link = peer.take_idle()
            if link is None:
                link = Link()
                self.links.append(link)
            assert isinstance(link, Link)
            assert not link.discarded
            self.used.append((peer, link))

    @rule(place=st.integers(0, 99))
    def keep(self, place: int) -> None:
        """A request ends and gives its connection back."""
        if self.used:
            peer, link = self.used.pop(place % len(self.used))
            if not peer.keep_idle(link):
                link.discard()

    @rule(place=st.integers(0, 99), which=st.integers(0, 9))
    def drop(self, place: int, which: int) -> None:
        """A server closes an idle connection."""
        if self.peers:
            peer = self.peers[place % len(self.peers)]
            if peer.idle:
                link = peer.idle[which % len(peer.idle)]
                peer.drop_idle(link)
                link.discard()

    @invariant()
    def counted(self) -> None:
        """Each pool counts exactly the idle connections of its peers, and no more than its limit."""
        for group in self.map.groups():
            assert group.pool.idle == sum(len(peer.idle or ()) for peer in group.all_peers())
            assert group.pool.idle <= group.pool.limit
            assert all(peer.pool is group.pool and not peer.retired for peer in group.all_peers())

    @invariant()
    def nothing_is_lost(self) -> None:
        """Each connection is in use, idle with a server of the map, or was closed, once."""
        living = [peer for group in self.map.groups() for peer in group.all_peers()]
        idle = [link for peer in living for link in peer.idle or ()]
        held = [*idle, *(link for _, link in self.used)]
        assert len({id(link) for link in held}) == len(held)
        assert all(link.discarded == 0 for link in held if isinstance(link, Link))
        assert all(link.discarded == 1 for link in self.links if link not in held)
        assert all(not peer.idle for peer in self.peers if peer not in living)


class PoolTests(SynchronousTestCase):
    """Pools under changes."""

    def test_pool_accounting(self) -> None:
        """Whatever is taken, kept, dropped, replaced and deleted, pools count right and no connection is lost."""
        run_state_machine_as_test(
            PoolMachine, settings=settings(deadline=None, max_examples=80, stateful_step_count=40)
        )
