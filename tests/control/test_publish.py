"""Tests of dyups.control.publish."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.control.command import Delete, Update
from dyups.control.publish import NoPublisher, decode_notice, encode_notice

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
RESOLVED = st.dictionaries(NAMES, st.lists(NAMES, max_size=3).map(tuple), max_size=3)


class NoticeTests(SynchronousTestCase):
    """What travels."""

    @settings(deadline=None, max_examples=60)
    @given(st.builds(Update, NAMES, NAMES) | st.builds(Delete, NAMES), RESOLVED)
    def test_round_trip(self, command: Update | Delete, resolved: dict[str, tuple[str, ...]]) -> None:
        """Every command with any addresses comes out as it went in."""
        self.assertEqual(decode_notice(encode_notice(command, resolved)), (command, resolved))

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=40) | st.binary(max_size=20).map(lambda tail: b"\0\0\0\5\1D\0\1x" + tail))
    def test_nonsense(self, data: bytes) -> None:
        """Anything else is a ValueError."""
        try:
            command, resolved = decode_notice(data)
        except ValueError:
            return
        self.assertEqual(decode_notice(encode_notice(command, resolved)), (command, resolved))

    def test_nothing_to_look_up(self) -> None:
        """What nobody has to look up takes no room."""
        command = Update("a", "server 127.0.0.1:1;")
        notice = encode_notice(command, {"127.0.0.1": ("127.0.0.1",)})
        self.assertEqual(notice, encode_notice(command, {}))
        self.assertTrue(notice.endswith(b"server 127.0.0.1:1;"))
        self.assertEqual(decode_notice(notice), (command, {}))

    def test_wrong_shapes(self) -> None:
        """JSON that says something else is refused; so is a notice that is cut short."""
        start = encode_notice(Delete("x"), {})
        for addresses in (b"[]", b'{"a": "b"}', b'{"a": [1]}', b"{"):
            self.assertRaises(ValueError, decode_notice, start + addresses)
        self.assertRaises(ValueError, decode_notice, start[:7])
        self.assertRaises(ValueError, decode_notice, b"\0\0")


class NoPublisherTests(SynchronousTestCase):
    """A process that is alone."""

    def test_at_once(self) -> None:
        """There is always room, and nobody to wait for."""
        publisher = NoPublisher()
        self.assertIsNone(self.successResultOf(publisher.reserve(1 << 30)))
        self.assertIsNone(self.successResultOf(publisher.publish(1, b"")))
