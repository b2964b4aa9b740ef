"""A client's connection that carries several requests at a time, as those see it who look at all connections.

``tallies`` counts them and the process ends them; neither has to load the protocol for that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod


class Carrier(ABC):
    """Such a connection; ``connection`` has the one that runs."""

    __slots__ = ()

    @abstractmethod
    def waits(self) -> bool:
        """Is it idle: no request is under way?"""

    @abstractmethod
    def end_idle(self, until: float) -> None:
        """The process is to end: take no more requests, and close by ``until`` (reactor seconds) if there are none."""
