"""Changes to every worker: into the shared zones, then the doorbells (:class:`~dyups.control.publish.Publisher`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from dyups.control.publish import Asker
from dyups.errors import ChangeFailed
from dyups.workers.crew import Crew

#: How often to look for room in a full zone, in seconds; readers say how far they are with each heartbeat.
LOOK_AGAIN = 0.02

Crews = Callable[[], Iterable[Crew]]


class ToWorkers:
    """Publishes to all workers of all ``crews``."""

    def __init__(self, crews: Crews, clock: IReactorTime) -> None:
        self._crews = crews
        self._clock = clock

    def reserve(self, size: int) -> Deferred[None]:
        """Fires when every zone has room; fails where one has none within ``dyups_read_msg_timeout``, or never can."""
        if self._without_room(size) is None:
            return succeed(None)
        return Deferred.fromCoroutine(self._reserve(size))

    async def _reserve(self, size: int) -> None:
        begun = self._clock.seconds()
        while (full := self._without_room(size)) is not None:
            if not full.zone.fits(size):
                raise ChangeFailed(
                    f"the change needs {size} bytes of the shared zone, dyups_shm_zone_size gives it "
                    f"{full.zone.capacity}"
                )
            limit = full.configuration.http.dyups.dyups_read_msg_timeout
            if self._clock.seconds() - begun >= limit:
                raise ChangeFailed(
                    f"the shared zone is full: a worker has not read it for {limit:g} seconds "
                    "(dyups_read_msg_timeout); enlarge dyups_shm_zone_size if this happens often"
                )
            await deferLater(self._clock, LOOK_AGAIN, _nothing)

    def _without_room(self, size: int) -> Crew | None:
        for crew in self._crews():
            if not crew.zone.has_room(size):
                return crew
        return None

    def publish(self, sequence: int, notice: bytes, asker: Asker | None = None) -> Deferred[None]:
        """Write to every zone now; fires when every worker that serves routes by it, but for ``asker``."""
        heard: list[Deferred[None]] = []
        for crew in self._crews():
            crew.zone.write(sequence, notice)
            heard += crew.ring(sequence, asker)
        if asker is not None and (own := asker.told(sequence, bool(heard))) is not None:
            heard.append(own)
        if len(heard) < 2:
            return heard[0] if heard else succeed(None)
        return DeferredList(heard).addCallback(_nothing)


def _nothing(*_: object) -> None:
    """Nobody wants to know more than that it has happened."""
