"""Tests of dyups.balancing.base."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import forgive, has_room, is_open, is_out
from tests.balancing.servers import Server


class OpenTests(SynchronousTestCase):
    """May a server be asked now."""

    def test_table(self) -> None:
        """Not when down, not when full, not for fail_timeout after max_fails failures."""
        for now, server, room, out in (
            (0, Server("a"), True, False),
            (0, Server("a", down=True), False, False),
            (0, Server("a", max_conns=2, active=1), True, False),
            (0, Server("a", max_conns=2, active=2), False, False),
            (0, Server("a", max_conns=2, active=3), False, False),
            (0, Server("a", active=1000), True, False),
            (105, Server("a", fails=1, checked=100), True, True),
            (110, Server("a", fails=1, checked=100), True, True),
            (110.5, Server("a", fails=1, checked=100), True, False),
            (105, Server("a", fails=2, checked=100, max_fails=3), True, False),
            (105, Server("a", fails=3, checked=100, max_fails=3), True, True),
            (105, Server("a", fails=4, checked=100, max_fails=3), True, True),
            (105, Server("a", fails=9, checked=100, max_fails=0), True, False),
            (105, Server("a", fails=1, checked=100, fail_timeout=4), True, False),
            (100, Server("a", fails=1, checked=100, fail_timeout=0), True, True),
            (101, Server("a", fails=1, checked=100, fail_timeout=0), True, False),
            (105, Server("a", fails=1, checked=100, max_conns=1, active=1), False, True),
        ):
            self.assertEqual((has_room(server), is_out(server, now)), (room, out), (server, now))
            self.assertEqual(is_open(server, now), room and not out)


class ForgiveTests(SynchronousTestCase):
    """When nobody may be asked, those that are out may be asked again."""

    def test_out(self) -> None:
        """Only failures that keep a server out are forgotten; a server that is down stays so."""
        out = Server("a", fails=2, checked=100)
        well = Server("b", fails=1, checked=100, max_fails=2)
        down = Server("c", fails=2, checked=100, down=True)
        self.assertTrue(forgive([out, well, down], 105))
        self.assertEqual([out.fails, well.fails, down.fails], [0, 1, 2])
        self.assertFalse(forgive([out, well, down], 105))

    def test_nobody(self) -> None:
        """Where there is nobody, nobody is forgiven."""
        self.assertFalse(forgive([], 0))
