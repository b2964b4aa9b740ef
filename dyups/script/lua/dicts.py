"""``ngx.shared.DICT``: named values with an end, the least used thrown out where there is no room.

Each worker has its own (lua-nginx-module: one for all workers); they live as long as the worker.  Sizes count keys and
values and something for each entry.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from dyups.script.lua.machine import ScriptMistake

#: What an entry costs beside its key and value, in bytes.
_OVERHEAD = 64
_NUMBER_SIZE = 8

Value = bytes | float | int | bool


class _Entry(NamedTuple):
    value: Value
    flags: int
    ends: float
    """Seconds on the dictionary's clock; 0 for never."""
    size: int


def _size(key: bytes, value: Value) -> int:
    return len(key) + (len(value) if isinstance(value, bytes) else _NUMBER_SIZE) + _OVERHEAD


class SharedDict:
    """One dictionary of ``capacity`` bytes; ``now`` is its clock."""

    def __init__(self, capacity: int, now: Callable[[], float]) -> None:
        self.capacity = capacity
        self._now = now
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        """The least used first."""
        self._used = 0

    @property
    def free(self) -> int:
        """Bytes that are left."""
        return self.capacity - self._used

    # -- reading -------------------------------------------------------------------------------------------------

    def get(self, key: bytes) -> tuple[Any, ...]:
        """The value, and its flags if it has some; nil for none."""
        entry = self._live(key)
        if entry is None:
            return (None,)
        self._entries.move_to_end(key)
        return (entry.value, entry.flags) if entry.flags else (entry.value,)

    def get_stale(self, key: bytes) -> tuple[Any, ...]:
        """The value even if its end has passed, its flags, and whether it has."""
        entry = self._entries.get(key)
        if entry is None:
            return (None,)
        return entry.value, entry.flags or None, self._live(key) is None

    def ttl(self, key: bytes) -> tuple[Any, ...]:
        """Seconds that are left, 0 for a value without an end."""
        entry = self._live(key)
        if entry is None:
            return None, b"not found"
        return (entry.ends - self._now() if entry.ends else 0,)

    def keys(self, most: float) -> tuple[bytes, ...]:
        """The keys, at most so many; 0 for all."""
        found = tuple([key for key in self._entries if self._live(key) is not None])
        return found[: int(most)] if most > 0 else found

    # -- writing -------------------------------------------------------------------------------------------------

    def store(
        self, how: str, key: bytes, value: Value | None, seconds: float, flags: float
    ) -> tuple[Any, ...]:
        """``set``, ``add``, ``replace`` and the ``safe_`` ones: done, why not, were others thrown out for it."""
        action = how.removeprefix("safe_")
        there = self._live(key) is not None
        if action == "add" and there:
            return False, b"exists", False
        if action == "replace" and not there:
            return False, b"not found", False
        if value is None:
            self._drop(key)
            return True, None, False
        needed = _size(key, value)
        self._drop(key)
        if needed > self.capacity or (how != action and needed > self.free and not self._expire(needed)):
            return (None if how != action else False), b"no memory", False
        forced = self._make_room(needed)
        ends = self._now() + seconds if seconds > 0 else 0.0
        self._put(key, _Entry(value, int(flags), ends, needed))
        return True, None, forced

    def incr(self, key: bytes, by: float, init: float | None, seconds: float) -> tuple[Any, ...]:
        """Add to a number, which begins with ``init`` if there is none: the new one, or nil and why not."""
        entry = self._live(key)
        if entry is None:
            if init is None:
                return None, b"not found"
            done, reason, forced = self.store("set", key, init + by, seconds, 0)
            return (init + by, None, forced) if done else (None, reason, forced)
        if isinstance(entry.value, (bytes, bool)):
            return None, b"not a number"
        self._entries[key] = entry._replace(value=entry.value + by)
        self._entries.move_to_end(key)
        return (entry.value + by,)

    def delete(self, key: bytes) -> bool:
        """Take a value away; there need be none."""
        self._drop(key)
        return True

    def expire(self, key: bytes, seconds: float) -> tuple[Any, ...]:
        """Give a value another end; 0 for none."""
        entry = self._live(key)
        if entry is None:
            return None, b"not found"
        self._entries[key] = entry._replace(ends=self._now() + seconds if seconds > 0 else 0.0)
        return (True,)

    def flush_all(self) -> None:
        """Take all values away."""
        self._entries.clear()
        self._used = 0

    def flush_expired(self, most: float) -> int:
        """Take away values whose end has passed; how many there were."""
        gone = [key for key in self._entries if self._live(key) is None]
        gone = gone[: int(most)] if most > 0 else gone
        for key in gone:
            self._drop(key)
        return len(gone)

    # -- room ----------------------------------------------------------------------------------------------------

    def _live(self, key: bytes) -> _Entry | None:
        entry = self._entries.get(key)
        return None if entry is None or (entry.ends and entry.ends <= self._now()) else entry

    def _put(self, key: bytes, entry: _Entry) -> None:
        self._entries[key] = entry
        self._used += entry.size

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._used -= entry.size

    def _expire(self, needed: int) -> bool:
        self.flush_expired(0)
        return needed <= self.free

    def _make_room(self, needed: int) -> bool:
        """Throw out until there is room; was anything thrown out that had not ended."""
        forced = False
        while needed > self.free:
            key = next(iter(self._entries))
            forced = forced or self._live(key) is not None
            self._drop(key)
        return forced


class SharedDicts:
    """All dictionaries of a worker, by name, as functions for Lua."""

    def __init__(self, zones: Iterator[tuple[str, int]], now: Callable[[], float]) -> None:
        self._dicts = {name.encode(): SharedDict(size, now) for name, size in zones}

    def _named(self, name: bytes) -> SharedDict:
        try:
            return self._dicts[name]
        except KeyError:
            raise ScriptMistake(f'no shared dictionary "{name!r}"') from None

    def functions(self) -> dict[str, Any]:
        """What ``more.lua`` calls."""
        found: dict[str, Any] = {"dict_names": b" ".join(self._dicts)}
        for name in (
            "delete",
            "expire",
            "flush_all",
            "flush_expired",
            "get",
            "get_stale",
            "incr",
            "keys",
            "ttl",
        ):
            found[f"dict_{name}"] = self._caller(name)
        found["dict_store"] = lambda name, how, *rest: self._named(name).store(how.decode(), *rest)
        found["dict_room"] = lambda name: (self._named(name).capacity, self._named(name).free)
        return found

    def _caller(self, method: str) -> Callable[..., Any]:
        return lambda name, *args: getattr(self._named(name), method)(*args)
