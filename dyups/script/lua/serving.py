"""Scripts as what a location does: its content, its phases, what is done with answers and after the request.

:class:`LuaLocations` is what ``workers`` hands to the data plane, which knows only the Protocols of ``proxy``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dyups.config.model import Location
from dyups.config.scripts import LuaCode, ScriptContent
from dyups.http1.fields import clean
from dyups.metrics.errorlog import placed_as
from dyups.proxy.answers import send_redirect
from dyups.proxy.client import MOST_HELD, BodySink, ClientSide
from dyups.proxy.context import printable
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.accel import safe_place
from dyups.proxy.passage import Passage, Phase
from dyups.proxy.plane import complain_lines
from dyups.proxy.rewrite.steps import AGAIN, DONE, NEXT, WAIT
from dyups.proxy.serving import DISCARD, Serving
from dyups.script.edits import Edit, EditFailed, HookedResponse
from dyups.script.lua.asked import Asked
from dyups.script.lua.run import End, Run
from dyups.script.lua.scripts import LuaScripts

#: ``ngx.exit`` of these closes the connection without an answer.
_SILENT = (444, 499)
_ABORTED = "lua entry thread aborted: runtime error: "


class HeldBody:
    """The request's body while a content script runs; it tells the script of its client, too."""

    __slots__ = ("_chunks", "_client", "_paused", "_size", "_when_ended", "ended", "run")

    def __init__(self, client: ClientSide, body: bytes, ended: bool) -> None:
        self._client = client
        self._chunks = [body] if body else []
        self._size = len(body)
        self._paused = False
        self._when_ended: Callable[[], object] | None = None
        self.ended = ended
        self.run: Run | None = None

    @property
    def body(self) -> bytes:
        """See :class:`~dyups.script.lua.asked.BodySource`."""
        if len(self._chunks) > 1:
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0] if self._chunks else b""

    def when_ended(self, call: Callable[[], object]) -> None:
        """See :class:`~dyups.script.lua.asked.BodySource`."""
        self._when_ended = call
        if self._paused:
            self._paused = False
            self._client.resume_body()

    def take_body(self, data: bytes, ended: bool) -> None:
        """See :class:`~dyups.proxy.client.BodySink`."""
        if data:
            self._chunks.append(data)
            self._size += len(data)
        self.ended = ended
        if self._when_ended is None:
            if self._size > MOST_HELD and not ended:
                self._paused = True
                self._client.pause_body()
        elif ended:
            call, self._when_ended = self._when_ended, None
            call()

    def client_paused(self) -> None:
        """The script learns that when it flushes."""

    def client_resumed(self) -> None:
        """The script may go on with its answer."""
        if self.run is not None:
            self.run.drained()

    def client_gone(self) -> None:
        """Nobody waits for the script any more."""
        if self.run is not None:
            self.run.cancel()


class LuaContent:
    """``content_by_lua``."""

    def __init__(self, scripts: LuaScripts, code: LuaCode, cached: bool) -> None:
        self._scripts = scripts
        self._code = code
        self._cached = cached

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """Run the script."""
        held = HeldBody(exchange.client, body, ended)
        asked = self._scripts.asked(exchange)
        asked.source = held
        held.run = self._scripts.run(
            self._code, b"content", asked, partial(self._finished, asked), cached=self._cached
        )
        return DISCARD if held.run is None or held.run.over else held

    def _finished(self, asked: Asked, end: End) -> None:
        if conclude(asked, end, self._code) in (NEXT, AGAIN):
            asked.output.finish()


class PassageBody:
    """The request's body while the script of a phase runs."""

    __slots__ = ("_passage",)

    def __init__(self, passage: Passage) -> None:
        self._passage = passage

    @property
    def ended(self) -> bool:
        """See :class:`~dyups.script.lua.asked.BodySource`."""
        return self._passage.ended

    @property
    def body(self) -> bytes:
        """See :class:`~dyups.script.lua.asked.BodySource`."""
        return self._passage.body

    def when_ended(self, call: Callable[[], object]) -> None:
        """See :class:`~dyups.script.lua.asked.BodySource`."""
        self._passage.read_all(call)


class LuaPhase:
    """``rewrite_by_lua`` and ``access_by_lua``."""

    def __init__(self, scripts: LuaScripts, code: LuaCode, phase: bytes, cached: bool) -> None:
        self._scripts = scripts
        self._code = code
        self._phase = phase
        self._cached = cached

    def run(self, exchange: Exchange, passage: Passage) -> int:
        """See :class:`~dyups.proxy.passage.Phase`."""
        asked = self._scripts.asked(exchange)
        asked.source = PassageBody(passage)
        visit = _Visit(passage, asked, self._code)
        run = self._scripts.run(self._code, self._phase, asked, visit.finished, cached=self._cached)
        if visit.verdict == WAIT:
            visit.waits = True
            passage.cancel = None if run is None else run.cancel
        return visit.verdict


class _Visit:
    """One script of a phase, for one request."""

    __slots__ = ("_asked", "_code", "_passage", "verdict", "waits")

    def __init__(self, passage: Passage, asked: Asked, code: LuaCode) -> None:
        self._passage = passage
        self._asked = asked
        self._code = code
        self.verdict = WAIT
        self.waits = False

    def finished(self, end: End) -> None:
        """The script ended."""
        self.verdict = verdict = conclude(self._asked, end, self._code)
        if not self.waits:
            return
        passage = self._passage
        if verdict == NEXT:
            passage.go_on()
        elif verdict == AGAIN:
            client = passage.client
            client.hand_over(passage, client.locate_again(passage.body, passage.ended))


class LuaLog:
    """``log_by_lua``: a phase that sees to it that the script runs at the request's end."""

    def __init__(self, scripts: LuaScripts, code: LuaCode, cached: bool) -> None:
        self._scripts = scripts
        self._code = code
        self._cached = cached

    def run(self, exchange: Exchange, passage: Passage) -> int:
        """See :class:`~dyups.proxy.passage.Phase`."""
        asked = self._scripts.asked(exchange)
        # Before whatever forgets the request.
        exchange.at_end.insert(0, partial(self._at_end, asked, exchange.route.location.settings.scripts))
        return NEXT

    def _at_end(self, asked: Asked, scripts: object) -> None:
        exchange = asked.exchange
        if exchange.route.location.settings.scripts is scripts:
            self._scripts.run(self._code, b"log", asked, partial(_logged, exchange), cached=self._cached)


def _logged(exchange: Exchange, end: End) -> None:
    if end.kind == "error":
        _complain(exchange, f"failed to run log_by_lua*: {end.words}")


class LuaHeaderFilter:
    """``header_filter_by_lua``: an :data:`~dyups.script.edits.Edit`."""

    def __init__(self, scripts: LuaScripts, code: LuaCode, cached: bool) -> None:
        self._scripts = scripts
        self._code = code
        self._cached = cached

    def __call__(self, exchange: Exchange, response: HookedResponse) -> None:
        """Run the script; it cannot wait.  Raises :class:`~dyups.script.edits.EditFailed`."""
        asked = self._scripts.asked(exchange)
        ends: list[End] = []
        asked.response = response
        self._scripts.run(self._code, b"header_filter", asked, ends.append, cached=self._cached)
        asked.response = None
        if ends[0].kind == "error":
            _complain(exchange, f"failed to run header_filter_by_lua*: {ends[0].words}")
            raise EditFailed


# -- how scripts end -----------------------------------------------------------------------------------------------


def conclude(asked: Asked, end: End, code: LuaCode) -> int:
    """Do what a script's end asks for: ``NEXT`` where the request goes on, ``AGAIN``, or ``DONE``."""
    match end.kind:
        case "done":
            return _done(asked)
        case "exit":
            return _leave(asked, int(end.values[0]))
        case "jump":
            return AGAIN
        case "exec":
            _exec(asked, *end.values)
        case "redirect":
            _redirect(asked, *end.values)
        case "error":
            _fail(asked, f"{_ABORTED}{end.words}")
        case "late":
            complain_lines("error", _ABORTED, end.words, ", context: ngx.eof")
    return DONE


def _done(asked: Asked) -> int:
    if asked.output.said:
        asked.output.finish()
        return DONE
    return NEXT


def _leave(asked: Asked, status: int) -> int:
    """``ngx.exit``."""
    output = asked.output
    if output.said:
        output.finish()
    elif status in (0, -5):
        return NEXT
    elif status in _SILENT:
        asked.exchange.status = status
        asked.exchange.client.cut()
    elif 200 <= status < 300:
        output.status = output.status or status
        output.finish()
    else:
        output.carry()
        asked.exchange.client.refuse(status if 300 <= status <= 999 else 500, _held(asked))
    return DONE


def _held(asked: Asked) -> bytes | None:
    source = asked.source
    return source.body if source is not None and source.ended else None


def _exec(asked: Asked, uri: bytes, args: bytes | None = None) -> None:
    client = asked.exchange.client
    if asked.output.began:
        _fail(asked, "attempt to call ngx.exec after sending out the headers")
        return
    body, ended = (asked.source.body, asked.source.ended) if asked.source is not None else (b"", True)
    place = safe_place(uri)
    if uri.startswith(b"@"):
        asked.output.carry()
        client.redirect_named(uri, body, ended)
    elif place is None:
        _fail(asked, f'unsafe URI in ngx.exec: "{printable(uri)}"')
    else:
        asked.output.carry()
        client.redirect(place[0], place[1] if args is None else args, body, ended)


def _redirect(asked: Asked, location: bytes, status: float) -> None:
    output = asked.output
    if output.began:
        _fail(asked, "attempt to call ngx.redirect after sending out the headers")
        return
    output.set_field(b"Location", ())
    output.carry()
    send_redirect(asked.exchange.client, int(status), clean(location))


def _fail(asked: Asked, words: str) -> None:
    client = asked.exchange.client
    _complain(asked.exchange, words)
    if asked.output.began:
        client.cut()
    else:
        client.refuse(500, _held(asked))


def _complain(exchange: Exchange, words: str) -> None:
    """What went wrong with the request, and below it where in the script."""
    first, line_end, trace = words.partition("\n")
    said = exchange.client.context(first)
    complain_lines("error", "", placed_as(said, said + line_end + trace))


# -- what a location has of them -----------------------------------------------------------------------------------


class LuaLocations:
    """Makes the scripts of locations ready (:class:`~dyups.proxy.contents.Scripts`)."""

    def __init__(self, scripts: LuaScripts) -> None:
        self._scripts = scripts

    def content(self, location: Location) -> Serving:
        """``content_by_lua``."""
        content = location.content
        assert isinstance(content, ScriptContent)
        return LuaContent(self._scripts, content.code, location.settings.scripts.lua_code_cache)

    def before_access(self, location: Location) -> tuple[Phase, ...]:
        """``rewrite_by_lua``, and what makes ``log_by_lua`` run."""
        found = location.settings.scripts
        phases: list[Phase] = []
        if found.log_by_lua is not None:
            phases.append(LuaLog(self._scripts, found.log_by_lua, found.lua_code_cache))
        if found.rewrite_by_lua is not None:
            phases.append(LuaPhase(self._scripts, found.rewrite_by_lua, b"rewrite", found.lua_code_cache))
        return tuple(phases)

    def after_access(self, location: Location) -> tuple[Phase, ...]:
        """``access_by_lua``."""
        found = location.settings.scripts
        if found.access_by_lua is None:
            return ()
        return (LuaPhase(self._scripts, found.access_by_lua, b"access", found.lua_code_cache),)

    def edit(self, location: Location) -> list[tuple[str, Edit]]:
        """``header_filter_by_lua``."""
        found = location.settings.scripts
        if found.header_filter_by_lua is None:
            return []
        code = found.header_filter_by_lua
        return [(code.name, LuaHeaderFilter(self._scripts, code, found.lua_code_cache))]
