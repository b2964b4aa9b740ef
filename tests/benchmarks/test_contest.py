"""Who takes part in what, where it runs, and what is posted."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.contest import asked, choose
from benchmarks.idle import possible
from benchmarks.machine import Cores, choose_cores, pinned
from benchmarks.subjects import SUBJECTS, Caddy, Dyups, Nginx, Standing, Stock
from benchmarks.updates import bodies_for, name_of
from benchmarks.workloads import OTHERS, WORKLOADS, Workload

BY_KEY = {workload.key: workload for workload in WORKLOADS}


class ChoiceTests(SynchronousTestCase):
    """Subjects of a workload."""

    def names(self, workload: Workload, *, quick: bool = False) -> list[str]:
        return [subject.name for subject in choose(workload, SUBJECTS, quick=quick)[0]]

    def test_dyups_and_nginx_always(self) -> None:
        """What is measured, and what it is measured against, take part in everything."""
        for workload in WORKLOADS:
            self.assertEqual(self.names(workload, quick=True)[:2], ["dyups", "nginx"])

    def test_orientation(self) -> None:
        """The plain Python proxies take part in the main workloads, in a hurry in the first only."""
        self.assertIn("aiohttp", self.names(BY_KEY["b64k"]))
        self.assertNotIn("aiohttp", self.names(BY_KEY["b64k"], quick=True))
        self.assertIn("aiohttp", self.names(BY_KEY["a32"], quick=True))
        self.assertFalse(asked(BY_KEY["b1m"], Standing.ORIENTATION, quick=False))

    def test_a_choice_by_host(self) -> None:
        """Who cannot choose among upstreams is left out of that workload, with the reason."""
        able, left_out = choose(BY_KEY["g"], [Dyups(), Nginx(), Caddy()], quick=False)
        self.assertEqual([subject.name for subject in able], ["dyups", "nginx"])
        self.assertIn("Host", left_out["Caddy"])

    def test_keys(self) -> None:
        """Every workload has a key of its own."""
        self.assertEqual(len({*BY_KEY, *OTHERS}), len(WORKLOADS) + len(OTHERS))

    def test_missing(self) -> None:
        """A proxy whose package is not there says how to get it."""
        self.assertIn("dyups[bench]", Stock("x", "x", "no_such_package_at_all").missing())


class MachineTests(SynchronousTestCase):
    """Cores and limits."""

    def test_two_cores(self) -> None:
        """Proxy and load get a core each."""
        self.assertEqual(choose_cores([2, 5, 6], "/usr/bin/taskset"), Cores(2, 5))
        self.assertEqual(pinned(2, ["x"]), ["taskset", "-c", "2", "x"])

    def test_no_pinning(self) -> None:
        """One core, or no taskset: nothing is pinned."""
        for where in (choose_cores([0], "/usr/bin/taskset"), choose_cores([0, 1], None)):
            self.assertFalse(where.pinned)
            self.assertEqual(pinned(where.proxy, ["x"]), ["x"])

    def test_open_files(self) -> None:
        """A low limit on open files lowers the number of idle connections, never below none."""
        self.assertEqual([possible(10_000, files) for files in (20_000, 1024, 256)], [10_000, 424, 0])


class ChangeTests(SynchronousTestCase):
    """The changes of (h) and (i)."""

    def test_bodies(self) -> None:
        """Half the changes replace an upstream that is there, half make a new one; each has two servers."""
        changes = bodies_for(10, 8080, 20)
        present = {name_of(number) for number in range(10)}
        self.assertEqual(sum(name in present for name, _ in changes), 10)
        self.assertEqual({body.count(b"server ") for _, body in changes}, {2})
