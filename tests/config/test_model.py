"""The frozen settings."""

from __future__ import annotations

import dataclasses
import inspect

from twisted.trial.unittest import SynchronousTestCase

from dyups.config import model


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
