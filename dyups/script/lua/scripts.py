"""The Lua scripts of a worker: the machine they run in, their code, what runs when the worker starts, timers.

Made by ``workers`` where the configuration has Lua at all; ``serving`` runs a location's scripts through it.  A machine
whose scripts hold on to too much memory is replaced by a new one, and whatever still waited in it is ended.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.interfaces import IDelayedCall

from dyups.config.model import Http
from dyups.config.parser import encode
from dyups.config.scripts import LuaCode
from dyups.proxy.exchange import Exchange
from dyups.proxy.plane import complain, complain_lines
from dyups.script.lua.asked import METHODS, Asked, Names
from dyups.script.lua.dicts import SharedDicts
from dyups.script.lua.machine import Limits, Machine, ScriptMistake
from dyups.script.lua.patterns import Patterns
from dyups.script.lua.run import End, Run
from dyups.script.lua.texts import FUNCTIONS
from dyups.script.verbs import Verbs

#: Timers that may wait at a time (``lua_max_pending_timers``).
MOST_TIMERS = 1024

#: The share of the memory that scripts may keep for good where others find too little.
_MOST_KEPT = 0.75

#: Hears how a script ended.
Finished = Callable[[End], None]


class Place(NamedTuple):
    """Which worker this is, and of how many."""

    number: int = 0
    workers: int = 1


ALONE = Place()


class LuaScripts:
    """See the module; ``reactor`` calls later and tells the time.  Raises ``machine.Unavailable``."""

    def __init__(self, http: Http, verbs: Verbs, reactor: Any, place: Place = ALONE) -> None:
        self._settings = http.lua
        self._verbs = verbs
        self._reactor = reactor
        self._place = place
        self._names = Names(http)
        self._dicts = SharedDicts(iter(http.lua.lua_shared_dict), reactor.seconds)
        self._patterns = Patterns(http.lua.lua_max_execution_time)
        self._requests: dict[int, Asked] = {}
        self._last_request = 0
        self._waiting: set[Run] = set()
        self._timers: dict[int, IDelayedCall] = {}
        self._exiting = False
        self._tight = False
        """The last script had not enough memory: whatever is kept for good may be why."""
        self._codes: dict[LuaCode, Any] = {}
        self._machine = self._new_machine()

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Run ``init_by_lua`` and ``init_worker_by_lua``; what they get wrong is logged."""
        for code, phase in (
            (self._settings.init_by_lua, b"init"),
            (self._settings.init_worker_by_lua, b"init_worker"),
        ):
            if code is not None:
                self._run(self._machine, code, phase, None, partial(_started, code), shared=phase == b"init")

    def stop(self) -> None:
        """The process ends: no more timers."""
        self._exiting = True
        self._drop_timers()

    def _drop_timers(self) -> None:
        timers, self._timers = self._timers, {}
        for call in timers.values():
            call.cancel()

    def _new_machine(self) -> Machine:
        machine: list[Machine] = []
        settings = self._settings
        functions: dict[str, Any] = {
            **FUNCTIONS,
            **METHODS,
            **self._dicts.functions(),
            "re_match": self._patterns.search,
            "re_group": self._patterns.group,
            "read_module": _read_module,
            "upstreams": lambda: tuple(map(encode, self._verbs.names())),
            "upstream": self._upstream,
            "worker_id": lambda: self._place.number,
            "worker_count": lambda: self._place.workers,
            "worker_exiting": lambda: self._exiting,
            "prefix": encode(settings.prefix),
            "timer": lambda timer, delay: self._set_timer(machine[0], int(timer), delay),
        }
        limits = Limits(settings.lua_max_execution_time, settings.lua_max_memory, settings.lua_unsafe)
        machine.append(Machine(functions, limits, settings.lua_package_path))
        return machine[0]

    def _upstream(self, name: bytes) -> bytes | None:
        found = self._verbs.get(name.decode("utf-8", "surrogateescape"))
        return None if found is None else encode(found)

    def _renew(self) -> None:
        """Begin anew with an empty machine."""
        complain("alert", "lua: scripts hold on to more than lua_max_memory; starting with an empty machine")
        self._drop_timers()
        self._codes = {}
        self._machine = self._new_machine()
        for run in [*self._waiting]:
            run.abort("not enough memory (lua_max_memory)")
        self.start()

    # -- requests ------------------------------------------------------------------------------------------------

    def asked(self, exchange: Exchange) -> Asked:
        """The request, as all of its scripts share it."""
        found = self._requests.get(id(exchange))
        if found is None:
            self._last_request += 1
            found = self._requests[id(exchange)] = Asked(exchange, self._last_request, self._names)
            exchange.at_end.append(partial(self._forget, exchange))
        return found

    def _forget(self, exchange: Exchange) -> None:
        found = self._requests.pop(id(exchange), None)
        if found is not None:
            self._machine.forget(found.key)

    def run(
        self, code: LuaCode, phase: bytes, asked: Asked, finished: Finished, *, cached: bool = True
    ) -> Run | None:
        """Run a script for a request; None where it could not even begin.  ``finished`` is called in any case.

        Without ``cached`` (``lua_code_cache off``) it runs in a machine of its own, from what is in the files now.
        """
        if not cached:
            self._codes = {}
            return self._run(self._new_machine(), code, phase, asked, finished)
        if self._machine.is_full(_MOST_KEPT if self._tight else 1.0):
            self._renew()
        self._tight = False
        return self._run(self._machine, code, phase, asked, finished)

    def _run(
        self,
        machine: Machine,
        code: LuaCode,
        phase: bytes,
        asked: Asked | None,
        finished: Finished,
        *,
        shared: bool = False,
    ) -> Run | None:
        try:
            thread = machine.begin(self._code(machine, code), shared=shared)
        except ScriptMistake as mistake:
            finished(End("error", (str(mistake).encode("utf-8", "surrogateescape"),)))
            return None
        return self._started(machine, thread, phase, asked, finished)

    def _started(
        self, machine: Machine, thread: int, phase: bytes, asked: Asked | None, finished: Finished
    ) -> Run:
        def ended(run: Run, end: End) -> None:
            self._waiting.discard(run)
            if end.kind in ("error", "late") and "not enough memory" in end.words:
                self._tight = True
            finished(end)

        run = Run(machine, thread, phase, asked, self._verbs, self._reactor, ended)
        run.start()
        if not run.over:
            self._waiting.add(run)
        return run

    def _code(self, machine: Machine, code: LuaCode) -> Any:
        found = self._codes.get(code) if machine is self._machine else None
        if found is None:
            found = machine.load(*source(code))
            if machine is self._machine:
                self._codes[code] = found
        return found

    # -- timers --------------------------------------------------------------------------------------------------

    def _set_timer(self, machine: Machine, timer: int, delay: float) -> bytes | None:
        if self._exiting:
            return b"process exiting"
        if len(self._timers) >= MOST_TIMERS:
            return b"too many pending timers"
        self._timers[timer] = self._reactor.callLater(max(0.0, delay), self._timer_came, machine, timer)
        return None

    def _timer_came(self, machine: Machine, timer: int) -> None:
        self._timers.pop(timer, None)
        try:
            thread, following, delay = machine.begin_timer(timer)
        except ScriptMistake as mistake:
            _timer_over(End("error", (str(mistake).encode(),)))
            return
        if following:
            self._set_timer(machine, following, delay)
        self._started(machine, thread, b"timer", None, _timer_over)


def source(code: LuaCode) -> tuple[bytes, bytes]:
    """The text of a script and what errors call it.  Raises :class:`ScriptMistake` where its file cannot be read."""
    if not code.path:
        return encode(code.text), encode("=" + code.label)
    try:
        return Path(code.path).read_bytes(), encode("@" + code.path)
    except OSError as error:
        raise ScriptMistake(f"cannot open {code.path}: {error.strerror}") from None


def _read_module(path: bytes) -> bytes | None:
    try:
        return Path(path.decode("utf-8", "surrogateescape")).read_bytes()
    except (OSError, ValueError):
        return None


def _started(code: LuaCode, end: End) -> None:
    if end.kind == "error":
        complain_lines("error", f"{code.name} error: ", end.words)


def _timer_over(end: End) -> None:
    if end.kind == "error":
        complain_lines(
            "error", "lua entry thread aborted: runtime error: ", end.words, ", context: ngx.timer"
        )
