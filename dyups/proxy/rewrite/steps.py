"""The steps of the rewrite phase, ready to run: ``set``, ``return`` and what else ``ngx_http_rewrite_module`` has.

Made once per server and location from the steps of :mod:`dyups.config.model`; ``phases`` runs them.  A step that waits
is no step but a phase (``passage``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dyups.config.model import Location, ReturnStep, SetStep, Step, Template
from dyups.config.routing import IfStep, LimitExceptStep, RewriteStep
from dyups.http1.fields import clean
from dyups.proxy import answers
from dyups.proxy.exchange import Exchange
from dyups.proxy.files.mimetypes import type_of
from dyups.proxy.rewrite.assigning import assigning
from dyups.proxy.rewrite.rewriting import Break, If, LimitExcept, Rewrite
from dyups.proxy.rewrite.verdicts import AGAIN as AGAIN
from dyups.proxy.rewrite.verdicts import BREAK as BREAK
from dyups.proxy.rewrite.verdicts import DONE as DONE
from dyups.proxy.rewrite.verdicts import NEXT as NEXT
from dyups.proxy.rewrite.verdicts import WAIT as WAIT
from dyups.proxy.rewrite.verdicts import Runnable as Runnable
from dyups.proxy.rewrite.verdicts import run_steps as run_steps

if TYPE_CHECKING:
    from dyups.proxy.route import Route

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: ``return`` of these closes the connection without an answer (``NGX_HTTP_CLOSE``, ``NGX_HTTP_CLIENT_CLOSED_REQUEST``).
_SILENT = frozenset({444, 499})

#: Makes a location that stands within another (``if``) ready to serve.
MakeRoute = Callable[[Location], "Route"]


class Set:
    """``set``."""

    __slots__ = ("_name", "_render")

    def __init__(self, step: SetStep) -> None:
        self._name = step.name
        self._render = step.value.render

    def run(self, exchange: Exchange) -> int:
        """Give the variable its value."""
        exchange.user[self._name] = self._render(exchange)
        return NEXT


class Return:
    """``return`` as ``ngx_http_script_return_code`` does it: a code from 400 on without a text gets its page."""

    __slots__ = ("_code", "_text")

    def __init__(self, step: ReturnStep) -> None:
        self._code = step.code
        self._text: Template | None = step.text

    def run(self, exchange: Exchange) -> int:
        """Answer."""
        client = exchange.client
        code = self._code
        text = b"" if self._text is None else self._text.render(exchange)
        if code in _SILENT:
            exchange.status = code
            client.cut()
        elif code in _REDIRECTS:
            answers.send_redirect(client, code, clean(text))
        elif code >= 400 and (self._text is None or self._text.constant == b""):
            answers.send_page(client, code)
        else:
            answers.send(client, code, text, type_of(exchange.route.settings, exchange.uri))
        return DONE


class OnlyInternal:
    """``internal``: from outside nothing is here."""

    __slots__ = ()

    def run(self, exchange: Exchange) -> int:
        """404 unless the request was sent here by ourselves."""
        if exchange.redirects:
            return NEXT
        answers.send_page(exchange.client, 404)
        return DONE


def ready_steps(steps: Sequence[Step], make_route: MakeRoute) -> tuple[Runnable, ...]:
    """The steps of a block, ready to run; ``make_route`` is for blocks within it."""
    return tuple([_ready(step, make_route) for step in steps])


def _ready(step: Step, make_route: MakeRoute) -> Runnable:
    if isinstance(step, SetStep):
        return assigning(step) or Set(step)
    if isinstance(step, ReturnStep):
        return Return(step)
    if isinstance(step, RewriteStep):
        return Rewrite(step)
    if isinstance(step, IfStep):
        route = None if step.location is None else make_route(step.location)
        return If(step.condition, ready_steps(step.steps, make_route), route)
    if isinstance(step, LimitExceptStep):
        return LimitExcept(step.methods, make_route(step.location))
    return Break()
