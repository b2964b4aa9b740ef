"""What a lower floor needs from a higher one, as Protocols: it arrives as an argument, never by import.

And what plugins provide, as zope interfaces: ``docs/plugins.rst`` tells how they are written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from zope.interface import Attribute, Interface

#: Reads one variable of a request, as bytes; an absent value is ``b""``.  The argument is the data plane's
#: ``Exchange``; this floor does not know it.
Getter = Callable[[Any], bytes]


class VariableTable(Protocol):
    """The names that ``$name`` may have in a configuration; ``proxy.variables`` has the one that runs."""

    def lookup(self, name: str) -> Getter | None:
        """The getter of the built-in variable ``name`` (lower case, without ``$``), or None if unknown."""
        ...


class TcpAddress(NamedTuple):
    """Where a server listens, or where we do: a literal IP address and a port number."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class UnixAddress(NamedTuple):
    """A unix domain socket by its path."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress

#: Host name to the literal IP addresses it has now, in the resolver's order; filled before a group is built.
Resolved = Mapping[str, tuple[str, ...]]


class Clock(Protocol):
    """The part of a reactor that tells the time (``IReactorTime.seconds``)."""

    def seconds(self) -> float:
        """Seconds on a clock that never runs backwards."""
        ...


# -- plugins -------------------------------------------------------------------------------------------------------


class IRequestHook(Interface):
    """Sees the requests of the locations that name it (``python_hook``); one object for all of them."""

    def request(request: Any) -> Any:
        """A request is about to be served; see :class:`dyups.script.hooks.HookedRequest` for what may be done with it.

        None lets it go on; an :class:`dyups.script.hooks.Answer` answers it.  A Deferred or coroutine of either makes
        it wait.  Whatever is raised is 500 for this request, and in the error log.
        """

    def response(request: Any, response: Any) -> None:
        """A server has answered; see :class:`dyups.script.hooks.HookedResponse`.  This must not wait."""


class IRequestHookMaker(Interface):
    """A Twisted plugin that makes request hooks."""

    name = Attribute("What ``python_hook`` calls it.")

    def hook(*args: str) -> Any:
        """An :class:`IRequestHook` for one ``python_hook NAME ARGS``.  Raises ValueError for wrong arguments."""


class IBalancer(Interface):
    """Chooses servers for the requests of one upstream; a change of the upstream makes another."""

    def choose(request: Any, servers: Any) -> Any:
        """One of ``servers``, which may all be asked now, or None to leave the choice to round robin.

        A server has ``address``, ``weight``, ``active`` (requests under way, of this worker) and ``fails``.
        ``request`` is a :class:`dyups.balancing.view.RequestView`.  This must not wait.
        """


class IBalancerMaker(Interface):
    """A Twisted plugin that makes balancers."""

    name = Attribute("What ``balancer`` calls it.")

    def balancer(servers: Any, *args: str) -> Any:
        """An :class:`IBalancer` over ``servers`` for one ``balancer NAME ARGS;``.

        Raises ValueError for wrong arguments; it is called with no servers to find that out.
        """
