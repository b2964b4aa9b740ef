"""Looking names up while running, wired: for the process that makes changes.

The master has one for all of its workers; so has a process that is alone.  What requests name is looked up where they
are served (``serving``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from dyups.config.model import Http
from dyups.upstream.following import Asked, Following, FollowingLookup, Publish
from dyups.upstream.map import UpstreamMap
from dyups.upstream.names import Resolvers
from dyups.upstream.resolve import ThreadedLookup


class Naming:
    """The names of upstreams: ``lookup`` is for changes, the rest for what is followed."""

    def __init__(self, http: Http, reactor: Any, in_thread: Callable[..., Deferred[Any]]) -> None:
        self._reactor = reactor
        self._asked = Asked(Resolvers(reactor, in_thread), http.resolver, http.resolver_timeout)
        self.lookup = FollowingLookup(ThreadedLookup(in_thread), self._asked, reactor)
        self._following: Following | None = None

    def follow(self, upstreams: UpstreamMap, publish: Publish) -> None:
        """Begin to keep the names of ``upstreams`` as DNS has them."""
        self._following = Following(upstreams, self._asked, publish, self._reactor)
        self._following.start()

    def renew(self, http: Http, upstreams: UpstreamMap) -> None:
        """Go on with another configuration; its upstreams begin with what is known of their names."""
        self._asked.renew(http.resolver, http.resolver_timeout)
        if self._following is not None:
            self._following.renew(upstreams)

    def stop(self) -> None:
        """Ask no more."""
        if self._following is not None:
            self._following.stop()
