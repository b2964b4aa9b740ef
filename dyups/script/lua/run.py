"""One script under way: begun, taken from wait to wait, ended.

Lua yields what it waits for (``base.lua``); here that is done, and the script goes on with what came of it.  How a
script ended is an :class:`End`, which ``serving`` acts on; nothing here answers a request but for ``ngx.flush`` and
``ngx.eof``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from dyups.script.lua.asked import Asked
from dyups.script.lua.machine import Machine
from dyups.script.verbs import Result, Verbs


class Timers(Protocol):
    """The part of a reactor that calls later (``IReactorTime.callLater``)."""

    def callLater(self, delay: float, call: Callable[..., object], *args: object) -> IDelayedCall:
        """Call in so many seconds."""
        ...


@dataclass(frozen=True, slots=True)
class End:
    """How a script ended.

    ``kind`` is ``done`` (it returned), ``error``, or what it called last: ``exit``, ``exec``, ``redirect``, ``jump``
    (``ngx.req.set_uri`` with a jump), ``eof`` (it returned after ``ngx.eof``), ``late`` (an error after ``ngx.eof``:
    the request is over, its connection may serve another one), ``gone`` (nobody waits any more).
    """

    kind: str
    values: tuple[Any, ...] = ()

    @property
    def words(self) -> str:
        """Of an error: its message and where it happened, several lines."""
        return str(self.values[0].decode("utf-8", "replace"))


#: What a script may call last.
_ENDS = frozenset({"done", "error", "exit", "exec", "redirect", "jump"})


class Run:
    """One script; ``finished`` is called once, maybe before :meth:`start` returns."""

    def __init__(
        self,
        machine: Machine,
        thread: int,
        phase: bytes,
        asked: Asked | None,
        verbs: Verbs,
        timers: Timers,
        finished: Callable[[Run, End], None],
    ) -> None:
        self.machine = machine
        self.asked = asked
        self._thread = thread
        self._phase = phase
        self._verbs = verbs
        self._timers = timers
        self._finished = finished
        self._running = False
        self._came: tuple[Any, ...] | None = None
        self._cancel: Callable[[], object] | None = None
        self._drained: Callable[[], None] | None = None
        self._eof = False
        self.over = False

    def start(self) -> None:
        """Run it, until it waits or ends."""
        self._go(())

    def abort(self, reason: str) -> None:
        """End it while it waits, as an error."""
        if not self.over:
            self._stop(End("late" if self._eof else "error", (reason.encode(),)))

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        if not self.over:
            self._stop(End("gone"))

    def drained(self) -> None:
        """The client takes more of the answer."""
        call, self._drained = self._drained, None
        if call is not None:
            call()

    # -- from wait to wait ---------------------------------------------------------------------------------------

    def _go(self, values: tuple[Any, ...]) -> None:
        self._running = True
        following: tuple[Any, ...] | None = values
        while following is not None:
            asked = None if self._eof else self.asked
            key = asked.key if asked is not None else 0
            found = self.machine.step(self._thread, asked, key, self._phase, following)
            following = None if self.over else self._act(found[0].decode(), found[1:])
        self._running = False

    def _act(self, what: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Do what the script waits for; what came of it if it came at once."""
        if what in _ENDS:
            if what not in ("done", "error"):
                self.machine.drop(self._thread)
            if self._eof:
                what = "late" if what == "error" else "eof"
            self._end(End(what, values))
            return None
        self._came = None
        _WAITS[what](self, *values)
        came, self._came = self._came, None
        return came

    def _go_on(self, *values: Any) -> None:
        self._cancel = None
        if self.over:
            return
        if self._running:
            self._came = values
        else:
            self._go(values)

    def _stop(self, end: End) -> None:
        self.over = True  # before what is waited for is cancelled: that may say at once what came of it
        cancel, self._cancel = self._cancel, None
        if cancel is not None:
            cancel()
        self.machine.drop(self._thread)
        self._finished(self, end)

    def _end(self, end: End) -> None:
        self.over = True
        self._finished(self, end)

    # -- what scripts wait for -----------------------------------------------------------------------------------

    def _sleep(self, seconds: float) -> None:
        self._cancel = self._timers.callLater(seconds, self._go_on).cancel

    def _update(self, name: bytes, body: bytes) -> None:
        self._change(self._verbs.update(_text(name), _text(body)))

    def _patch(self, name: bytes, body: bytes) -> None:
        self._change(self._verbs.patch(_text(name), _text(body)))

    def _delete(self, name: bytes) -> None:
        self._change(self._verbs.delete(_text(name)))

    def _change(self, change: Deferred[Result]) -> None:
        self._cancel = change.cancel
        change.addCallbacks(self._changed, self._unchanged)

    def _changed(self, result: Result) -> None:
        self._go_on(result.status, result.message.encode("utf-8", "surrogateescape"))

    def _unchanged(self, failure: Failure) -> None:
        self._go_on(500, b"cancelled")

    def _body(self) -> None:
        asked = self._asked()
        assert asked.source is not None
        asked.source.when_ended(self._body_came)

    def _body_came(self) -> None:
        self._asked().body_read()
        self._go_on()

    def _flush(self, waits: bool = True) -> None:
        output = self._asked().output
        output.flush()
        if self.over:
            return
        if waits and self._phase == b"content" and output.client.write_blocked:
            self._drained = self._go_on
        else:
            self._go_on()

    def _finish(self) -> None:
        self._eof = True
        self._asked().output.finish()
        self._go_on()

    def _asked(self) -> Asked:
        assert self.asked is not None
        return self.asked


_WAITS: dict[str, Callable[..., None]] = {
    "body": Run._body,
    "delete": Run._delete,
    "eof": Run._finish,
    "flush": Run._flush,
    "patch": Run._patch,
    "sleep": Run._sleep,
    "update": Run._update,
}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
