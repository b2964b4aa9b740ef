"""What a proxy in front says besides addresses."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.access.tlvs import find
from tests.proxy.access.test_announced import IPV4, block
from tests.proxy.conversation import World, get, head


def entry(kind: int, value: bytes) -> bytes:
    """One entry of the list."""
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


SSL = b"\x01\0\0\0\x02" + entry(0x21, b"TLSv1.3") + entry(0x22, b"me") + entry(0x23, b"AES")
TLVS = entry(0x01, b"h2") + entry(0x02, b"name.example") + entry(0xEA, b"\x01vpce-1") + entry(0x20, SSL)


class TlvTests(SynchronousTestCase):
    """``$proxy_protocol_tlv_…``."""

    def said(self, start: bytes, *names: str) -> bytes:
        text = "|".join(f"$proxy_protocol_tlv_{name}" for name in names)
        world = World(f'server {{ listen 8080 proxy_protocol; return 200 "{text}"; }}')
        client = world.client()
        client.say(start + get())
        return head(client.read())[2]

    def test_names(self) -> None:
        """Names, numbers, and what is within ``ssl``."""
        names = (
            "alpn",
            "authority",
            "0xea",
            "0xEA",
            "ssl_version",
            "ssl_cn",
            "ssl_cipher",
            "ssl_verify",
            "ssl_0x22",
        )
        self.assertEqual(
            self.said(block(0x11, IPV4 + TLVS), *names),
            b"h2|name.example|\x01vpce-1|\x01vpce-1|TLSv1.3|me|AES|2|me",
        )

    def test_missing(self) -> None:
        """What was not said is empty, as is what nobody knows, or what comes of a list that breaks off."""
        names = ("alpn", "unique_id", "ssl_cn", "ssl_verify", "odd", "0xzz", "ssl_odd")
        for start in (block(0x11, IPV4), block(0x11, IPV4 + entry(0x20, b"abc")), b"PROXY UNKNOWN\r\n"):
            self.assertEqual(self.said(start, *names), b"|" * 6)
        self.assertEqual(
            self.said(block(0x11, IPV4 + b"\x05\xff\xff12" + entry(0x01, b"h2")), *names), b"|" * 6
        )

    def test_not_announced(self) -> None:
        """Without a proxy that announces there is none of it."""
        world = World('server { listen 8080; return 200 "[$proxy_protocol_tlv_alpn]"; }')
        self.assertEqual(head(world.ask(get()))[2], b"[]")

    @given(st.binary(max_size=60), st.integers(0, 255))
    @settings(deadline=None)
    def test_any_bytes(self, data: bytes, kind: int) -> None:
        """Whatever the list, a value is a part of it."""
        self.assertIn(find(data, kind), data)

    @given(st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=5)), max_size=5))
    @settings(deadline=None)
    def test_first(self, entries: list[tuple[int, bytes]]) -> None:
        """The first value of a type is found."""
        data = b"".join(entry(kind, value) for kind, value in entries)
        for kind, _ in entries:
            self.assertEqual(find(data, kind), next(value for other, value in entries if other == kind))
