"""Connections that a proxy in front announces."""

from __future__ import annotations

import socket

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.access import announced
from dyups.proxy.access.announced import (
    LONGEST_LINE,
    SIGNATURE,
    Announcement,
    BadAnnouncement,
    read_announcement,
)
from tests.proxy.conversation import World, get, head

LINE = b"PROXY TCP4 203.0.113.1 192.0.2.9 1234 80\r\n"
IPV4 = socket.inet_aton("203.0.113.1") + socket.inet_aton("192.0.2.9") + b"\x04\xd2\x00\x50"
IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1") + bytes(15) + b"\x01" + b"\x04\xd2\x00\x50"
SAID = Announcement((b"203.0.113.1", 1234), (b"192.0.2.9", 80))


def block(family: int, body: bytes, command: int = 0x21) -> bytes:
    return SIGNATURE + bytes((command, family)) + len(body).to_bytes(2, "big") + body


class Read(SynchronousTestCase):
    """Lines of version 1, blocks of version 2."""

    def test_forms(self) -> None:
        """Addresses of either family; whoever is unknown, or the proxy itself, has none."""
        for data, found in (
            (LINE, SAID),
            (b"PROXY TCP6 2001:db8::1 ::1 1234 80\r\n", Announcement((b"2001:db8::1", 1234), (b"::1", 80))),
            (b"PROXY UNKNOWN\r\n", Announcement()),
            (b"PROXY UNKNOWN ffff:: ffff:: 1 1\r\n", Announcement()),
            (block(0x11, IPV4), SAID),
            (block(0x11, IPV4 + b"\x03\x00\x01x"), SAID._replace(tlvs=b"\x03\x00\x01x")),
            (block(0x21, IPV6), Announcement((b"2001:db8::1", 1234), (b"::1", 80))),
            (block(0x31, bytes(216)), Announcement()),
            (block(0x00, b"", 0x20), Announcement()),
            (block(0x11, IPV4, 0x20), Announcement()),
        ):
            self.assertEqual(read_announcement(data + b"GET"), (found, len(data)), data)

    def test_pieces(self) -> None:
        """However it comes: nothing is known before the last byte, and all of it then."""
        for whole in (LINE, block(0x11, IPV4)):
            for end in range(len(whole)):
                self.assertIsNone(read_announcement(whole[:end]), whole[:end])
            self.assertEqual(read_announcement(whole), (SAID, len(whole)))

    def test_broken(self) -> None:
        """Anything else is refused as soon as it can be told."""
        for data in (
            b"GET / HTTP/1.1\r\n",
            b"PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n",
            b"PROXY TCP4 1.1.1 1.1.1.1 1 1\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 1 99999\r\n",
            b"PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n",
            b"PROXY " + b"x" * LONGEST_LINE,
            block(0x11, IPV4, 0x11),
            block(0x11, IPV4, 0x22),
            block(0x11, IPV4[:-1]),
            block(0x11, bytes(5000)),
        ):
            self.assertRaises(BadAnnouncement, read_announcement, data)

    @given(st.binary(max_size=300))
    @settings(deadline=None)
    def test_any_bytes(self, data: bytes) -> None:
        """Any bytes are an announcement, part of one, or the one error."""
        for start in (b"", b"PROXY ", SIGNATURE):
            try:
                found = read_announcement(start + data)
            except BadAnnouncement:
                continue
            if found is not None:
                self.assertLessEqual(found[1], len(start + data))


class Connections(SynchronousTestCase):
    """Clients of an address with ``proxy_protocol``."""

    def setUp(self) -> None:
        self.said: list[str] = []
        self.patch(announced, "complain", lambda level, text: self.said.append(text))
        text = "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port"
        self.world = World(
            "server { listen 81 proxy_protocol; client_header_timeout 5s;"
            f"location / {{ return 200 '{text} $remote_addr'; }} }}"
        )

    def test_variables(self) -> None:
        """The announcement is read by variables, for every request of the connection; the address is not changed."""
        for start in (LINE, block(0x11, IPV4)):
            client = self.world.client()
            for byte in start:
                client.say(bytes([byte]))
            for _ in range(2):
                client.say(get())
                self.assertEqual(head(client.read())[2], b"203.0.113.1 1234 192.0.2.9 80 192.0.2.7")

    def test_unknown(self) -> None:
        """Of an unknown connection they are empty."""
        client = self.world.client()
        client.say(b"PROXY UNKNOWN\r\n" + get())
        self.assertEqual(head(client.read())[2], b"     192.0.2.7".replace(b"     ", b"    "))

    def test_none(self) -> None:
        """A client that announces nothing is not served."""
        client = self.world.client()
        client.say(get())
        self.assertTrue(client.closed)
        self.assertEqual(client.got, b"")
        self.assertIn('broken header: "GET / HTTP/1.1', self.said[0])

    def test_late(self) -> None:
        """An announcement that does not come is waited for as long as for a head."""
        client = self.world.client()
        self.world.pass_time(8)
        self.assertTrue(client.aborted)
        self.assertEqual(self.world.deadlines.watched(), [])

    def test_left(self) -> None:
        """Nothing is left of a client that goes before or after its announcement."""
        for data in (b"", LINE):
            client = self.world.client()
            client.say(data)
            client.hang_up()
            self.assertEqual(self.world.deadlines.watched(), [])
            self.assertEqual(self.world.plane.counters.active, 0)
