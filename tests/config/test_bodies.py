"""Where temporary files go."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.bodies import TempPath
from tests.config.helpers import PREFIX, location_of


class TempPathTests(SynchronousTestCase):
    """Folders and names."""

    def test_place(self) -> None:
        """Folders are named by the last digits of the number, as nginx does it."""
        self.assertEqual(TempPath("/t").place(25), "/t/0000000025")
        self.assertEqual(TempPath("/t", (1, 2)).place(1025), "/t/5/02/0000001025")
        self.assertEqual(TempPath("/t", (3, 3, 3)).place(1234567890), "/t/890/567/234/1234567890")

    def test_default(self) -> None:
        """Below the prefix unless something else is said."""
        self.assertEqual(
            location_of("").settings.bodies.client_body_temp_path, TempPath(f"{PREFIX}/client_body_temp")
        )
