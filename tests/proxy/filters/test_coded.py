"""Bodies that are changed on their way to the client: order, pace, ends."""

from __future__ import annotations

import zlib
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.chunked import ChunkedReader
from dyups.proxy.filters.coded import CodedClient
from dyups.proxy.filters.coding import PIECE, Gzip
from tests.proxy.conversation import Wire, World, get


class Waiter:
    """Whoever answers."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def client_paused(self) -> None:
        self.heard.append("paused")

    def client_resumed(self) -> None:
        self.heard.append("resumed")

    def broke_off(self, text: str) -> None:
        self.heard.append(text)


class Coding(SynchronousTestCase):
    """One answer."""

    def setUp(self) -> None:
        self.world = World(
            "upstream one { server 127.0.0.1; } server { location / { proxy_pass http://one; } }"
        )
        self.wire: Wire = self.world.client()
        self.wire.say(get())
        self.waiter = Waiter()

    def client(self, **more: Any) -> CodedClient:
        """In front of the client of a request that waits for its answer."""
        client = self.wire.protocol
        made = CodedClient(client, Gzip(1, 15, 9, -1), lambda: b"X: y\r\n", **more)
        made.source = self.waiter
        return made

    def unpacked(self, data: bytes) -> bytes:
        """What the client can read already."""
        return zlib.decompressobj(31).decompress(ChunkedReader().feed(data))

    def test_nothing_held_back(self) -> None:
        """The head goes out at once, and so does each piece."""
        coded = self.client()
        coded.begin(b"HEAD|", b"", False)
        self.assertTrue(self.wire.got.startswith(b"HEAD|"))
        coded.write(b"one")
        self.assertEqual(self.unpacked(self.wire.got[5:]), b"one")
        coded.write(b" two")
        coded.answered()
        self.assertEqual(self.unpacked(self.wire.got[5:]), b"one two")
        self.assertTrue(self.wire.got.endswith(b"0\r\nX: y\r\n\r\n"))
        self.assertEqual(self.waiter.heard, [])

    def test_one_write(self) -> None:
        """What is whole at once is one write, head, body and end."""
        coded = self.client()
        coded.begin(b"HEAD|", b"all of it", True)
        coded.answered()
        self.assertEqual(len(self.wire.writes), 1)
        self.assertEqual(self.unpacked(self.wire.got[5:]), b"all of it")
        self.assertTrue(self.wire.protocol._answered)

    def test_last_piece(self) -> None:
        """Of a body of known length the last piece goes out with the end."""
        coded = self.client(length=6)
        coded.begin(b"", b"one", False)
        coded.write(b"two")
        self.assertEqual(len(self.wire.writes), 1)
        coded.answered()
        self.assertEqual(len(self.wire.writes), 2)
        self.assertEqual(self.unpacked(self.wire.got), b"onetwo")

    def test_turns(self) -> None:
        """A big piece is coded in several turns, while whoever answers waits; then it goes on."""
        self.wire.high = 1 << 30
        coded = self.client()
        body = b"".join(b"%d " % number for number in range(50_000))
        coded.begin(b"", body, False)
        self.assertLess(len(self.unpacked(self.wire.got)), 2 * PIECE)
        self.assertEqual((self.waiter.heard, coded.write_blocked), (["paused"], True))
        self.world.clock.pump([0] * 10)
        self.assertEqual(self.waiter.heard, ["paused", "resumed"])
        self.assertEqual(self.unpacked(self.wire.read()), body)
        self.assertFalse(coded.write_blocked)

    def test_slow_client(self) -> None:
        """Nothing is coded while the client takes nothing, and all of it afterwards."""
        self.wire.high = 1
        coded = self.client()
        coded.begin(b"", bytes(5 * PIECE), False)
        self.world.clock.pump([0] * 10)
        self.assertTrue(coded.holds())
        before = len(self.wire.writes)
        self.world.clock.pump([0] * 10)
        self.assertEqual(len(self.wire.writes), before)
        self.wire.high = 1 << 30
        self.wire.protocol.write_blocked = False
        self.assertTrue(coded.holds())
        self.world.clock.pump([0] * 10)
        coded.answered()
        self.assertFalse(coded.holds())
        self.assertEqual(self.unpacked(self.wire.got), bytes(5 * PIECE))

    def test_cut(self) -> None:
        """What came goes out, but no end."""
        coded = self.client()
        coded.begin(b"", b"hello", False)
        coded.cut()
        self.assertEqual(self.unpacked(self.wire.got), b"hello")
        self.assertFalse(self.wire.got.endswith(b"\r\n\r\n"))
        self.assertTrue(self.wire.protocol.state)

    def test_client_gone(self) -> None:
        """Nothing waits for a client that left."""
        coded = self.client()
        coded.begin(b"", bytes(5 * PIECE), False)
        coded.stop()
        sent = len(self.wire.writes)
        self.world.clock.pump([0] * 10)
        coded.answered()
        self.assertEqual(len(self.wire.writes), sent)

    def test_nobody_waits(self) -> None:
        """Without anybody to wait for, a big piece goes out at once."""
        coded = self.client()
        coded.source = None
        coded.begin(b"", bytes(5 * PIECE), False)
        self.assertFalse(coded.write_blocked)
        self.assertEqual(self.unpacked(self.wire.got), bytes(5 * PIECE))
