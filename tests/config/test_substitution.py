"""The frozen settings of texts that are replaced."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.substitution import SubstitutionSettings
from tests.config.helpers import location_of


class Defaults(SynchronousTestCase):
    """Without a word about it."""

    def test_nothing_is_replaced(self) -> None:
        """A location that says nothing replaces nothing."""
        self.assertEqual(location_of("").settings.substitution, SubstitutionSettings())
