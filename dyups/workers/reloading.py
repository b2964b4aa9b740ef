"""HUP: another configuration in the place of the present one, or a reason that is told, and nothing has changed.

Owns when a reload begins and what is said of one that fails, what another configuration needs of the system, and which
crews it leaves without a use.  The steps of a reload are ``master``'s, which makes a :class:`Reloads`.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from dyups.errors import ConfigError
from dyups.metrics.errorlog import ErrorLogObserver, observer_of
from dyups.proxy.plane import complain
from dyups.workers.configuration import Configuration
from dyups.workers.crew import Crew, workers_wanted
from dyups.workers.notify import Manager
from dyups.workers.sockets import Sockets, reason_of

_log = Logger()


class Ending(Exception):
    """There is nothing to reload for any more."""


class Alone(Protocol):
    """Runs something while no change is made: ``ChangePath.alone``."""

    async def __call__(self, steps: Callable[[], Awaitable[None]]) -> None:
        """Raises what ``steps`` raise."""
        ...


class Reloads:
    """One reload at a time, and one that waits: it will read what the files say then.

    ``renew`` goes on with what the files say; raises ConfigError, OSError with an address in ``filename``, or
    :class:`Ending`, and then nothing has changed.  ``manager`` hears of begin and end.
    """

    def __init__(self, alone: Alone, renew: Callable[[], Awaitable[None]], manager: Manager) -> None:
        self._alone = alone
        self._renew = renew
        self._manager = manager
        self._waits = False

    def ask(self) -> Deferred[None]:
        """Fires when a reload is over, whatever became of it; the error log says that."""
        complain("notice", "signal 1 (SIGHUP) received, reconfiguring")
        if self._waits:
            return succeed(None)
        self._waits = True
        return Deferred.fromCoroutine(self._reload())

    async def _reload(self) -> None:
        self._manager.reloading()
        try:
            await self._alone(self._begin)
            return
        except Ending:
            return
        except ConfigError as error:
            reason = str(error)
        except OSError as error:
            reason = reason_of(error)
        except Exception:
            _log.failure("the configuration could not be reloaded")
            reason = "see the error log"
        complain("emerg", reason)
        self._manager.ready(f"serving as before; the reload failed: {reason}")

    async def _begin(self) -> None:
        self._waits = False
        await self._renew()


def open_for(configuration: Configuration, logs: ErrorLogObserver, sockets: Sockets) -> None:
    """Have the logs and sockets of another configuration, all or none.  Raises ConfigError and OSError."""
    try:
        opened = observer_of(configuration.settings)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise ConfigError(f'open() "{error.filename}" failed ({error.errno}: {reason})') from error
    try:
        sockets.open(configuration.http.listens, workers_wanted(configuration))
    except OSError:
        opened.close()
        raise
    logs.become(opened)


def overtake(crews: Sequence[Crew], idle: float) -> None:
    """Another configuration has come: crews that only begin are of no use where another serves until the newest does.

    ``idle`` is how long their idle connections may stay, in seconds.
    """
    serving = any(other.served and not other.quitting for other in crews)
    for other in [*crews]:
        other.current = False
        if serving and not other.served:
            other.quit(True, idle)
