"""The frozen settings."""

from __future__ import annotations

import dataclasses
import inspect
import pickle

from twisted.trial.unittest import SynchronousTestCase

from dyups.config import model
from dyups.config.model import Place, ServerSpec, UpstreamSpec


class Frozen(SynchronousTestCase):
    """What every class of the model has in common."""

    def test_frozen(self) -> None:
        """No setting can be changed once it is made, and none has a dictionary of its own."""
        classes = [
            item for _, item in inspect.getmembers(model, inspect.isclass) if dataclasses.is_dataclass(item)
        ]
        self.assertGreater(len(classes), 15)
        for item in classes:
            self.assertTrue(item.__dataclass_params__.frozen, item)  # type: ignore[attr-defined]
            self.assertIn("__slots__", vars(item))

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
                "y", servers[:1], model.BalancingSpec("hash", ("$uri",)), 1, 2.0, 3, 4.0, ("keepalive 1;",)
            ),
        ):
            again = pickle.loads(pickle.dumps(spec))
            self.assertEqual((again, again.place), (spec, spec.place))

    def test_place_does_not_count(self) -> None:
        """Two upstreams that say the same are equal, wherever they were said."""
        servers = (ServerSpec("a:1", "a", 1),)
        self.assertEqual(UpstreamSpec("x", servers, place=Place("f", 1)), UpstreamSpec("x", servers))
