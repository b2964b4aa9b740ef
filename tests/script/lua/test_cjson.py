"""Tests of cjson.lua, the JSON of scripts, against Python's."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dyups.script.lua.machine import Limits, Machine
from tests.script.lua.world import LuaCase

#: Lua has one kind of table: an empty one is an object, and null in an array of Lua's is a value of its own.
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**40), 2**40) | st.text() | st.none(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(st.text(min_size=1), inner, min_size=1, max_size=4)
    ),
)


class JsonTests(LuaCase):
    """``require "cjson"``."""

    def round_trip(self, text: bytes) -> bytes:
        """Decoded and encoded by Lua."""
        machine = Machine({"dict_names": b"", "prefix": b"", "given": text}, Limits(unsafe=True), "")
        code = b'local c = require "cjson" return c.encode(c.decode((...)))'
        thread = machine.begin(machine.load(code.replace(b"(...)", _quoted(text)), b"=x"))
        found = machine.step(thread, None, 0, b"timer", ())
        assert found[0] == b"done", found
        return bytes(found[1])

    @settings(deadline=None, max_examples=50)
    @given(VALUES)
    def test_round_trip(self, value: Any) -> None:
        """What Python wrote is read as it was meant, and what Lua writes is read by Python as the same."""
        for ascii_only in (True, False):
            text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
            self.assertEqual(json.loads(self.round_trip(text).decode("utf-8", "surrogatepass")), value)

    def test_wrong(self) -> None:
        """What is no JSON, and what cannot be JSON."""
        for text in ('{"a"}', "[1,]", "nul", '"a', "[1 2]", "{} x", '"\\u12"', "", "01x"):
            script = f"ngx.print(type(select(2, require('cjson.safe').decode([==[{text}]==]))))"
            self.assertEqual(self.said(script), "string", text)
        for value in ("print", "{[1]=1,[1000]=2}", "1/0", "{[{}]=1}"):
            self.assertEqual(
                self.said(f"ngx.print(pcall(require('cjson').encode, {value}) and 1 or 0)"), "0", value
            )

    def test_depth(self) -> None:
        """Deep nesting is an error, not the end of the stack."""
        self.assertIn(
            "nested", self.said('ngx.print(select(2, pcall(require("cjson").decode, ("["):rep(100000))))')
        )
        self.assertIn(
            "depth", self.said('local t = {} t.t = t ngx.print(select(2, pcall(require("cjson").encode, t)))')
        )


def _quoted(text: bytes) -> bytes:
    return b'"' + b"".join([b"\\%03d" % byte for byte in text]) + b'"'
