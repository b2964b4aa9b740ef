"""The library, as it is used."""

from __future__ import annotations

import struct

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, StreamEnded
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.http2 import Http2Settings
from dyups.proxy.http2.wire import Broken, DataReceived, ErrorCodes, Http2Wire, RequestReceived

GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/")]


class Talk(SynchronousTestCase):
    """Both sides, without a network."""

    def setUp(self) -> None:
        self.wire = Http2Wire(Http2Settings(http2_body_preread_size=1000), 1000)
        self.client = H2Connection(
            H2Configuration(client_side=True, validate_outbound_headers=False, header_encoding=None)
        )
        self.client.initiate_connection()
        self.client.receive_data(self.wire.take())
        self.wire.receive(self.client.data_to_send())
        self.client.receive_data(self.wire.take())

    def ask(self, ended: bool = True) -> int:
        """A request that the wire knows; its number."""
        number = self.client.get_next_available_stream_id()
        self.client.send_headers(number, GET, end_stream=ended)
        (event,) = (
            event
            for event in self.wire.receive(self.client.data_to_send())
            if isinstance(event, RequestReceived)
        )
        self.assertEqual(list(event.headers), GET)
        return number

    def test_an_answer(self) -> None:
        """Fields, body and trailers arrive as they were sent."""
        number = self.ask()
        self.wire.send_fields(number, [(b":status", b"200"), (b"a", b"b")], False)
        self.wire.send_body(number, b"body", False)
        self.wire.send_fields(number, [(b"c", b"d")], True)
        events = self.client.receive_data(self.wire.take())
        self.assertIsInstance(events[-1], StreamEnded)
        self.assertEqual([event.data for event in events if isinstance(event, DataReceived)], [b"body"])

    def test_room(self) -> None:
        """What may be sent is bounded by the stream's window, the connection's and the size of frames."""
        number = self.ask()
        self.wire.send_fields(number, [(b":status", b"200")], False)
        room = [self.wire.room(number)]
        for size in (16384, 16384, 16384, 10000):
            self.wire.send_body(number, b"x" * size, False)
            room.append(self.wire.room(number))
        self.assertEqual(room, [16384, 16384, 16384, 16383, 6383])

    def test_windows_of_bodies(self) -> None:
        """A stream's window is what was said, wider once it is widened, and comes back as it is credited."""
        number = self.ask(ended=False)
        self.assertEqual(self.client.local_flow_control_window(number), 1000)
        self.wire.widen(number, 500)
        self.client.receive_data(self.wire.take())
        self.client.send_data(number, b"x" * 1500)
        self.wire.receive(self.client.data_to_send())
        self.assertEqual(self.client.local_flow_control_window(number), 0)
        self.wire.credit(number, 1500)
        self.client.receive_data(self.wire.take())
        self.assertEqual(self.client.local_flow_control_window(number), 1500)

    def test_too_much_of_a_body(self) -> None:
        """A client that sends more than its window breaks the protocol."""
        number = self.ask(ended=False)
        frame = struct.pack(">I", 1001)[1:] + b"\0\0" + struct.pack(">I", number) + b"x" * 1001
        self.assertRaises(Broken, self.wire.receive, frame)

    def test_goodbye(self) -> None:
        """After it the answers under way still go out."""
        number = self.ask()
        self.wire.say_goodbye(number)
        self.wire.send_fields(number, [(b":status", b"204")], True)
        data = self.wire.take()
        goodbye = b"\0\0\x08\x07\0\0\0\0\0" + struct.pack(">II", number, ErrorCodes.NO_ERROR)
        self.assertTrue(data.endswith(goodbye))
        self.assertTrue(
            any(isinstance(e, StreamEnded) for e in self.client.receive_data(data[: -len(goodbye)]))
        )

    def test_the_clients_goodbye(self) -> None:
        """It does not keep its answers from going out."""
        number = self.ask()
        self.wire.receive(b"\0\0\x08\x07\0\0\0\0\0" + bytes(8))
        self.wire.send_fields(number, [(b":status", b"204")], True)
        self.assertTrue(any(isinstance(e, StreamEnded) for e in self.client.receive_data(self.wire.take())))

    def test_a_frame_that_is_too_large(self) -> None:
        """It is refused by its first bytes, before it is there."""
        self.assertRaises(Broken, self.wire.receive, b"\x00\x40\x01\0\0\0\0\0\1")
        (event,) = self.client.receive_data(self.wire.take())
        assert isinstance(event, ConnectionTerminated)
        self.assertEqual(event.error_code, ErrorCodes.FRAME_SIZE_ERROR)

    def test_a_reset(self) -> None:
        """One stream ends, others go on."""
        one, two = self.ask(), self.ask()
        self.wire.reset(one, ErrorCodes.REFUSED_STREAM)
        self.wire.send_fields(two, [(b":status", b"204")], True)
        events = self.client.receive_data(self.wire.take())
        self.assertEqual(
            [
                getattr(event, "stream_id", 0)
                for event in events
                if type(event).__name__ != "ResponseReceived"
            ],
            [one, two],
        )
