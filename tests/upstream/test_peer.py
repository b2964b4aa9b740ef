"""Tests of dyups.upstream.peer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import JUST_NOW
from dyups.shared.rows import Faults
from dyups.upstream.peer import Peer, Pool
from tests.shared.test_ledger import LedgerCase
from tests.shared.test_rows import rows_of
from tests.upstream.links import Link, peer


class FailureTests(SynchronousTestCase):
    """What failures and good answers leave behind (``ngx_http_upstream_free_round_robin_peer``)."""

    def test_failure(self) -> None:
        """A failure counts, lowers the weight by its part, and puts the server out at max_fails."""
        one = peer(weight=10, max_fails=2)
        self.assertTrue(one.up(5.0))
        one.note_failure(5.0)
        self.assertEqual((one.fails, one.failed, one.effective_weight, one.pool.failures), (1, 1, 5, 1))
        self.assertTrue(one.up(5.0))
        one.note_failure(6.0)
        self.assertFalse(one.up(16.0))
        self.assertTrue(one.up(16.5))
        one.note_failure(17.0)
        self.assertEqual((one.effective_weight, one.failed), (0, 3))

    def test_without_max_fails(self) -> None:
        """With max_fails=0 failures are counted and mean nothing."""
        one = peer(max_fails=0)
        for _ in range(5):
            one.note_failure(5.0)
        self.assertEqual((one.failed, one.effective_weight, one.up(5.0)), (5, 1, True))

    def test_success(self) -> None:
        """A good answer forgets failures only if it was asked for after fail_timeout: until then checked is theirs."""
        one = peer()
        one.note_failure(5.0)
        one.note_success()
        self.assertEqual(one.fails, 1)
        one.checked = 16.0  # as the balancer notes a trial
        one.note_success()
        self.assertEqual((one.fails, one.failed), (0, 1))

    def test_up(self) -> None:
        """A server that is down, or full, is not up."""
        self.assertFalse(peer(down=True).up(0))
        one = peer(max_conns=1)
        one.active = 1
        self.assertFalse(one.up(0))

    def test_repr(self) -> None:
        """A peer says where it is and how it is."""
        self.assertEqual(repr(peer()), "<Peer 127.0.0.1:80 active=0 fails=0 idle=0>")


class SharedTests(LedgerCase):
    """A server that several processes count together."""

    def setUp(self) -> None:
        super().setUp()
        self.ledger.row(b"head")
        self.ledger.row(b"server")
        self.one, self.two = peer(), peer()
        for found in (self.one, self.two):
            found.row = rows_of(self.column())

    def chosen(self, found: Peer) -> None:
        """As whoever chooses it counts it, and then the request."""
        assert found.row is not None
        found.row.more()
        found.active += 1

    def test_under_way(self) -> None:
        """A request that ends is taken from what all count; a place that is kept stays for one that comes again."""
        self.chosen(self.one)
        self.one.stay()
        self.one.ended()
        self.assertEqual((self.ledger.total(1), self.one.active), (1, 0))
        self.one.leave()
        self.assertEqual(self.ledger.total(1), 0)

    def test_ours(self) -> None:
        """What is under way in this process is told apart from what all have."""
        self.chosen(self.one)
        self.one.active = 7
        self.assertEqual((self.one.ours, self.two.ours), (1, 0))
        self.one.count_here()
        self.assertEqual((self.one.active, self.one.ours, self.ledger.total(1)), (1, 1, 0))
        self.one.ended()
        self.assertEqual((self.one.active, self.ledger.total(1)), (0, 0))

    def test_alone(self) -> None:
        """One that is not shared has nothing to keep for others."""
        alone = peer()
        alone.stay()
        alone.leave()
        alone.count_here()
        self.assertEqual((alone.ours, alone.active), (0, 0))

    def test_failures(self) -> None:
        """Failures add up; each process hears that its balancers are to look again."""
        self.one.note_failure(100.0)
        self.two.note_failure(101.0)
        self.assertEqual(
            (self.one.fails, self.two.fails, self.two.failed, self.two.checked), (1, 2, 1, 101.0)
        )
        before = self.one.pool.failures
        self.one.heed(2, 101.0, 101.0)
        self.one.heed(2, 101.0, 101.0)
        self.assertEqual((self.one.fails, self.one.pool.failures), (2, before + 1))

    def test_success(self) -> None:
        """A good answer is told to all if it is newer than the last failure of anybody."""
        self.one.note_failure(100.0)
        self.one.note_success()
        self.assertEqual(self.one.fails, 1)
        assert self.two.row is not None
        self.two.row.write(Faults(1, 100.0, 111.0))
        self.one.note_success()
        self.assertEqual((self.one.fails, self.two.row.read().fails), (0, 0))


class IdleTests(SynchronousTestCase):
    """Idle connections: kept, taken, dropped, closed, and counted in the pool."""

    def test_last_kept_first_taken(self) -> None:
        """The connection that was used last is used next; without one there is none."""
        one, links = peer(), [Link(), Link()]
        self.assertIsNone(one.take_idle())
        self.assertEqual([one.keep_idle(link) for link in links], [True, True])
        self.assertEqual(one.pool.idle, 2)
        self.assertEqual([one.take_idle(), one.take_idle(), one.take_idle()], [links[1], links[0], None])
        self.assertEqual(one.pool.idle, 0)

    def test_channels(self) -> None:
        """A connection is used again within its channel alone; the last one of it is taken first."""
        one, tls = peer(), object()
        links = [Link(), Link(tls), Link(tls), Link()]
        for link in links:
            one.keep_idle(link)
        taken = [one.take_idle(tls), one.take_idle(object()), one.take_idle(tls), one.take_idle(tls)]
        self.assertEqual(taken, [links[2], None, links[1], None])
        self.assertEqual([one.take_idle(), one.take_idle(), one.pool.idle], [links[3], links[0], 0])

    def test_limit(self) -> None:
        """A full pool closes this peer's oldest connection for the new one, or does not want it."""
        pool = Pool(2)
        one, other = peer(pool), peer(pool)
        old, new = Link(), Link()
        one.keep_idle(old)
        other.keep_idle(Link())
        self.assertTrue(one.keep_idle(new))
        self.assertEqual((old.discarded, new.discarded, one.idle, pool.idle), (1, 0, [new], 2))
        third = Link()
        self.assertFalse(peer(pool).keep_idle(third))
        self.assertEqual((third.discarded, pool.idle), (0, 2))

    def test_no_pool(self) -> None:
        """With keepalive 0 nothing is kept."""
        one = peer(Pool(0))
        self.assertFalse(one.keep_idle(Link()))
        self.assertEqual((one.idle, one.pool.idle), (None, 0))

    def test_drop(self) -> None:
        """A connection that has closed is forgotten once; one that is not kept is nobody's loss."""
        one, link = peer(), Link()
        one.drop_idle(link)
        one.keep_idle(link)
        one.drop_idle(Link())
        self.assertEqual(one.pool.idle, 1)
        one.drop_idle(link)
        one.drop_idle(link)
        self.assertEqual((one.pool.idle, one.idle, link.discarded), (0, [], 0))

    def test_retire(self) -> None:
        """A server that is no more closes its idle connections, once, and keeps none from then on."""
        one, link = peer(), Link()
        one.keep_idle(link)
        one.retire()
        one.retire()
        self.assertEqual((link.discarded, one.pool.idle, one.take_idle()), (1, 0, None))
        self.assertFalse(one.keep_idle(Link()))
        one.drop_idle(link)
        self.assertEqual(one.pool.idle, 0)

    def test_join(self) -> None:
        """Moving into another pool takes the idle connections along, the newest ones if there is no room for all."""
        before = Pool(32)
        one, links = peer(before), [Link(), Link(), Link()]
        for link in links:
            one.keep_idle(link)
        after = Pool(2)
        one.join(after)
        self.assertEqual((before.idle, after.idle, one.idle), (0, 2, links[1:]))
        self.assertEqual([link.discarded for link in links], [1, 0, 0])
        one.join(Pool(0))
        self.assertEqual((after.idle, one.pool.idle, one.idle), (0, 0, []))
        peer().join(after)
        self.assertEqual(after.idle, 0)

    def test_counted_before_closed(self) -> None:
        """When a connection hears that it is to close, the count is right already."""
        counts: list[tuple[int, int]] = []

        class Watching(Link):
            def discard(self) -> None:
                counts.append((one.pool.idle, len(one.idle or ())))

        one = peer(Pool(2))
        for _ in range(3):
            one.keep_idle(Watching())
        one.join(Pool(1))
        one.retire()
        self.assertEqual(counts, [(2, 2), (1, 1), (0, 0)])


class JudgeTests(SynchronousTestCase):
    """What health checks find."""

    def test_down_and_up(self) -> None:
        """A server that is found down may not be asked; the pool counts what balancers have to mind."""
        one = peer()
        one.judge(True)
        self.assertEqual((one.up(0.0), one.unwell, one.pool.verdicts, one.pool.failures), (False, True, 1, 1))
        one.judge(True)
        self.assertEqual(one.pool.verdicts, 1)
        one.judge(False)
        self.assertEqual((one.up(0.0), one.unwell, one.pool.verdicts), (True, False, 2))

    def test_marked_down(self) -> None:
        """One that the configuration takes out stays out, whatever is found."""
        one = peer(down=True)
        for unwell in (False, True, False):
            one.judge(unwell)
            self.assertEqual((one.up(0.0), one.unwell, one.pool.verdicts), (False, unwell, 0))


class RisingTests(SynchronousTestCase):
    """Servers that recover (``slow_start``), and servers that are to drain."""

    def test_after_failures(self) -> None:
        """A server that was out begins to rise with the first good answer; one that was not goes on as it is."""
        one = peer(slow_start=30.0, max_fails=2)
        one.note_failure(1.0)
        one.checked = 2.0
        one.note_success()
        self.assertEqual(one.rising, 0.0)
        one.note_failure(3.0)
        one.note_failure(3.0)
        one.checked = 20.0
        one.note_success()
        self.assertEqual((one.rising, one.fails), (JUST_NOW, 0))

    def test_after_checks(self) -> None:
        """So does one that health checks find well again; without ``slow_start`` nothing rises."""
        for slow_start, rising in ((30.0, JUST_NOW), (0.0, 0.0)):
            one = peer(slow_start=slow_start)
            one.judge(False)
            self.assertEqual(one.rising, 0.0)
            one.judge(True)
            one.judge(False)
            self.assertEqual(one.rising, rising)

    def test_drain(self) -> None:
        """A server that is to drain is asked by no balancing method, whatever health checks say."""
        one = peer(drain=True)
        self.assertFalse(one.up(0.0))
        one.judge(True)
        one.judge(False)
        self.assertFalse(one.up(0.0))
