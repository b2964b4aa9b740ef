"""A request hook that chooses an upstream by a field of the request, and a balancer that goes by one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from zlib import crc32

from twisted.plugin import IPlugin
from zope.interface import implementer

from dyups.balancing.view import RequestView
from dyups.interfaces import IBalancer, IBalancerMaker, IRequestHook, IRequestHookMaker
from dyups.script.edits import HookedResponse
from dyups.script.hooks import Answer, HookedRequest

_TENANT = re.compile("[a-z0-9-]+").fullmatch


@implementer(IRequestHook)
class TenantHook:
    """Every tenant has an upstream of its own."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    async def request(self, request: HookedRequest) -> Answer | None:
        """Choose the upstream; a coroutine, since real ones look the tenant up somewhere."""
        tenant = request.header("X-Tenant")
        if tenant is None or not _TENANT(tenant):
            return Answer(400, b"which tenant?\n")
        request.upstream = self._prefix + tenant
        request.set_header("X-Tenant")  # no business of the server
        return None

    def response(self, request: HookedRequest, response: HookedResponse) -> None:
        """Tell whom it was for."""
        response.set_header("X-Served-For", request.host)


@implementer(IPlugin, IRequestHookMaker)
class TenantHookMaker:
    """``python_hook tenant PREFIX``."""

    name = "tenant"

    def hook(self, prefix: str = "") -> TenantHook:
        """The hook of one directive."""
        return TenantHook(prefix)


@implementer(IBalancer)
class ByHeader:
    """The same value, the same server, as long as it may be asked."""

    def __init__(self, servers: Sequence[Any], header: str) -> None:
        self._header = header

    def choose(self, request: RequestView, servers: Sequence[Any]) -> Any:
        """A server for the value of the field; without one, whoever's turn it is."""
        value = request.header(self._header)
        return None if value is None else servers[crc32(value.encode()) % len(servers)]


@implementer(IPlugin, IBalancerMaker)
class ByHeaderMaker:
    """``balancer by_header NAME;``."""

    name = "by_header"

    def balancer(self, servers: Sequence[Any], header: str) -> ByHeader:
        """The balancer of one upstream."""
        return ByHeader(servers, header)
