"""Plugins that a configuration names, found by Twisted's plugin system.

A plugin is an object in a module of the package ``twisted.plugins`` that has its name.  The floors above ask for it by
that name; directives only check that it is there.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from twisted.plugin import getPlugins
from zope.interface import Interface

from dyups.errors import ConfigError
from dyups.interfaces import IBalancerMaker, IRequestHookMaker

_KINDS: dict[type[Interface], str] = {IBalancerMaker: "balancer", IRequestHookMaker: "python hook"}


@lru_cache(maxsize=256)
def find_plugin(interface: type[Interface], name: str) -> Any:
    """The plugin of that kind and name.  Raises ConfigError, without a place, where there is none."""
    for plugin in getPlugins(interface):
        if getattr(plugin, "name", "") == name:
            return plugin
    raise ConfigError(f'unknown {_KINDS[interface]} "{name}"')


def check_balancer(name: str, args: tuple[str, ...]) -> None:
    """Whether there is such a balancer and it takes these arguments.  Raises ConfigError without a place."""
    maker = find_plugin(IBalancerMaker, name)
    try:
        maker.balancer((), *args)
    except (TypeError, ValueError) as error:
        raise ConfigError(f'invalid arguments of balancer "{name}": {error}') from None
