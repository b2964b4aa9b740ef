"""The frozen settings."""

from __future__ import annotations

import dataclasses
import inspect

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

    def test_place_does_not_count(self) -> None:
        """Two upstreams that say the same are equal, wherever they were said."""
        servers = (ServerSpec("a:1", "a", 1),)
        self.assertEqual(UpstreamSpec("x", servers, place=Place("f", 1)), UpstreamSpec("x", servers))
