"""Where scripts and hooks meet the data plane, which knows none of them: what ``contents`` asks for at configuration
time.

``script`` has those that run; a configuration without any has :data:`NO_SCRIPTS`, and no request pays for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from dyups.config.model import Location
from dyups.proxy.forward.plan import HeadEdits
from dyups.proxy.passage import Phase
from dyups.proxy.serving import Serving


class Scripting(Protocol):
    """What scripts do for locations; each is asked once per location."""

    def contents(self) -> Mapping[str, Callable[[Location], Serving]]:
        """Contents by their names, as ``LocationMaker``'s ``resources``."""
        ...

    def before_access(self, location: Location) -> tuple[Phase, ...]:
        """Phases right after the rewrite phase."""
        ...

    def after_access(self, location: Location) -> tuple[Phase, ...]:
        """Phases for requests that are let in."""
        ...

    def edits(self, location: Location) -> HeadEdits | None:
        """What changes heads of servers; None for nothing."""
        ...


class _NoScripts:
    """There are none."""

    def contents(self) -> Mapping[str, Callable[[Location], Serving]]:
        """None."""
        return {}

    def before_access(self, location: Location) -> tuple[Phase, ...]:
        """None."""
        return ()

    def after_access(self, location: Location) -> tuple[Phase, ...]:
        """None."""
        return ()

    def edits(self, location: Location) -> HeadEdits | None:
        """None."""
        return None


NO_SCRIPTS: Scripting = _NoScripts()
