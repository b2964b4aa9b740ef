"""Tests of dyups.control.command."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.control.command import Command, Delete, Update, decode

texts = st.text(max_size=60)
commands = st.builds(Update, texts, texts) | st.builds(Delete, texts)


class CommandTests(SynchronousTestCase):
    """Commands as bytes."""

    @given(commands)
    @settings(deadline=None)
    def test_round_trip(self, command: Command) -> None:
        """What was encoded is decoded, whatever the texts."""
        self.assertEqual(decode(command.encode()), command)

    @given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: b"\x01U\x00" + rest))
    @settings(deadline=None)
    def test_one_form(self, data: bytes) -> None:
        """Any bytes are refused with ValueError, or are exactly what the command encodes to."""
        try:
            command = decode(data)
        except ValueError:
            return
        self.assertEqual(command.encode(), data)

    def test_form(self) -> None:
        """The bytes are as documented: a journal of today must read tomorrow."""
        self.assertEqual(Update("hü", "server a;").encode(), b"\x01U\x00\x03h\xc3\xbcserver a;")
        self.assertEqual(Delete("h").encode(), b"\x01D\x00\x01h")

    def test_refused(self) -> None:
        """Bytes that are short, of another version or kind, or have something left over are refused."""
        for data in (
            b"",
            b"\x01U\x00",
            b"\x01U\x00\x05host",
            b"\x02U\x00\x01h",
            b"\x01X\x00\x01h",
            b"\x01D\x00\x01hh",
        ):
            self.assertRaises(ValueError, decode, data)

    def test_long_name(self) -> None:
        """A name that the form has no room for is refused."""
        self.assertEqual(decode(Delete("n" * 65535).encode()), Delete("n" * 65535))
        self.assertRaises(ValueError, Delete("n" * 65536).encode)
