"""What arguments may refer to."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.scope import Scope
from tests.config.helpers import Table, message_of


class Scopes(SynchronousTestCase):
    """Paths and templates."""

    def test_path(self) -> None:
        """Relative paths start at the prefix, absolute ones stay."""
        scope = Scope("/srv/x")
        self.assertEqual(scope.path("logs/../a.log"), "/srv/x/a.log")
        self.assertEqual(scope.path("/var/a.log"), "/var/a.log")

    def test_template(self) -> None:
        """Templates know the table's variables and the user's, and the empty scope knows none."""
        scope = Scope("/", Table(), frozenset({"mine"}))
        self.assertEqual(scope.template("$host$mine").source, "$host$mine")
        self.assertEqual(message_of(self, Scope().template, "$host"), 'unknown "host" variable')
