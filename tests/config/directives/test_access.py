"""The directives that say who may ask."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.helpers import location_of


class Directives(SynchronousTestCase):
    """What they read; rules and inheritance are ``tests/config/test_access.py``'s."""

    def test_auth_request(self) -> None:
        """The path is a text, ``off`` is none; variables it sets may be read elsewhere."""
        found = location_of("auth_request /check; auth_request_set $who $http_x_user; set $a $who;").settings
        self.assertEqual(found.access.auth_request, "/check")
        ((name, value),) = found.access.auth_request_set
        self.assertEqual((name, value.render(None)), ("who", b"<http_x_user>"))
        self.assertEqual(location_of("auth_request off;").settings.access.auth_request, "")

    def test_realm(self) -> None:
        """A realm may have variables."""
        found = location_of('auth_basic "for $host";').settings.access.auth_basic
        assert found is not None
        self.assertEqual(found.render(None), b"for <host>")

    def test_delay(self) -> None:
        """The delay is a time."""
        self.assertEqual(location_of("auth_delay 2s;").settings.access.auth_delay, 2.0)
