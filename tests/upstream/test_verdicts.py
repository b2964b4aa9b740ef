"""Tests of dyups.upstream.verdicts, and of how groups begin with what is known."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.checks import CheckSpec
from dyups.config.model import ServerSpec, UpstreamSpec
from dyups.interfaces import TcpAddress
from dyups.upstream.map import UpstreamMap
from dyups.upstream.verdicts import SMALL, Judge, checked_addresses
from tests.upstream.links import RESOLVED, server, upstream

CHECK = CheckSpec(default_down=False)


class VerdictCase(SynchronousTestCase):
    """A map with the upstream ``app``."""

    def setUp(self) -> None:
        self.upstreams = UpstreamMap()
        self.judge = Judge(self.upstreams)

    def put(self, *servers: ServerSpec | int, check: CheckSpec | None = CHECK) -> None:
        """Create or replace the upstream."""
        spec: UpstreamSpec = replace(upstream(*servers), check=check)
        self.upstreams.replace(spec, RESOLVED)

    def down(self, *ports: int) -> None:
        """Checks find these down."""
        self.judge.judge((b"app", f"127.0.0.1:{port}", True) for port in ports)

    @property
    def up(self) -> list[int]:
        """The ports of servers that may be asked."""
        group = self.upstreams.find("app")
        assert group is not None
        return [peer.spec.port for peer in group.all_peers() if peer.up(0.0)]


class JudgeTests(VerdictCase):
    """Verdicts find their peers."""

    def test_down_and_up(self) -> None:
        """A server that is down is not asked, until it is up."""
        self.put(1, 2)
        self.down(1)
        self.assertEqual(self.up, [2])
        group = self.upstreams.find("app")
        assert group is not None
        picked = [group.pick(None, frozenset(), 0.0) for _ in range(3)]
        self.assertEqual([peer and peer.spec.port for peer in picked], [2, 2, 2])
        self.judge.judge([(b"app", "127.0.0.1:1", False)])
        self.assertEqual(self.up, [1, 2])

    def test_nobody_left(self) -> None:
        """Where all are down nobody is asked: checks are not forgiven as failed requests are."""
        self.put(1, server(2, backup=True))
        self.down(1, 2)
        group = self.upstreams.find("app")
        assert group is not None
        self.assertIsNone(group.pick(None, frozenset(), 0.0))

    def test_backup(self) -> None:
        """A backup serves while no primary is up."""
        self.put(1, server(2, backup=True))
        self.down(1)
        group = self.upstreams.find("app")
        assert group is not None
        picked = group.pick(None, frozenset(), 0.0)
        self.assertEqual(picked and picked.spec.port, 2)

    def test_what_is_not_there(self) -> None:
        """Verdicts on upstreams or servers that are gone, or not checked any more, do nothing."""
        self.put(1)
        self.judge.judge([(b"gone", "127.0.0.1:1", True), (b"app", "127.0.0.1:9", True)])
        self.assertEqual(self.up, [1])
        self.put(1, check=None)
        self.down(1)
        self.assertEqual(self.up, [1])

    def test_big_group(self) -> None:
        """In a big group servers are found as well, also after it was replaced."""
        ports = [*range(1, SMALL + 3)]
        self.put(*ports)
        self.down(2, 4)
        self.assertEqual(self.up, [port for port in ports if port not in (2, 4)])
        self.put(*ports, 999)
        self.down(1, 999)
        self.assertEqual(self.up, [port for port in ports if port not in (1, 2, 4)])

    def test_address_twice(self) -> None:
        """One address that stands there twice is one server to the checks."""
        self.put(1, server(1, weight=5), 2)
        self.down(1)
        self.assertEqual(self.up, [2])


class BeginTests(VerdictCase):
    """What a new group begins with."""

    def test_default(self) -> None:
        """``default_down`` says what a server is before it was checked."""
        self.put(1, check=CheckSpec())
        self.assertEqual(self.up, [])
        self.judge.judge([(b"app", "127.0.0.1:1", False)])
        self.assertEqual(self.up, [1])

    def test_replaced(self) -> None:
        """A server with the same address keeps its state, even with another weight."""
        self.put(1, 2)
        self.down(1, 2)
        self.put(server(1, weight=3), 2, 3)
        self.assertEqual(self.up, [3])

    def test_other_settings(self) -> None:
        """With other settings of the check, a server that was checked is as it was found."""
        self.put(1)
        self.down(1)
        self.put(1, 2, check=replace(CHECK, rise=1))
        self.assertEqual(self.up, [2])

    def test_no_check_any_more(self) -> None:
        """Without a check every server is asked."""
        self.put(1, server(2, down=True))
        self.down(1, 2)
        self.put(1, server(2, down=True), check=None)
        self.assertEqual(self.up, [1])

    def test_deleted(self) -> None:
        """An upstream that was deleted leaves nothing to one that comes after it."""
        self.put(1)
        self.down(1)
        self.upstreams.delete("app")
        self.put(1)
        self.assertEqual(self.up, [1])


class CheckedTests(VerdictCase):
    """What is to be checked."""

    def test_addresses(self) -> None:
        """Every address once, backups too, but not those that are marked down."""
        self.put(1, server(1, weight=2), server(2, backup=True), server(3, down=True))
        group = self.upstreams.find("app")
        assert group is not None
        wanted = [TcpAddress("127.0.0.1", port) for port in (1, 2)]
        self.assertEqual([*checked_addresses(group)], wanted)
