"""Where an admin interface is: ``http://127.0.0.1:8081``, ``https://HOST/PREFIX``, ``unix:/PATH[:/PREFIX]``.

``rest`` makes its requests by what :func:`place_of` finds; unix sockets are written as nginx writes them in
``proxy_pass``, less the scheme.  Each may have ``NAME:PASSWORD@`` before the host, or before the path of the socket.
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

    @property
    def shown(self) -> str:
        """The URL for people, without the password."""
        if not self.socket:
            return self.base
        prefix = self.base.removeprefix(_LOCAL)
        return f"unix:{self.socket}:{prefix}" if prefix else f"unix:{self.socket}"


_LOCAL = "http://localhost"
"""What a request over a unix socket is made for."""


def place_of(url: str) -> Place:
    """The place that ``url`` names.  Raises ValueError for what is no such URL."""
    if url.startswith("unix:"):
        return _socket_of(url.removeprefix("unix:"))
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"not http://HOST:PORT, https://HOST:PORT or unix:/PATH: {url}")
    if parts.port == 0:
        raise ValueError(f"no such port: {url}")
    auth = None if parts.username is None else _auth_of(parts.username, parts.password or "")
    host = parts.netloc.rpartition("@")[2]
    return Place(f"{parts.scheme}://{host}{parts.path.rstrip('/')}", auth=auth)


def _socket_of(text: str) -> Place:
    """``[NAME:PASSWORD@]/PATH[:/PREFIX]``; a path that is not absolute has no name before it."""
    auth = None
    who, at, rest = text.partition("@/")
    if at and "/" not in who:
        name, _, password = who.partition(":")
        auth, text = _auth_of(name, password), "/" + rest
    path, _, prefix = text.partition(":")
    if not path or (prefix and not prefix.startswith("/")):
        raise ValueError(
            "not unix:/PATH or unix:/PATH:/PREFIX, with NAME:PASSWORD@ before the first slash or without"
        )
    return Place(_LOCAL + prefix.rstrip("/"), path, auth)


def _auth_of(name: str, password: str) -> tuple[str, str]:
    return unquote(name), unquote(password)


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
