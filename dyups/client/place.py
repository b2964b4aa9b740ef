"""Where an admin interface is: ``http://127.0.0.1:8081``, ``https://HOST/PREFIX``, ``unix:/PATH[:/PREFIX]``.

``rest`` makes its requests by what :func:`place_of` finds; unix sockets are written as nginx writes them in
``proxy_pass``, less the scheme.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import URI, Agent, HTTPConnectionPool
from twisted.web.iweb import IAgent, IAgentEndpointFactory
from zope.interface import implementer

#: What ``conf/nginx.conf`` opens.
DEFAULT_URL = "http://127.0.0.1:8081"


class Place(NamedTuple):
    """``base`` is the URL that paths are put behind, without a slash at its end; ``socket`` a unix socket's path."""

    base: str
    socket: str = ""
    auth: tuple[str, str] | None = None
    """Name and password (``auth_basic``), where the URL has them: ``http://NAME:PASSWORD@HOST``."""


def place_of(url: str) -> Place:
    """The place that ``url`` names.  Raises ValueError for what is no such URL."""
    if url.startswith("unix:"):
        path, _, prefix = url.removeprefix("unix:").partition(":")
        if not path or (prefix and not prefix.startswith("/")):
            raise ValueError(f"not unix:/PATH or unix:/PATH:/PREFIX: {url}")
        return Place("http://localhost" + prefix.rstrip("/"), path)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"not http://HOST:PORT, https://HOST:PORT or unix:/PATH: {url}")
    if parts.port == 0:
        raise ValueError(f"no such port: {url}")
    auth = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    host = parts.netloc.rpartition("@")[2]
    return Place(f"{parts.scheme}://{host}{parts.path.rstrip('/')}", auth=auth)


def agent_for(place: Place, reactor: Any, pool: HTTPConnectionPool) -> IAgent:
    """What connects there."""
    if place.socket:
        agent: IAgent = Agent.usingEndpointFactory(reactor, _Socket(reactor, place.socket), pool)
        return agent
    return Agent(reactor, pool=pool)


@implementer(IAgentEndpointFactory)
class _Socket:
    """Connects to one unix socket, whatever the URL says."""

    def __init__(self, reactor: Any, path: str) -> None:
        self._reactor = reactor
        self._path = path

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """See :class:`~twisted.web.iweb.IAgentEndpointFactory`."""
        return UNIXClientEndpoint(self._reactor, self._path)
