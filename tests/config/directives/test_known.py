"""Directives that are known and refused."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives import Effect
from dyups.config.directives.known import ENTRIES
from tests.config.helpers import location_of, message_of


class Known(SynchronousTestCase):
    """What they say."""

    def test_refused(self) -> None:
        """Each is refused by its name, wherever it stands."""
        for name in (
            "ssl_ocsp_responder",
            "ssi_types",
            "auth_jwt",
            "perl",
            "fastcgi_pass",
            "uwsgi_pass",
        ):
            error = f'"{name}" directive is not supported in conf/nginx.conf:5'
            self.assertEqual(message_of(self, location_of, f"{name} x;"), error)

    def test_many(self) -> None:
        """Hundreds of nginx's directives are known, each once."""
        names = [entry.name for entry in ENTRIES]
        self.assertGreater(len(names), 200)
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual({entry.effect for entry in ENTRIES}, {Effect.REFUSED})
