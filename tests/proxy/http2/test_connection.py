"""One HTTP/2 connection: its streams, its bounds, its end."""

from __future__ import annotations

import struct
from unittest import mock

from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.http2 import guard
from dyups.proxy.http2.connection import Http2Connection
from dyups.proxy.tallies import connections
from tests.proxy.conversation import World, complaints, unrest
from tests.proxy.http2.asking import PREFACE, Asker

ECHO = "server { listen 80; http2 on; %s location / { echo -n $connection $connection_requests; } }"
PROXY = "upstream b { server 127.0.0.1:81; } server { listen 80; http2 on; %s location / { proxy_pass http://b; } }"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%b"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"


def frame(kind: int, flags: int, number: int, payload: bytes = b"") -> bytes:
    """A frame as bytes (RFC 9113 section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", number) + payload


class Streams(SynchronousTestCase):
    """Several requests at a time."""

    def test_they_do_not_wait_for_each_other(self) -> None:
        """Each answer comes when its server has it."""
        world = World(PROXY % "")
        asker = Asker(world)
        numbers = [asker.begin() for _ in range(3)]
        for index in (2, 0, 1):
            world.servers[index].say(OK % b"%d" % index)
        asker.send()
        self.assertEqual([asker.answer(number).body for number in numbers], [b"0", b"1", b"2"])
        self.assertEqual(unrest(world), [])

    def test_what_variables_tell(self) -> None:
        """The connection has one number, and counts its requests; so do the totals."""
        world = World(ECHO % "")
        asker = Asker(world)
        self.assertEqual([asker.ask().body for _ in range(3)], [b"1 1", b"1 2", b"1 3"])
        other = Asker(world)
        self.assertEqual(other.ask().body, b"2 1")
        counters = world.plane.counters
        self.assertEqual((counters.accepted, counters.active, counters.requests), (2, 2, 4))
        self.assertEqual(connections(world.plane)["waiting"], 2)
        other.wire.hang_up()
        self.assertEqual((counters.active, connections(world.plane)["waiting"]), (1, 1))

    def test_much_room_at_once(self) -> None:
        """However often a client says that there is more room, all streams are looked through once for what it says."""
        world = World(PROXY % "")
        asker = Asker(world, eager=False)
        asker.begin()
        asker.begin()
        room = frame(8, 0, 0, struct.pack(">I", 1)) + frame(4, 0, 0, struct.pack(">HI", 4, 70000))
        with mock.patch.object(Http2Connection, "_send_all") as looked:
            asker.wire.say(room * 100)
        self.assertEqual(looked.call_count, 1)

    def test_settings(self) -> None:
        """The client is told what it may do."""
        world = World(ECHO % "http2_max_concurrent_streams 7; http2_body_preread_size 1k;")
        told = Asker(world).h2.remote_settings
        self.assertEqual((told.max_concurrent_streams, told.initial_window_size), (7, 1024))

    def test_too_many(self) -> None:
        """Those beyond ``http2_max_concurrent_streams`` are refused, so that the client may ask again; others go on."""
        world = World(PROXY % "http2_max_concurrent_streams 2;")
        lines = complaints(self)
        asker = Asker(world)
        asker.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 100
        asker.h2.remote_settings.acknowledge()
        numbers = [asker.begin() for _ in range(3)]
        self.assertEqual(asker.answer(numbers[2]).reset, ErrorCodes.REFUSED_STREAM)
        self.assertIn("concurrent streams exceeded 2", lines[-1][1])
        world.servers[0].say(OK % b"a")
        asker.send()
        self.assertEqual(asker.answer(numbers[0]).status, 200)
        number = asker.begin()
        self.assertEqual((len(world.servers), asker.answer(number).reset), (2, None))

    def test_too_many_all_the_time(self) -> None:
        """A client that goes on so is sent away."""
        world = World(PROXY % "http2_max_concurrent_streams 1;")
        asker = Asker(world)
        asker.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 1000
        asker.h2.remote_settings.acknowledge()
        for _ in range(103):
            asker.begin(send=False)
        asker.send()
        assert asker.goodbye is not None
        self.assertEqual(asker.goodbye.error_code, ErrorCodes.ENHANCE_YOUR_CALM)
        self.assertTrue(asker.wire.closed)
        self.assertEqual((unrest(world), world.plane.counters.active), ([], 0))

    def test_a_body_before_the_settings_are_known(self) -> None:
        """With a small ``http2_body_preread_size`` a body that comes too early is refused, as nginx does."""
        world = World(ECHO % "http2_body_preread_size 10;")
        wire = world.client()
        block = Asker(world).h2.encoder.encode(
            [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/")]
        )
        wire.say(PREFACE + SETTINGS + frame(1, 4, 1, block))
        self.assertIn(frame(3, 0, 1, struct.pack(">I", ErrorCodes.REFUSED_STREAM)), wire.read())

    def test_turns(self) -> None:
        """Answers that wait for the connection's window get it by turns."""
        world = World(PROXY % "")
        asker = Asker(world, settings={SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20}, eager=False)
        numbers = [asker.begin() for _ in range(3)]
        for server in world.servers:
            server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60000)
        asker.send()
        before = [len(asker.answer(number).body) for number in numbers]
        self.assertEqual(sum(before), 65535)
        asker.h2.increment_flow_control_window(16384)
        asker.send()
        more = [len(asker.answer(number).body) for number in numbers]
        self.assertEqual([b - a for a, b in zip(before, more, strict=True) if b > a], [8192, 8192])


class Bounds(SynchronousTestCase):
    """What is too much."""

    def test_rapid_reset(self) -> None:
        """Requests that are taken back at once reach no server, and not for ever (CVE-2023-44487)."""
        world = World(PROXY % "")
        lines = complaints(self)
        asker = Asker(world)
        for _ in range(guard.MOST_RESETS + 1):
            number = asker.begin(send=False)
            asker.h2.reset_stream(number, ErrorCodes.CANCEL)
        asker.wire.say(asker.h2.data_to_send())
        asker.hear(asker.wire.read())
        assert asker.goodbye is not None
        self.assertEqual(asker.goodbye.error_code, ErrorCodes.ENHANCE_YOUR_CALM)
        self.assertIn("client took too many requests back", lines[-1][1])
        self.assertEqual((len(world.dialled), asker.wire.closed), (0, True))

    def test_frames_without_use(self) -> None:
        """PING after PING is a flood once it is more than is forgiven; they are answered until then."""
        self.patch(guard, "_FORGIVEN", 10_000)
        world = World(ECHO % "")
        lines = complaints(self)
        asker = Asker(world)
        pings = frame(6, 0, 0, b"12345678") * 100
        count = 0
        while not asker.wire.closed:
            self.assertLess(count, 60)
            count += 1
            asker.wire.say(pings)
            self.assertIn(frame(6, 1, 0, b"12345678"), asker.wire.read())
        self.assertEqual(count, 1 + 8 * 10_000 // len(pings))
        self.assertIn("http2 flood detected", lines[-1][1])

    def test_pings_of_a_client_that_does_not_listen(self) -> None:
        """With its answers not taken, no more of them are made."""
        world = World(ECHO % "")
        wire = world.client(high=5000)
        wire.say(PREFACE + SETTINGS + frame(6, 0, 0, b"12345678") * 1000)
        self.assertFalse(wire.reading)
        held = len(wire.got)
        wire.say(frame(6, 0, 0, b"12345678") * 1000)
        self.assertEqual(len(wire.got), held)
        world.pass_time(100)
        self.assertTrue(wire.aborted)

    def test_a_head_without_end(self) -> None:
        """CONTINUATION frames one after the other end the connection (CVE-2024-27316)."""
        world = World(ECHO % "")
        wire = world.client()
        wire.say(PREFACE + SETTINGS + frame(1, 1, 1, b"\x82") + frame(9, 0, 1, b"") * 70)
        self.assertTrue(wire.closed)
        self.assertIn(b"\x07\0\0\0\0\0", wire.got)

    def test_a_head_that_grows(self) -> None:
        """A large table entry named again and again ends the connection before it is all there (CVE-2016-6581)."""
        world = World(ECHO % "")
        asker = Asker(world)
        asker.ask(b"/", (b"x", b"y" * 3000))
        entry = asker.h2.encoder.encode([(b"x", b"y" * 3000)])
        asker.send(frame(1, 5, 3, entry * 100))
        assert asker.goodbye is not None
        self.assertEqual(asker.goodbye.error_code, ErrorCodes.ENHANCE_YOUR_CALM)

    def test_a_large_head(self) -> None:
        """More than ``large_client_header_buffers`` is 431, and the connection goes on."""
        world = World(ECHO % "")
        asker = Asker(world)
        many = [(b"x%d" % n, b"y" * 5000) for n in range(7)]
        self.assertEqual([asker.ask(b"/", *many).status, asker.ask().status], [431, 200])

    def test_nonsense(self) -> None:
        """What is no HTTP/2 behind the preface ends the connection, with a reason in the log."""
        world = World(ECHO % "")
        lines = complaints(self)
        wire = world.client()
        wire.say(PREFACE + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(wire.closed)
        self.assertIn("client broke the HTTP/2 protocol", lines[-1][1])
        self.assertEqual(world.plane.counters.active, 0)

    @settings(deadline=None, max_examples=60)
    @given(
        st.lists(
            st.tuples(st.integers(0, 10), st.integers(0, 63), st.integers(0, 5), st.binary(max_size=40)),
            max_size=12,
        ),
        st.booleans(),
    )
    def test_any_frames(self, frames: list[tuple[int, int, int, bytes]], begun: bool) -> None:
        """Whatever frames come in whatever order, the connection goes on or ends in order."""
        world = World(PROXY % "")
        asker = Asker(world)
        if begun:
            asker.begin(method=b"POST", ended=False)
        for kind, flags, number, payload in frames:
            asker.wire.say(frame(kind, flags, number, payload))
        asker.wire.read()
        asker.wire.hang_up()
        self.assertEqual((unrest(world), world.plane.counters.active), ([], 0))
        self.assertEqual([t for t in world.deadlines.watched() if isinstance(t, Http2Connection)], [])


class Ends(SynchronousTestCase):
    """How a connection ends."""

    def test_idle(self) -> None:
        """``keepalive_timeout`` after the last answer: GOAWAY with the last request, and the end."""
        world = World(ECHO % "keepalive_timeout 10s;")
        asker = Asker(world)
        number = asker.begin()
        world.pass_time(8)
        asker.begin()
        world.pass_time(8)
        self.assertFalse(asker.wire.closed)
        world.pass_time(8)
        asker.send()
        assert asker.goodbye is not None
        self.assertEqual((asker.goodbye.error_code, asker.goodbye.last_stream_id), (0, number + 2))
        self.assertTrue(asker.wire.closed)

    def test_silent(self) -> None:
        """``client_header_timeout`` for the first request, however long connections may be idle."""
        world = World(ECHO % "client_header_timeout 5s; keepalive_timeout 1h;")
        asker = Asker(world)
        world.pass_time(10)
        self.assertTrue(asker.wire.closed)
        self.assertEqual(world.plane.counters.active, 0)

    def test_enough_requests(self) -> None:
        """``keepalive_requests``: GOAWAY with the last one, whose answer still comes; others are refused."""
        world = World(PROXY % "keepalive_requests 2;")
        asker = Asker(world)
        first, second = asker.begin(), asker.begin(send=False)
        third = asker.begin()
        assert asker.goodbye is not None
        self.assertEqual((asker.goodbye.error_code, asker.goodbye.last_stream_id), (0, second))
        self.assertEqual((len(world.servers), asker.wire.closed), (2, False))
        raw = b""
        for server in world.servers:
            server.say(OK % b"a")
            raw += asker.wire.read()
        self.assertEqual(raw.count(frame(0, 1, first, b"a")), 1)
        self.assertEqual(raw.count(frame(0, 1, second, b"a")), 1)
        self.assertTrue(asker.wire.closed)
        self.assertEqual((third, unrest(world)), (5, []))

    def test_the_process_ends(self) -> None:
        """The client is told to go; what is under way is answered; what is idle ends."""
        world = World(PROXY % "")
        busy, idle = Asker(world), Asker(world)
        number = busy.begin()
        world.plane.draining = True
        for timed in world.deadlines.watched():
            if isinstance(timed, Http2Connection):
                timed.end_idle(world.deadlines.now)
        idle.send()
        assert idle.goodbye is not None
        world.pass_time(2)
        self.assertEqual((idle.wire.closed, busy.wire.closed), (True, False))
        raw = busy.wire.read()
        self.assertIn(b"\0\0\x08\x07\0\0\0\0\0" + struct.pack(">II", number, 0), raw)
        world.servers[0].say(OK % b"a")
        self.assertIn(frame(0, 1, number, b"a"), busy.wire.read())
        self.assertTrue(busy.wire.closed)

    def test_a_request_while_the_process_ends(self) -> None:
        """One that was on its way is answered, with GOAWAY."""
        world = World(ECHO % "")
        asker = Asker(world)
        world.plane.draining = True
        asker.begin(send=False)
        asker.wire.say(asker.h2.data_to_send())
        raw = asker.wire.read()
        self.assertIn(b"\0\0\x08\x07\0\0\0\0\0" + struct.pack(">II", 1, 0), raw)
        self.assertIn(frame(0, 1, 1, b"1 1"), raw)
        self.assertTrue(asker.wire.closed)

    def test_the_client_says_goodbye(self) -> None:
        """It gets the answers that it waits for."""
        world = World(PROXY % "")
        asker = Asker(world)
        number = asker.begin()
        asker.wire.say(frame(7, 0, 0, struct.pack(">II", 0, 0)))
        world.servers[0].say(OK % b"a")
        asker.send()
        self.assertEqual((asker.answer(number).body, asker.answer(number).ended), (b"a", True))
        self.assertTrue(asker.wire.closed)

    def test_the_client_says_more_behind_its_goodbye(self) -> None:
        """It makes room for the answer that it waits for, in the same breath."""
        world = World(PROXY % "")
        asker = Asker(world, eager=False)
        number = asker.begin()
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000)
        asker.h2.increment_flow_control_window(70000)
        asker.h2.increment_flow_control_window(70000, number)
        asker.wire.say(frame(7, 0, 0, struct.pack(">II", 0, 0)) + asker.h2.data_to_send())
        asker.send()
        self.assertEqual((len(asker.answer(number).body), asker.answer(number).ended), (70000, True))
        self.assertTrue(asker.wire.closed)

    def test_a_goodbye_takes_no_answer_away(self) -> None:
        """One that is made already, and not sent yet, goes out."""
        world = World(ECHO % "")
        asker = Asker(world)
        number = asker.begin(send=False)
        much = b"".join(frame(6, 0, 0, bytes(8)) for _ in range(2000))
        asker.send(asker.h2.data_to_send() + much + frame(7, 0, 0, struct.pack(">II", 0, 0)))
        self.assertEqual((asker.answer(number).body, asker.answer(number).ended), (b"1 1", True))

    def test_a_request_that_is_taken_back_behind_more_room(self) -> None:
        """Nothing more is sent on it, and its neighbour goes on: its window may have opened with the other's."""
        for opens in (
            lambda h2: h2.increment_flow_control_window(9000, 1),
            lambda h2: h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20}),
        ):
            world = World(PROXY % "")
            asker = Asker(world, eager=False)
            numbers = asker.begin(), asker.begin()
            self.assertEqual(numbers, (1, 3))
            for server in world.servers:
                server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90000)
            asker.h2.increment_flow_control_window(1 << 20)
            asker.h2.increment_flow_control_window(1 << 20, 3)
            opens(asker.h2)
            asker.h2.reset_stream(1)
            asker.send()
            self.assertEqual((len(asker.answer(3).body), asker.answer(3).ended), (90000, True))
            self.assertFalse(asker.wire.closed)

    def test_the_client_leaves(self) -> None:
        """All servers are let go of."""
        world = World(PROXY % "")
        asker = Asker(world)
        asker.begin()
        asker.begin(method=b"POST", ended=False)
        asker.wire.hang_up()
        self.assertEqual((unrest(world), world.plane.counters.active), ([], 0))
        self.assertEqual(
            [server.closing or server.aborted or server.closed for server in world.servers], [True] * 2
        )

    def test_a_broken_connection_ends_its_requests(self) -> None:
        """One that breaks the protocol while others are served ends them all."""
        world = World(PROXY % "")
        asker = Asker(world)
        asker.begin()
        asker.wire.say(frame(0, 0, 0, b"x"))
        self.assertTrue(asker.wire.closed)
        self.assertEqual((unrest(world), world.plane.counters.active), ([], 0))
