"""The arguments of client_body_in_file_only and client_body_temp_path."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.bodies import TempPath
from tests.config.helpers import PREFIX, location_of, message_of


class BodiesTests(SynchronousTestCase):
    """How they are read."""

    def test_read(self) -> None:
        """A mode, a folder and its levels."""
        found = location_of("client_body_in_file_only clean; client_body_temp_path t 1 2;").settings.bodies
        self.assertEqual(found.client_body_in_file_only, "clean")
        self.assertEqual(found.client_body_temp_path, TempPath(f"{PREFIX}/t", (1, 2)))

    def test_mistakes(self) -> None:
        """Other modes and levels are refused."""
        for text, expected in {
            "client_body_in_file_only maybe;": 'invalid value "maybe"',
            "client_body_temp_path t 4;": 'invalid value "4"',
            "client_body_temp_path t x;": 'invalid value "x"',
            "client_body_temp_path t 1 1 1 1;": "invalid number of arguments",
        }.items():
            self.assertIn(expected, message_of(self, location_of, text))
