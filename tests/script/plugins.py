"""Plugins for tests, handed out in place of those that Twisted would find."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from zope.interface import implementer

from dyups.config import plugins
from dyups.interfaces import IBalancerMaker, IRequestHook, IRequestHookMaker


@implementer(IRequestHook)
class Hook:
    """Does what its functions do."""

    def __init__(self, request: Any = None, response: Any = None) -> None:
        self.request = request or (lambda request: None)
        self.response = response or (lambda request, response: None)


@implementer(IRequestHookMaker)
class HookMaker:
    """Gives the same hook for any arguments."""

    def __init__(self, hook: Any, name: str = "h") -> None:
        self.name = name
        self.given: list[tuple[str, ...]] = []
        self._hook = hook

    def hook(self, *args: str) -> Any:
        """The hook."""
        if "bad" in args:
            raise ValueError("no such argument")
        self.given.append(args)
        return self._hook


@implementer(IBalancerMaker)
class BalancerMaker:
    """Gives a balancer that chooses as ``choose`` does."""

    def __init__(self, choose: Any, name: str = "b") -> None:
        self.name = name
        self._choose = choose

    def balancer(self, servers: Any, *args: str) -> Any:
        """The balancer."""
        if "bad" in args:
            raise ValueError("no such argument")
        maker = self

        class Chooser:
            def choose(self, request: Any, servers: Any) -> Any:
                return maker._choose(request, servers)

        return Chooser()


@contextmanager
def installed(*made: Any) -> Iterator[None]:
    """These plugins are there, and no others."""

    def found(interface: Any) -> list[Any]:
        return [plugin for plugin in made if interface.providedBy(plugin)]

    plugins.find_plugin.cache_clear()
    with patch.object(plugins, "getPlugins", found):
        yield
    plugins.find_plugin.cache_clear()
