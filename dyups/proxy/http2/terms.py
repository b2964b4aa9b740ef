"""What all HTTP/2 connections to one address share; ``opening`` makes it once."""

from __future__ import annotations

from dyups.config.http2 import Http2Settings
from dyups.proxy.http2.fields import HeadReader
from dyups.proxy.route import ListenRoutes


class Http2Terms:
    """The servers behind the address, and the settings of its default server, which hold for connections."""

    __slots__ = ("head_limit", "heads", "root", "routes", "settings")

    def __init__(self, routes: ListenRoutes, settings: Http2Settings) -> None:
        self.routes = routes
        self.settings = settings
        self.heads = HeadReader(routes)
        self.head_limit = routes.head_limit
        self.root = routes.default.root
        """Has the time limits of connections."""
