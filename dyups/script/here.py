"""The proxy of this process, for those who can only import: ``await dyups.update_upstream(name, body)``.

Owns the one thing that belongs to a process and to no object: which verbs are its own.  ``workers`` and ``embed`` begin
and end a :class:`Presence` as they start and stop; everybody else calls the functions, which ``dyups`` exports.  Where
verbs can be handed in as an argument, that is better.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from dyups.script.verbs import Result, Verbs

NOBODY = "no proxy runs in this process"

# The last one counts.  A list, for several proxies of a process may stop in any order.
_present: list[Verbs] = []


class Presence:
    """One proxy's being here."""

    def __init__(self) -> None:
        self._verbs: Verbs | None = None

    def begin(self, verbs: Verbs) -> None:
        """From now on ``verbs`` are those of this process, and this proxy's in place of what they were."""
        self.end()
        self._verbs = verbs
        _present.append(verbs)

    def end(self) -> None:
        """The proxy is here no more."""
        if self._verbs is not None:
            _present.remove(self._verbs)
            self._verbs = None


def verbs_here() -> Verbs:
    """The verbs of this process.  Raises RuntimeError where no proxy runs in it."""
    if not _present:
        raise RuntimeError(NOBODY)
    return _present[-1]


def update_upstream(name: str, body: str) -> Deferred[Result]:
    """Create or replace the upstream ``name`` by the commands of ``body`` (``server …;`` and the like).

    The counterpart of ``ngx_dyups_update_upstream``.  Fires with a :class:`~dyups.script.verbs.Result` when the change
    is on disk and every worker routes by it, or was not made.  Raises RuntimeError where no proxy runs in this process.
    """
    return verbs_here().update(name, body)


def patch_upstream(name: str, commands: str) -> Deferred[Result]:
    """Change servers of the upstream ``name`` one by one; see :func:`update_upstream`.

    The commands are ``add server ADDR …;``, ``set server ADDR PARAMETER …;``, ``drain server ADDR;`` and
    ``remove server ADDR;``.
    """
    return verbs_here().patch(name, commands)


def delete_upstream(name: str) -> Deferred[Result]:
    """Take the upstream ``name`` away; see :func:`update_upstream`.  Requests under way finish where they are.

    The counterpart of ``ngx_dyups_delete_upstream``.
    """
    return verbs_here().delete(name)


def list_upstreams() -> list[str]:
    """The names of all upstreams, in order of definition.  Raises RuntimeError where no proxy runs in this process."""
    return verbs_here().names()


def get_upstream(name: str) -> str | None:
    """The commands of the upstream, as they may be given to :func:`update_upstream`; None if it is unknown.

    Raises RuntimeError where no proxy runs in this process.
    """
    return verbs_here().get(name)
