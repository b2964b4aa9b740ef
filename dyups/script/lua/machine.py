"""One LuaJIT and the threads in it: loads code, takes a thread from one wait to the next, keeps within limits.

Made by ``scripts``.  Everything that may raise in Python is turned into an error of Lua's here, and the other way
round, so no Python object ever gets into a script's hands.

Memory needs care: an allocation that fails while Python hands a value over would leave Python's own frames in an
undefined state.  So scripts are held to ``lua_max_memory`` by the looks of ``base.lua``, and the allocator's own limit
is higher by :data:`RESERVE`, which only a single huge request of a script ever meets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from twisted.logger import Logger

#: Bytes beyond ``lua_max_memory`` for what Python hands over.
RESERVE = 16 << 20
#: From so many bytes on a value is given only if there is room for it.
_LARGE = 1 << 20
#: More than any machine has: no limit.
_ENDLESS = 1 << 50

_HERE = Path(__file__).parent
_log = Logger()


class Unavailable(Exception):
    """There is no LuaJIT here; the argument says why."""


class ScriptMistake(Exception):
    """A script asked for something that cannot be; it gets an error with this text."""


class Limits(NamedTuple):
    """What a machine holds its scripts to."""

    seconds: float = 0.0
    """``lua_max_execution_time``: how long a script may run before it waits or ends; 0 for no limit."""
    memory: int = 0
    """``lua_max_memory``: bytes of all scripts together; 0 for no limit."""
    unsafe: bool = False
    """``lua_unsafe``."""


def luajit() -> Any:
    """lupa's LuaJIT.  Raises :class:`Unavailable`."""
    try:
        from lupa import luajit21
    except ImportError as error:
        raise Unavailable(f"Lua needs lupa with LuaJIT 2.1 (pip install dyups[lua]): {error}") from None
    return luajit21


class Machine:
    """See the module.  ``functions`` are Python's, by the names that ``ngx.lua`` knows them by.

    Raises :class:`Unavailable`.
    """

    def __init__(self, functions: Mapping[str, Any], limits: Limits, path: str) -> None:
        module = luajit()
        self._error: type[Exception] = module.LuaError
        self._memory = limits.memory
        self._hard = limits.memory + RESERVE if limits.memory else 0
        self._runtime = module.LuaRuntime(
            encoding=None,
            register_eval=limits.unsafe,
            register_builtins=limits.unsafe,
            unpack_returned_tuples=True,
            attribute_filter=None if limits.unsafe else _no_attributes,
            max_memory=self._hard or None,
        )
        table = {name.encode(): self._offered(value) for name, value in functions.items()}
        settings = {
            b"seconds": limits.seconds,
            b"memory": limits.memory or _ENDLESS,
            b"limited": bool(limits.seconds or limits.memory),
            b"unsafe": limits.unsafe,
            b"path": path.encode("utf-8", "surrogateescape"),
        }
        self._base = self._own("base.lua", *map(self._runtime.table_from, (table, settings)))
        ngx = self._own("ngx.lua", self._base)
        cjson, safe = self._own("cjson.lua", self._base[b"null"])
        self._own("more.lua", self._base, ngx, cjson, safe)
        names = (b"step", b"compile", b"begin", b"begin_timer", b"drop", b"forget")
        self._step, self._compile, self._begin, self._begin_timer, self._drop, self._forget = (
            self._base[name] for name in names
        )
        self._last = 0

    def _own(self, name: str, *args: Any) -> Any:
        """What one of our own chunks returns."""
        return self._runtime.execute((_HERE / name).read_bytes(), *args, name=b"=[ngx]")

    def _offered(self, value: Any) -> Any:
        """A function of Python's as Lua calls it: true and what it gives, or false and why not."""
        if not callable(value):
            return value

        def call(*args: Any) -> tuple[Any, ...]:
            try:
                found = value(*args)
                values = found if type(found) is tuple else (found,)
                self._has_room_for(values)
            except ScriptMistake as mistake:
                return False, str(mistake).encode("utf-8", "surrogateescape")
            except Exception:
                _log.failure("a function for Lua scripts failed")
                return False, b"internal error"
            return True, *values

        return call

    def _has_room_for(self, values: tuple[Any, ...]) -> None:
        size = sum([len(value) for value in values if type(value) is bytes])
        if size > _LARGE and self._hard and self._runtime.get_memory_used() + size > self._hard - _LARGE:
            raise ScriptMistake("not enough memory (lua_max_memory)")

    # -- code ----------------------------------------------------------------------------------------------------

    def load(self, text: bytes, name: bytes) -> Any:
        """The code of a script; ``name`` is what errors call it.  Raises :class:`ScriptMistake` where it is not Lua."""
        try:
            found = self._compile(text, name)
        except self._error as error:
            raise ScriptMistake(str(error)) from None
        if isinstance(found, tuple):
            raise ScriptMistake(found[1].decode("utf-8", "replace"))
        return found

    # -- threads -------------------------------------------------------------------------------------------------

    def begin(self, code: Any, *, shared: bool = False) -> int:
        """A new thread that will run ``code``; with ``shared`` its globals are those of all scripts.

        Raises :class:`ScriptMistake` where there is no room for it.
        """
        self._last += 1
        self._with_room(self._begin, self._last, code, shared)
        return self._last

    def begin_timer(self, timer: int) -> tuple[int, int, float]:
        """A new thread for a timer that has come; the timer that follows, or 0, and its delay.

        Raises :class:`ScriptMistake` where there is no room for it.
        """
        self._last += 1
        following, delay = self._with_room(self._begin_timer, self._last, timer, False)
        return self._last, int(following), delay

    def step(
        self, thread: int, ask: object, key: int, phase: bytes, values: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """Go on with a thread until it waits or ends: what for and with which arguments, ``done`` or ``error``."""
        if self.is_full():
            self.drop(thread)
            return b"error", b"not enough memory (lua_max_memory)"
        try:
            found = self._step(thread, ask, key, phase, *values)
        except self._error as error:
            self.drop(thread)
            return b"error", str(error).encode("utf-8", "replace")
        return found if isinstance(found, tuple) else (found,)

    def drop(self, thread: int) -> None:
        """Nobody will go on with the thread."""
        with suppress(ScriptMistake):
            self._with_room(self._drop, thread)

    def forget(self, key: int) -> None:
        """The request of that number is over."""
        with suppress(ScriptMistake):
            self._with_room(self._forget, key)

    # -- memory --------------------------------------------------------------------------------------------------

    def is_full(self, share: float = 1.0) -> bool:
        """Do scripts hold on to more than that share of what they may have, garbage not counted?"""
        limit = self._memory * share
        if not self._hard or self._runtime.get_memory_used() <= limit:
            return False
        self._tidy()
        return bool(self._runtime.get_memory_used() > limit)

    def _tidy(self) -> None:
        """Drop garbage; even that may need some memory for a moment."""
        self._runtime.set_max_memory(self._hard + RESERVE)
        self._runtime.gccollect()
        self._runtime.set_max_memory(self._hard)

    def _with_room(self, call: Any, *args: Any) -> Any:
        """Call a function of ours in Lua; where scripts have left no room, once more without their garbage."""
        try:
            return call(*args)
        except self._error:
            if not self._hard:
                raise
        self._tidy()
        self._runtime.set_max_memory(self._hard + RESERVE)
        try:
            return call(*args)
        except self._error:
            raise ScriptMistake("not enough memory (lua_max_memory)") from None
        finally:
            self._runtime.set_max_memory(self._hard)


def _no_attributes(target: object, name: object, setting: bool) -> object:
    raise AttributeError("scripts have no access to Python")


#: A function of Python's that scripts may call.
Offered = Callable[..., Any]
