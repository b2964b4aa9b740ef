"""Tests of dyups.script.lua.dicts: ngx.shared."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.script.lua.dicts import SharedDict
from tests.script.lua.world import LuaCase

DICT = "lua_shared_dict d 8k;"


class SharedDictTests(SynchronousTestCase):
    """One dictionary."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.dict = SharedDict(1000, self.clock.seconds)

    def test_values_end(self) -> None:
        """A value with an end is gone after it; get_stale still has it."""
        self.dict.store("set", b"a", b"1", 10, 7)
        self.assertEqual(self.dict.get(b"a"), (b"1", 7))
        self.assertEqual(self.dict.ttl(b"a"), (10,))
        self.clock.advance(10)
        self.assertEqual(self.dict.get(b"a"), (None,))
        self.assertEqual(self.dict.get_stale(b"a"), (b"1", 7, True))
        self.assertEqual(self.dict.ttl(b"a"), (None, b"not found"))
        self.assertEqual(self.dict.flush_expired(0), 1)
        self.assertEqual(self.dict.get_stale(b"a"), (None,))

    def test_add_and_replace(self) -> None:
        """add wants no value to be there, replace wants one."""
        self.assertEqual(self.dict.store("replace", b"a", 1, 0, 0), (False, b"not found", False))
        self.assertEqual(self.dict.store("add", b"a", 1, 0, 0), (True, None, False))
        self.assertEqual(self.dict.store("add", b"a", 2, 0, 0), (False, b"exists", False))
        self.assertEqual(self.dict.store("replace", b"a", True, 0, 0), (True, None, False))
        self.assertEqual(self.dict.get(b"a"), (True,))

    def test_incr(self) -> None:
        """Numbers are added to; there may be a beginning."""
        self.assertEqual(self.dict.incr(b"n", 1, None, 0), (None, b"not found"))
        self.assertEqual(self.dict.incr(b"n", 1, 10, 5)[0], 11)
        self.assertEqual(self.dict.incr(b"n", 2, None, 0), (13,))
        self.clock.advance(5)
        self.assertEqual(self.dict.incr(b"n", 2, None, 0), (None, b"not found"))
        self.dict.store("set", b"t", b"text", 0, 0)
        self.assertEqual(self.dict.incr(b"t", 1, None, 0), (None, b"not a number"))

    def test_least_used_goes(self) -> None:
        """Where there is no room the least used is thrown out; safe_set refuses instead."""
        for name in (b"a", b"b", b"c"):
            self.dict.store("set", name, b"x" * 200, 0, 0)
        self.dict.get(b"a")
        self.assertEqual(self.dict.store("safe_set", b"d", b"x" * 300, 0, 0), (None, b"no memory", False))
        self.assertEqual(self.dict.store("set", b"d", b"x" * 300, 0, 0), (True, None, True))
        self.assertEqual(self.dict.keys(0), (b"c", b"a", b"d"))
        self.assertEqual(self.dict.store("set", b"e", b"x" * 2000, 0, 0), (False, b"no memory", False))

    def test_expire_and_delete(self) -> None:
        """Another end, none, and away."""
        self.dict.store("set", b"a", 1, 5, 0)
        self.assertEqual(self.dict.expire(b"a", 0), (True,))
        self.assertEqual(self.dict.ttl(b"a"), (0,))
        self.assertEqual(self.dict.expire(b"z", 1), (None, b"not found"))
        self.dict.delete(b"a")
        self.dict.store("set", b"b", 1, 0, 0)
        self.dict.store("set", b"b", None, 0, 0)
        self.assertEqual((self.dict.keys(0), self.dict.free), ((), 1000))

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.binary(min_size=1, max_size=3), st.binary(max_size=400), st.integers(0, 3))))
    def test_never_over_its_size(self, stores: list[tuple[bytes, bytes, int]]) -> None:
        """Whatever is stored, the entries add up to what is used, and that is not more than there is."""
        clock = Clock()
        some = SharedDict(1000, clock.seconds)
        for key, value, seconds in stores:
            some.store("set", key, value, seconds, 0)
            clock.advance(1)
            used = sum(entry.size for entry in some._entries.values())
            self.assertEqual(used, 1000 - some.free)
            self.assertLessEqual(used, 1000)
        some.flush_all()
        self.assertEqual(some.free, 1000)


class SharedTests(LuaCase):
    """``ngx.shared`` in scripts."""

    def test_methods(self) -> None:
        """What scripts call."""
        script = """local d = ngx.shared.d
            ngx.print(d:set("a", 1.5), d:get("a"), d:incr("a", 2), d:get("nope"), select(2, d:add("a", 1)))
            ngx.print(d:incr("n", 1, 0), d:ttl("a"), #d:get_keys(), d:capacity(), d:free_space() < 8192)
            d:delete("a") d:set("b", true) d:expire("b", 5) ngx.print(d:get("a"), d:get("b"), d:ttl("b"))
            d:flush_all() ngx.print(d:get("b"), select(2, d:get(nil)), select(2, d:set("x", {})))"""
        self.assertEqual(
            self.said(script, DICT),
            "true1.53.5nilexistsfalse1028192truenil" + "true5" + "nilnil keybad value type",
        )

    def test_lives_on(self) -> None:
        """Values outlive their request."""
        world = self.world(
            DICT
            + 'server { location / { content_by_lua_block { ngx.print((ngx.shared.d:incr("n", 1, 0))) } } }'
        )
        for count in (b"1", b"2", b"3"):
            self.assertTrue(world.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"\r\n\r\n" + count))
