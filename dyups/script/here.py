"""The proxy of this process, for those who can only import: ``await dyups.update_upstream(name, body)``.

Owns the one thing that belongs to a process and to no object: which verbs are its own.  ``workers`` and ``embed`` call
:func:`install` when they start and what it gave back when they stop; everybody else calls the functions, which
``dyups`` exports.  Where verbs can be handed in as an argument, that is better.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from dyups.script.verbs import Result, Verbs

NOBODY = "no proxy runs in this process"

# The last one counts: a reload makes another.  A list, for several proxies of a process may stop in any order.
_installed: list[Verbs] = []


def install(verbs: Verbs) -> Callable[[], None]:
    """Make ``verbs`` those of this process; call the result to take them away again."""
    _installed.append(verbs)

    def remove() -> None:
        if verbs in _installed:
            _installed.remove(verbs)

    return remove


def verbs_here() -> Verbs:
    """The verbs of this process.  Raises RuntimeError where no proxy runs in it."""
    if not _installed:
        raise RuntimeError(NOBODY)
    return _installed[-1]


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
