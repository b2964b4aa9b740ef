"""The frozen settings of compressed answers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.compression import HTML, CompressionSettings
from tests.config.helpers import location_of


class Defaults(SynchronousTestCase):
    """Without a word about it."""

    def test_nothing_is_compressed(self) -> None:
        """A location that says nothing compresses nothing, and knows nginx's defaults for the rest."""
        found = location_of("").settings.compression
        self.assertEqual(found, CompressionSettings())
        self.assertFalse(found.gzip or found.gunzip)
        self.assertEqual((found.gzip_comp_level, found.gzip_min_length, found.gzip_types), (1, 20, {HTML}))
