"""Tests of ``dyups.net.choose``."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.net.choose import Choice, install_preferred


class InstallPreferredTests(SynchronousTestCase):
    """The reactor of a user who named none."""

    def setUp(self) -> None:
        self.installed: list[bool] = []

    def install(self) -> None:
        """What ``dyups.net.reactor`` has."""
        self.installed.append(True)

    def test_uvloop_is_there(self) -> None:
        """Our reactor is installed."""
        loaded: list[str] = []

        def load(name: str) -> Any:
            loaded.append(name)
            return self

        self.assertIs(install_preferred({}, load), Choice.PREFERRED)
        self.assertEqual((loaded, self.installed), (["dyups.net.reactor"], [True]))

    def test_uvloop_is_missing(self) -> None:
        """Nothing is installed: whoever asks for a reactor first gets Twisted's default."""

        def load(name: str) -> Any:
            raise ImportError("No module named 'uvloop'")

        self.assertIs(install_preferred({}, load), Choice.NO_UVLOOP)
        self.assertEqual(self.installed, [])

    def test_user_has_chosen(self) -> None:
        """A reactor that is installed stays, and uvloop is not even imported."""
        modules = {"twisted.internet.reactor": object()}
        self.assertIs(install_preferred(modules, self.fail), Choice.CHOSEN_BEFORE)

    def test_in_this_very_process(self) -> None:
        """With its defaults it sees the reactor that runs the tests."""
        from twisted.internet import reactor

        self.assertIs(install_preferred(), Choice.CHOSEN_BEFORE)
        self.assertIsNotNone(reactor)

    def test_words_for_the_log(self) -> None:
        """Each choice says in words what will run."""
        self.assertIn("dyups-uvloop", Choice.PREFERRED.value)
        self.assertIn("uvloop cannot be imported", Choice.NO_UVLOOP.value)
