"""The version that the command, the Server field and the package metadata show."""

from __future__ import annotations

from importlib.metadata import version

from twisted.trial.unittest import SynchronousTestCase

from dyups._version import VERSION


class VersionTests(SynchronousTestCase):
    """One number, everywhere."""

    def test_it_is_a_release_number(self) -> None:
        """Three numbers."""
        self.assertRegex(VERSION, r"^\d+\.\d+\.\d+$")

    def test_the_installed_package_has_it(self) -> None:
        """What pip shows is what the program says."""
        self.assertEqual(version("dyups"), VERSION)
