"""What a lower floor needs from a higher one, as Protocols: it arrives as an argument, never by import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

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
