"""Why a connection ended, or never began, in Twisted's words.

Owns the translation of uvloop's and the system's errors to ``twisted.internet.error``.  ``bridge`` asks it why a
connection was lost, ``connectors`` why one could not be made.
"""

from __future__ import annotations

import os
from typing import Final

from twisted.internet import error
from twisted.python.failure import Failure

# Shared by all connections, as Twisted's own reactors share theirs: they carry no traceback, and a Failure costs
# microseconds to make.
DONE: Final = Failure(error.ConnectionDone())
LOST: Final = Failure(error.ConnectionLost())
ABORTED: Final = Failure(error.ConnectionAborted())


def came_from_the_network(exc: BaseException) -> bool:
    """Tell an error that uvloop reports from one that application code raised.

    uvloop makes the former without raising it, so it has no traceback.
    """
    return isinstance(exc, OSError) and exc.__traceback__ is None


def why_lost(exc: BaseException | None) -> Failure:
    """The reason for ``IProtocol.connectionLost``, from what uvloop gave to ``connection_lost``."""
    if exc is None:
        return DONE
    return LOST if came_from_the_network(exc) else Failure(exc)


def why_not_connected(exc: BaseException) -> BaseException:
    """The ``twisted.internet.error`` for a failed attempt to connect."""
    if not isinstance(exc, OSError) or isinstance(exc, error.ConnectError | error.DNSLookupError):
        return exc
    if exc.errno is None:
        return error.ConnectError(string=str(exc))
    # uvloop words some of its errors itself; Twisted's users know the system's words.
    connect_error: BaseException = error.getConnectError((exc.errno, os.strerror(exc.errno)))
    return connect_error
