"""What a script may say to the proxy that it runs in, whatever its language.

The counterparts of the C module's ``ngx_dyups_update_upstream`` and ``ngx_dyups_delete_upstream``: a call never fails,
it gives a status and a message, as the admin interface gives them.  Who calls: ``dyups.update_upstream`` and its
siblings (by way of ``script.here``), and Lua's ``ngx.dyups``.  Who makes the change is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from dyups.config.upstreams import print_commands
from dyups.control.change import Changes
from dyups.errors import ChangeError
from dyups.upstream.map import UpstreamMap

SUCCESS = "success"
DISABLED = "API disabled"

_log = Logger()


class Result(NamedTuple):
    """What became of a call.

    ``status`` is the admin interface's: 200 done, 400 a wrong command or name, 404 no such upstream, 405 the API is
    not enabled (``dyups_api on``, or a ``dyups_interface`` somewhere), 409 another change is under way
    (``dyups_trylock on``), 500 good but could not be stored or published.  ``message`` is ``success`` or the reason.
    """

    status: int
    message: str

    @property
    def ok(self) -> bool:
        """Was the change made?"""
        return self.status == 200


class Verbs:
    """The calls, on the map of a process and its way to make changes.

    With ``enabled`` false nothing is changed, and every change is 405 ``API disabled``, as in C.  Cancelling a call
    means that a change which has not begun is not made, and that nobody hears of one that has.
    """

    def __init__(self, upstreams: UpstreamMap, changes: Changes, enabled: bool = True) -> None:
        self._upstreams = upstreams
        self._changes = changes
        self._enabled = enabled

    def update(self, name: str, body: str) -> Deferred[Result]:
        """Create or replace the upstream ``name`` by the commands of ``body``.  Never fails."""
        return self._call(lambda: self._changes.update(name, body))

    def patch(self, name: str, commands: str) -> Deferred[Result]:
        """Change servers of the upstream ``name`` one by one (``add server …;`` and the like).  Never fails."""
        return self._call(lambda: self._changes.patch(name, commands))

    def delete(self, name: str) -> Deferred[Result]:
        """Take the upstream ``name`` away.  Never fails."""
        return self._call(lambda: self._changes.delete(name))

    def names(self) -> list[str]:
        """The names of all upstreams, in order of definition."""
        return [*self._upstreams.names()]

    def get(self, name: str) -> str | None:
        """The commands of the upstream, one a line, as they may be given to :meth:`update`; None if unknown."""
        group = self._upstreams.find(name)
        return None if group is None else print_commands(group.spec)

    def _call(self, change: Callable[[], Deferred[None]]) -> Deferred[Result]:
        if not self._enabled:
            return succeed(Result(405, DISABLED))
        return change().addCallbacks(lambda _: Result(200, SUCCESS), result_of)


def result_of(failure: Failure) -> Result:
    """What a change that failed is to its caller; a mistake of ours goes to the log.  A cancelled call stays so."""
    failure.trap(Exception)
    error = failure.value
    if isinstance(error, ChangeError):
        return Result(error.status, error.reason)
    if isinstance(error, CancelledError):
        raise error
    _log.failure("a script's change failed", failure)
    return Result(500, "internal error")
