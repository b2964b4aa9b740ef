"""What Twisted finds of us when it looks for plugins."""

from __future__ import annotations

from twisted.application.reactors import IReactorInstaller
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

from dyups import tap


class PluginTests(SynchronousTestCase):
    """The command and the reactor."""

    def test_the_command(self) -> None:
        """``twistd dyups`` is there once, with our options and our service."""
        (maker,) = [maker for maker in getPlugins(IServiceMaker) if maker.tapname == "dyups"]
        self.assertIs(maker.options, tap.Options)
        self.assertIs(maker.makeService, tap.makeService)
        self.assertIn("nginx configuration", maker.description)

    def test_the_reactor(self) -> None:
        """``--reactor dyups-uvloop`` is there once."""
        names = [installer.shortName for installer in getPlugins(IReactorInstaller)]
        self.assertEqual(names.count("dyups-uvloop"), 1)
