"""Tests of dyups.http1.fields."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.http1 import fields
from dyups.http1.fields import (
    CONNECTION,
    CONTENT_LENGTH,
    HOP,
    INVALID,
    OWN,
    PASS,
    REQUEST_KINDS,
    RESPONSE_KINDS,
    UNDERSCORED,
    BadField,
    BareLineFeed,
    FieldReader,
    clean,
    length,
    tokens,
)


def requests() -> FieldReader:
    """A reader as requests have it."""
    return FieldReader(REQUEST_KINDS, strict_names=True)


def responses() -> FieldReader:
    """A reader as responses have it."""
    return FieldReader(RESPONSE_KINDS, strict_names=False)


class ReadTests(SynchronousTestCase):
    """One line to one field."""

    def test_parts(self) -> None:
        """The name is lower case, the value bare, and the line that is sent on has one space."""
        for line in (b"X-Name:value", b"X-Name: value", b"X-Name:\t value \t"):
            field = requests().read(line)
            self.assertEqual((field.name, field.value, field.line), (b"x-name", b"value", b"X-Name: value"))
        self.assertEqual(repr(field), "<Field b'X-Name: value' kind=0>")
        field = requests().read(b"X: a: b\xff\x01")
        self.assertEqual((field.name, field.value), (b"x", b"a: b\xff\x01"))

    def test_kinds(self) -> None:
        """What a field means depends on its name, in any case, and on the direction."""
        for line, there, back in (
            (b"Accept: x", PASS, PASS),
            (b"CONTENT-LENGTH: 5", CONTENT_LENGTH, CONTENT_LENGTH),
            (b"connection: close", CONNECTION, CONNECTION),
            (b"TE: trailers", HOP, PASS),
            (b"Proxy-Connection: x", HOP, HOP),
            (b"Date: now", PASS, OWN),
            (b"X-Accel-Redirect: /", PASS, OWN),
            (b"X_Y: z", UNDERSCORED, PASS),
            (b"_: z", UNDERSCORED, PASS),
            (b"X.Y_: z", INVALID, PASS),
            (b"X!: z", INVALID, PASS),
            (b"\xff: z", INVALID, PASS),
            (b"Content_Length: 5", UNDERSCORED, PASS),
        ):
            self.assertEqual((requests().read(line).kind, responses().read(line).kind), (there, back), line)

    def test_refused(self) -> None:
        """A line that two readers could take for different fields is refused in both directions."""
        for line in (
            b"",
            b":",
            b": x",
            b"x",
            b" X: y",
            b"\tX: y",
            b"X : y",
            b"X\t: y",
            b"X Y: z",
            b"X\0: y",
            b"X\x1f: y",
            b"X\x7f: y",
            b"X: y\0",
            b"X: y\r",
            b"X: y\rz",
            b"X\r: y",
        ):
            for reader in (requests(), responses()):
                self.assertRaises(BadField, reader.read, line)
                self.assertRaises(BadField, reader.read, line)
                self.assertEqual(reader.known, {})

    def test_bare_line_feed(self) -> None:
        """A line with a bare LF is no line: the head is to be split again."""
        for line in (b"X: y\nZ: a", b"\n", b"X\n: y"):
            self.assertRaises(BareLineFeed, requests().read, line)

    @given(st.binary(max_size=40))
    @settings(deadline=None)
    def test_any_bytes(self, line: bytes) -> None:
        """Any line gives a field that reads the same again, or one of the two refusals."""
        for reader in (requests(), responses()):
            try:
                field = reader.read(line)
            except (BadField, BareLineFeed):
                continue
            again = reader.read(field.line)
            self.assertEqual(
                (again.kind, again.name, again.value, again.line),
                (field.kind, field.name, field.value, field.line),
            )


class TableTests(SynchronousTestCase):
    """What is remembered: lines without secrets, so many and no longer."""

    def test_remembered(self) -> None:
        """A line is known by its very bytes once it was read."""
        reader = requests()
        field = reader.read(b"X:  y")
        self.assertIs(reader.known[b"X:  y"], field)
        self.assertNotIn(b"X: y", reader.known)

    def test_bounded(self) -> None:
        """However many lines come, the table stays within its bound."""
        reader = requests()
        for number in range(fields._MOST_KEPT * 2 + 5):
            reader.read(b"X: %d" % number)
            self.assertLessEqual(len(reader.known), fields._MOST_KEPT)
        self.assertIn(b"X: %d" % number, reader.known)

    def test_long_lines(self) -> None:
        """A long line is read and not remembered."""
        reader = requests()
        line = b"X: " + b"y" * fields._LONGEST_KEPT
        self.assertEqual(len(reader.read(line).value), fields._LONGEST_KEPT)
        self.assertEqual(reader.known, {})

    def test_secrets(self) -> None:
        """Credentials and cookies are never remembered, in either direction and in any case."""
        for reader in (requests(), responses()):
            for name in (
                b"Authorization",
                b"authorization",
                b"PROXY-AUTHORIZATION",
                b"Cookie",
                b"Set-Cookie",
                b"X-Api-Key",
                b"WWW-Authenticate",
            ):
                self.assertEqual(reader.read(name + b": secret").value, b"secret")
            self.assertEqual(reader.known, {})


class ValueTests(SynchronousTestCase):
    """Reading and cleaning values."""

    def test_tokens(self) -> None:
        """The members of a list, lower case; empty ones do not count."""
        self.assertEqual(tokens(b"Close, ,\tKeep-Alive ,,x"), [b"close", b"keep-alive", b"x"])
        self.assertEqual(tokens(b" , "), [])

    def test_length(self) -> None:
        """Plain digits up to 63 bits; anything else is -1."""
        for value, number in (
            (b"0", 0),
            (b"007", 7),
            (b"9223372036854775807", 2**63 - 1),
            (b"9223372036854775808", -1),
            (b"00000000000000000001", -1),
            (b"", -1),
            (b"-1", -1),
            (b"1 ", -1),
            (b"1\n", -1),
            (b"1e3", -1),
        ):
            self.assertEqual(length(value), number, value)

    def test_clean(self) -> None:
        """A value that was put together cannot begin another line."""
        self.assertEqual(clean(b"a b"), b"a b")
        self.assertEqual(clean(b"a\r\nX: y\0"), b"aX: y")
        self.assertEqual([clean(b"a\rb"), clean(b"a\nb"), clean(b"a\0b")], [b"ab"] * 3)
