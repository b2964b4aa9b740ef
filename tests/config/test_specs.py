"""Tests of dyups.config.specs."""

from __future__ import annotations

import pickle

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.checks import CheckSpec
from dyups.config.specs import BalancingSpec, Place, ServerSpec, UpstreamSpec, fold


class SpecTests(SynchronousTestCase):
    """Upstreams as values."""

    def test_fold(self) -> None:
        """Names compare without the case of ASCII letters, and by that alone."""
        self.assertEqual(fold("App.Example"), fold("aPP.eXAMPLE"))
        self.assertNotEqual(fold("É"), fold("é"))

    def test_pickled(self) -> None:
        """An upstream comes out of a pickle as it went in, with its place, whatever it says."""
        servers = (
            ServerSpec("10.0.0.1:80", "10.0.0.1"),
            ServerSpec("a:1", "a", 1, "", 2, 3, 4, 5.0, True, True),
            ServerSpec("unix:/s", path="/s"),
        )
        for spec in (
            UpstreamSpec("x", servers, place=Place("f", 3)),
            UpstreamSpec(
                "z", servers, check=CheckSpec("http", send=b"\xff", alive=frozenset({2})), place=Place("f", 4)
            ),
            UpstreamSpec(
                "y", servers[:1], BalancingSpec("hash", ("$uri",)), 1, 2.0, 3, 4.0, ("keepalive 1;",)
            ),
        ):
            again = pickle.loads(pickle.dumps(spec))
            self.assertEqual((again, again.place), (spec, spec.place))

    def test_place_does_not_count(self) -> None:
        """Two upstreams that say the same are equal, wherever they were said."""
        servers = (ServerSpec("a:1", "a", 1),)
        self.assertEqual(UpstreamSpec("x", servers, place=Place("f", 1)), UpstreamSpec("x", servers))
