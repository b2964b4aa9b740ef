"""Which restrictions a location has: from its settings to the phases before its content.

``contents`` asks once for each location; what the phases do is told in ``limits``, ``addresses``, ``auth`` and
``authrequest``.
"""

from __future__ import annotations

from dyups.config.model import Location, ResourceContent
from dyups.proxy.access.addresses import AccessPhase, AddressRules, Check, OnlyLocal
from dyups.proxy.access.auth import BasicAuth
from dyups.proxy.access.authrequest import AuthRequest, Mirror
from dyups.proxy.access.limits import LimitConnections, LimitRequests
from dyups.proxy.access.passwords import PasswordFiles
from dyups.proxy.passage import Phase
from dyups.proxy.plane import DataPlane

#: Contents that are closed to the outside unless the configuration says who may ask.
CLOSED = frozenset({"dyups_interface", "dyups_status"})


class Restrictions:
    """Makes the phases; all locations of a process share what they remember of passwords."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._passwords = PasswordFiles(plane.in_thread)

    def phases(self, location: Location) -> tuple[Phase, ...]:
        """Limits, then access, as ``ngx_http_core_module`` orders them."""
        return (*self._limits(location), *self._access(location), *_mirrors(location))

    def _limits(self, location: Location) -> list[Phase]:
        settings, tables = location.settings.limits, self._plane.limits
        if tables is None or not (settings.limit_req or settings.limit_conn):
            return []
        phases: list[Phase] = []
        if settings.limit_req:
            phases.append(LimitRequests(settings, tables.zones, self._plane.deadlines))
        if settings.limit_conn:
            phases.append(LimitConnections(settings, tables.zones, self._plane.deadlines))
        return phases

    def _access(self, location: Location) -> list[Phase]:
        settings = location.settings.access
        checks = self._checks(location)
        if not checks:
            return []
        any_will_do = settings.satisfy == "any"
        deadlines = self._plane.deadlines
        return [AccessPhase(checks, deadlines, any_will_do=any_will_do, delay=settings.auth_delay)]

    def _checks(self, location: Location) -> list[Check]:
        settings, content = location.settings.access, location.content
        checks: list[Check] = []
        if settings.access_rules:
            checks.append(AddressRules(settings.access_rules))
        if settings.auth_basic is not None and settings.auth_basic_user_file is not None:
            checks.append(BasicAuth(settings.auth_basic, settings.auth_basic_user_file, self._passwords))
        if settings.auth_request:
            checks.append(AuthRequest(settings))
        if isinstance(content, ResourceContent) and content.name in CLOSED and not settings.asks:
            checks.append(OnlyLocal(content.name))
        return checks


def _mirrors(location: Location) -> list[Phase]:
    settings = location.settings.proxying
    if not settings.mirror or "off" in settings.mirror:
        return []
    return [Mirror(settings.mirror, with_body=settings.mirror_request_body)]
