"""Lines of access logs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import LogEscape, LogFormat
from dyups.metrics.logformat import compile_line, escape_default, escape_json


def reading(name: str) -> Callable[[Any], bytes]:
    """A variable of an exchange that is a dictionary."""

    def read(exchange: Any) -> bytes:
        value: bytes = exchange[name]
        return value

    return read


def line(escape: LogEscape, *parts: bytes | Callable[[Any], bytes], **values: bytes) -> bytes:
    """The line that a format of those parts makes of the values."""
    return compile_line(LogFormat("x", parts, escape))(values)


class Lines(SynchronousTestCase):
    """The shape of a line."""

    def test_constants_and_values(self) -> None:
        """Texts stand as they are written, per cent signs and quotes too, with values between; a newline ends it."""
        for escape in LogEscape:
            found = line(escape, b'100%b "', reading("a"), b'"', reading("b"), b"%", a=b"1", b=b"%s")
            self.assertEqual(found, b'100%b "1"%s%\n')

    def test_no_variables(self) -> None:
        """A format may be one text, or nothing."""
        for escape in LogEscape:
            self.assertEqual(line(escape, b"x%"), b"x%\n")
            self.assertEqual(line(escape), b"\n")

    def test_default(self) -> None:
        """Quotes, backslashes and what is not printable ASCII are written as two hexadecimal digits."""
        found = line(LogEscape.DEFAULT, reading("a"), b" ", reading("b"), a=b'a"\\\n\x7f\xc3\xa4 ~', b=b"ok")
        self.assertEqual(found, rb"a\x22\x5C\x0A\x7F\xC3\xA4 ~ ok" + b"\n")

    def test_empty(self) -> None:
        """Only in the default form an empty value is a hyphen."""
        self.assertEqual(line(LogEscape.DEFAULT, b"[", reading("a"), b"]", a=b""), b"[-]\n")
        self.assertEqual(line(LogEscape.JSON, b"[", reading("a"), b"]", a=b""), b"[]\n")
        self.assertEqual(line(LogEscape.NONE, b"[", reading("a"), b"]", a=b""), b"[]\n")

    def test_json(self) -> None:
        """Values are escaped as in JSON's strings, where bytes of UTF-8 may stand."""
        found = line(LogEscape.JSON, b'"', reading("a"), b'"', a=b'"\\\n\r\t\b\f\x01\x1f\x7f\xc3\xa4')
        self.assertEqual(found, rb'"\"\\\n\r\t\b\f\u0001\u001F' + b'\x7f\xc3\xa4"\n')

    def test_none(self) -> None:
        """Nothing is escaped."""
        self.assertEqual(line(LogEscape.NONE, reading("a"), a=b'"\\\x00\xff'), b'"\\\x00\xff\n')


class Properties(SynchronousTestCase):
    """Whatever comes from outside."""

    @given(value=st.binary())
    @settings(deadline=None)
    def test_default_is_one_readable_word(self, value: bytes) -> None:
        """An escaped value has no quote, no newline and no odd byte, and reads back as what it was."""
        escaped = escape_default(value)
        self.assertTrue(all(32 <= byte < 127 and byte != ord('"') for byte in escaped))
        self.assertEqual(escaped.decode("ascii").encode().decode("unicode_escape").encode("latin-1"), value)

    @given(text=st.text(st.characters(exclude_categories=["Cs"])))
    @settings(deadline=None)
    def test_json_reads_back(self, text: str) -> None:
        """A JSON parser reads the value from the line."""
        self.assertEqual(json.loads(b'"' + escape_json(text.encode()) + b'"'), text)
