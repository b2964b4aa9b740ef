"""The proxy inside another Twisted application, as a service and as resources of its site.

    proxy = Embedded("upstream shop { server 127.0.0.1:8088; }")
    root.putChild(b"shop", proxy.resource("shop", below=True))
    root.putChild(b"upstreams", proxy.interface())
    proxy.setServiceParent(application)

It is the process of ``workers.process`` without sockets and signals, which are the application's.
``docs/python-api.rst`` is the contract.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from twisted.application.service import MultiService
from twisted.web.resource import IResource

from dyups.admin.resource import dyups_interface
from dyups.config.model import LocationSettings
from dyups.config.parser import Tree, parse_text
from dyups.errors import ConfigError
from dyups.proxy.resource import Chooser, ReverseProxyResource
from dyups.script.verbs import Verbs
from dyups.workers.configuration import Configuration, built
from dyups.workers.process import ServingProcess
from dyups.workers.signals import NoSignals


class Embedded(MultiService):
    """Upstreams that change while the application runs, and the way to their servers.

    ``http`` is what may stand in nginx's ``http`` block, less servers: ``upstream`` blocks, ``dyups_upstream_conf`` for
    a dump file, ``dyups_trylock``, ``resolver``.  Relative paths start at ``prefix``.  Made, it has read the dump;
    started, it serves.  ``verbs`` is the way to make changes, and so are ``dyups.update_upstream`` and its siblings
    while it runs.  Raises :class:`~dyups.errors.ConfigError`.
    """

    def __init__(self, http: str = "", *, prefix: str = ".", reactor: Any = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if reactor is None:
            from twisted.internet import reactor
        configuration = _read(http, os.path.abspath(prefix))
        self._process = ServingProcess(configuration, _NoLogs(), reactor, signals=NoSignals)
        self._process.setServiceParent(self)  # type: ignore[no-untyped-call]
        self._interface = dyups_interface(self._process.upstreams, self._process.changes, reactor)

    @property
    def verbs(self) -> Verbs:
        """Update, patch, delete, names, get."""
        return self._process.verbs

    def resource(
        self,
        upstream: str | bytes | Chooser,
        settings: LocationSettings | None = None,
        *,
        below: bool = False,
    ) -> ReverseProxyResource:
        """What forwards to an upstream; see :class:`~dyups.proxy.resource.ReverseProxyResource`."""
        return ReverseProxyResource(self._process.side.plane, upstream, settings, below=below)

    def interface(self) -> IResource:
        """The admin interface; who may reach it is the site's to decide."""
        return self._interface


class _NoLogs:
    """The application's own logs have everything."""

    def reopen(self) -> list[str]:
        """There is nothing to open."""
        return []


def _read(http: str, prefix: str) -> Configuration:
    """The configuration with that ``http`` block, on one line with what is before it: errors name the right one.

    Whoever embeds the proxy may change its upstreams: ``dyups_api`` is always on.
    """
    tree = Tree(parse_text(f"events {{}} http {{ {http}\n}}"))
    found = built(tree, prefix, None)
    for listen in found.http.listens:
        place = listen.default_server.place
        raise ConfigError('"server" blocks have no effect here: the application listens', line=place.line)
    enabled = replace(found.http, dyups=replace(found.http.dyups, dyups_api=True))
    return replace(found, settings=replace(found.settings, http=enabled))
