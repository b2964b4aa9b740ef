"""Request hooks in Python (``python_hook``): plugins that see requests before they are served, and servers' answers.

What a hook gets (:class:`HookedRequest`, :class:`HookedResponse`) and gives (:class:`Answer`), and how the data plane
comes to it.  ``workers`` hands :class:`Hooks` to the data plane, which knows only the Protocols of ``proxy``.
A hook's mistake is 500 for its request and a line in the error log with the traceback, nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from inspect import iscoroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from dyups.balancing.view import RequestView
from dyups.config.model import Http, Location
from dyups.config.plugins import find_plugin
from dyups.config.scripts import HookSpec
from dyups.errors import ConfigError
from dyups.http1.fields import clean
from dyups.interfaces import IRequestHook, IRequestHookMaker, VariableTable
from dyups.proxy import answers
from dyups.proxy.exchange import Exchange
from dyups.proxy.passage import Passage, Phase
from dyups.proxy.rewrite.steps import DONE, NEXT, WAIT
from dyups.proxy.variables import variables_of_run_time
from dyups.script.chosen import ChosenUpstream
from dyups.script.heads import with_field, with_method

_log = Logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a hook answers by itself; ``headers`` are (name, value)."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Sequence[tuple[str, str]] = field(default=())


class HookedRequest(RequestView):
    """A request that a hook may change; what it reads is told in :class:`~dyups.balancing.view.RequestView`."""

    __slots__ = ("upstream",)

    def __init__(self, exchange: Exchange, variables: VariableTable) -> None:
        super().__init__(exchange, variables)
        self.upstream: str | None = None
        """Set it to the name of an upstream, and that is asked, whatever the location's content is."""

    def set_method(self, method: str) -> None:
        """Ask with another method."""
        self._exchange.head = with_method(self._exchange.head, method.encode("latin-1"))

    def set_uri(self, uri: str, args: str | None = None) -> None:
        """Ask for another path (decoded) and, where they are given, other arguments."""
        query = self._exchange.args if args is None else args.encode("latin-1")
        self._exchange.move(uri.encode("latin-1"), query)

    def set_header(self, name: str, *values: str) -> None:
        """Give a field these values; without any, take it away.  Raises ValueError for what frames the message."""
        coded = [value.encode("latin-1") for value in values]
        self._exchange.head = with_field(self._exchange.head, name.encode("latin-1"), coded)

    def set_variable(self, name: str, value: str) -> None:
        """Give a variable of the configuration (``set``) a value, for ``proxy_pass http://$name`` and the like."""
        self._exchange.user[name.lower()] = value.encode("latin-1")


#: What became of a hook's request: an answer, or None.
Outcome = Answer | None


class HookPhase:
    """One ``python_hook`` of one location."""

    def __init__(self, hook: Any, name: str, variables: VariableTable, chosen: ChosenUpstream) -> None:
        self._hook = hook
        self._name = name
        self._variables = variables
        self._chosen = chosen

    def run(self, exchange: Exchange, passage: Passage) -> int:
        """See :class:`~dyups.proxy.passage.Phase`."""
        request = HookedRequest(exchange, self._variables)
        try:
            found = self._hook.request(request)
        except Exception:
            return self._failed(exchange, Failure())
        if iscoroutine(found):
            found = Deferred.fromCoroutine(found)
        if isinstance(found, Deferred):
            return self._wait(found, request, passage)
        return self._conclude(exchange, request, found)

    def _wait(self, waited: Deferred[Outcome], request: HookedRequest, passage: Passage) -> int:
        exchange = passage.client.exchange
        verdict = WAIT
        waiting = False

        def came(found: Outcome) -> None:
            ended(self._conclude(exchange, request, found))

        def failed(failure: Failure) -> None:
            if failure.check(CancelledError) is None:
                ended(self._failed(exchange, failure))

        def ended(reached: int) -> None:
            nonlocal verdict
            verdict = reached
            if waiting and reached == NEXT:
                passage.go_on()

        waited.addCallback(came)
        waited.addErrback(failed)
        if verdict == WAIT:
            waiting = True
            passage.cancel = waited.cancel
        return verdict

    def _conclude(self, exchange: Exchange, request: HookedRequest, found: object) -> int:
        if isinstance(found, Answer):
            return self._answer(exchange, found)
        if found is not None:
            return self._failed(exchange, Failure(TypeError(f"neither an Answer nor None: {found!r}")))
        if request.upstream is not None:
            self._chosen.choose(exchange, request.upstream)
        return NEXT

    def _answer(self, exchange: Exchange, answer: Answer) -> int:
        lines = b"".join([_line(name, value) for name, value in answer.headers])
        kind = clean(answer.content_type.encode("latin-1", "replace"))
        answers.send(exchange.client, answer.status, answer.body, kind, lines)
        return DONE

    def _failed(self, exchange: Exchange, failure: Failure) -> int:
        report(self._name, exchange, failure)
        exchange.client.refuse(500, None)
        return DONE


def report(name: str, exchange: Exchange, failure: Failure) -> None:
    """A line in the error log, with the traceback."""
    context = exchange.client.context(f"python hook {name} failed")
    _log.failure("{context}", failure=failure, context=context)


def _line(name: str, value: str) -> bytes:
    return b"%b: %b\r\n" % (
        clean(name.encode("latin-1", "replace")),
        clean(value.encode("latin-1", "replace")),
    )


class Hooks:
    """The hooks of a process, ready for its locations; a hook that is inherited is one object for all of them."""

    def __init__(self, http: Http) -> None:
        self._variables = variables_of_run_time(http)
        self._made: dict[HookSpec, Any] = {}

    def after_access(self, location: Location) -> tuple[Phase, ...]:
        """The hooks of a location, as phases."""
        chosen = ChosenUpstream()
        return tuple(
            HookPhase(self.made(spec), spec.name, self._variables, chosen)
            for spec in location.settings.scripts.python_hook
        )

    def named(self, location: Location) -> list[tuple[str, Any]]:
        """The hooks of a location by name."""
        return [(spec.name, self.made(spec)) for spec in location.settings.scripts.python_hook]

    def made(self, spec: HookSpec) -> Any:
        """The hook that the directive asks for.  Raises ConfigError, with the directive's place, if there is none."""
        hook = self._made.get(spec)
        if hook is None:
            hook = self._made[spec] = _made(spec)
        return hook

    @property
    def variables(self) -> VariableTable:
        """What hooks may read."""
        return self._variables


def _made(spec: HookSpec) -> Any:
    try:
        hook = find_plugin(IRequestHookMaker, spec.name).hook(*spec.args)
    except ConfigError as error:
        raise ConfigError(error.message, *spec.place) from None
    except (TypeError, ValueError) as error:
        raise ConfigError(f'invalid arguments of python hook "{spec.name}": {error}', *spec.place) from None
    if not IRequestHook.providedBy(hook):
        raise ConfigError(f'python hook "{spec.name}" makes no IRequestHook', *spec.place)
    return hook
