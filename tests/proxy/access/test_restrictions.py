"""Which restrictions a location has."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.access.addresses import AccessPhase
from dyups.proxy.access.restrictions import Restrictions
from dyups.proxy.deadlines import Deadlines
from dyups.proxy.plane import DataPlane
from dyups.upstream.map import UpstreamMap
from tests.config.helpers import location_of


class Phases(SynchronousTestCase):
    """From settings to phases."""

    def phases(self, text: str) -> list[type]:
        plane = DataPlane(UpstreamMap(), Deadlines(Clock()), None)  # type: ignore[arg-type]
        return [type(phase) for phase in Restrictions(plane).phases(location_of(text))]

    def test_none(self) -> None:
        """A location where nobody is kept out has no phase, so its requests pay nothing."""
        self.assertEqual(self.phases("echo hello; satisfy any; auth_delay 1s;"), [])

    def test_access(self) -> None:
        """Whatever keeps somebody out makes one phase."""
        for text in ("allow all;", "auth_basic a; auth_basic_user_file b;", "dyups_interface;"):
            self.assertEqual(self.phases(text), [AccessPhase], text)
