"""Tests of ``dyups.net.bridge``, against a uvloop transport in memory."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet import error
from twisted.trial.unittest import SynchronousTestCase

from dyups.net.bridge import ignore
from dyups.net.streams import TcpBridge
from tests.net.support import Diary, HalfCloseableDiary, Origin, Producer, Uv


class BridgeCase(SynchronousTestCase):
    """A bridge in ``self.bridge`` on a transport in ``self.uv``."""

    def connect(self, protocol: Any) -> Any:
        """Connect ``protocol``, which may also be None or an error of its factory's; returns it."""
        self.origin = Origin(protocol)
        self.bridge = TcpBridge(self.origin)  # type: ignore[arg-type]
        self.uv = Uv()
        self.bridge.connection_made(self.uv)  # type: ignore[arg-type]
        return protocol


class OpenTests(BridgeCase):
    """A connection begins."""

    def test_protocol_is_connected_to_the_bridge(self) -> None:
        """The origin's protocol gets the bridge as its transport, and uvloop gets its ``dataReceived`` directly."""
        diary = self.connect(Diary())
        self.assertEqual(diary.events, ["made"])
        self.assertIs(diary.transport, self.bridge)
        self.assertIs(self.uv.protocol, self.bridge)
        self.assertEqual(self.bridge.data_received, diary.dataReceived)
        self.assertIn(self.bridge, self.origin.live)

    def test_writes_go_straight_to_uvloop(self) -> None:
        """``write`` is the transport's own, without a call in between."""
        self.connect(Diary())
        self.assertEqual(self.bridge.write, self.uv.write)

    def test_factory_that_wants_no_connection(self) -> None:
        """No protocol: the connection is dropped and nobody is told of its end."""
        self.connect(None)
        self.assertEqual(self.uv.asked, ["abort"])
        self.bridge.connection_lost(None)
        self.assertEqual(self.origin.ended, [])

    def test_factory_that_raises(self) -> None:
        """An error of the factory's is logged and drops the connection."""
        self.connect(ZeroDivisionError())
        self.assertEqual(self.uv.asked, ["abort"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_connectionMade_that_raises(self) -> None:
        """An error in ``connectionMade`` is logged, drops the connection and is the reason of its end."""
        diary = self.connect(Diary(made=lambda _: 1 / 0))
        self.bridge.connection_lost(None)
        self.assertEqual(diary.events, ["made", ("lost", "ZeroDivisionError")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_protocol_may_be_replaced(self) -> None:
        """Assigning ``transport.protocol`` gives further data, and the end, to another protocol."""
        self.connect(Diary())
        other = Diary()
        self.bridge.protocol = other
        self.uv.protocol.data_received(b"x")
        self.bridge.connection_lost(None)
        self.assertEqual(other.events, [("data", b"x"), ("lost", "ConnectionDone")])


class EndTests(BridgeCase):
    """A connection ends."""

    def end(self, exc: BaseException | None, protocol: Any = None) -> Any:
        """Let uvloop say that it is lost; the last event."""
        diary = protocol or self.connect(Diary())
        self.bridge.connection_lost(exc)
        return diary.events[-1]

    def test_reasons(self) -> None:
        """The reason is done, lost by the network's fault, or what the protocol raised."""
        self.assertEqual(self.end(None), ("lost", "ConnectionDone"))
        self.assertEqual(self.end(OSError(errno.ECONNRESET, "reset")), ("lost", "ConnectionLost"))
        self.assertEqual(self.end(ValueError()), ("lost", "ValueError"))

    def test_system_errors_that_a_protocol_raises_are_logged(self) -> None:
        """uvloop keeps quiet about an ``OSError`` from ``dataReceived``; it is logged here and is the reason."""
        try:
            raise FileNotFoundError("no such file")
        except OSError as exc:
            self.assertEqual(self.end(exc), ("lost", "FileNotFoundError"))
        self.assertEqual(len(self.flushLoggedErrors(FileNotFoundError)), 1)

    def test_nothing_is_kept(self) -> None:
        """After the end the bridge holds neither protocol nor producer, and the reactor no bridge."""
        self.connect(Diary())
        producer = Producer()
        self.bridge.registerProducer(producer, True)
        self.bridge.connection_lost(None)
        self.assertEqual(producer.told, ["stop"])
        self.assertIsNone(self.bridge.protocol)
        self.assertIsNone(self.bridge.producer)
        self.assertNotIn(self.bridge, self.origin.live)
        self.assertTrue(self.bridge.disconnected)

    def test_late_writes_are_ignored(self) -> None:
        """What is written after the end is dropped silently, where uvloop would raise."""
        self.connect(Diary())
        self.bridge.connection_lost(None)
        self.uv.asked.append("closed")
        self.bridge.write(b"x")
        self.bridge.writeSequence([b"x", b"y"])
        self.assertEqual(self.uv.asked, ["closed"])

    def test_close_flushes(self) -> None:
        """``loseConnection`` leaves the rest to uvloop, which writes what it has first; it asks once."""
        self.connect(Diary())
        self.bridge.loseConnection()
        self.bridge.loseConnection()
        self.assertEqual(self.uv.asked, ["close"])
        self.assertTrue(self.bridge.disconnecting)

    def test_abort_resets(self) -> None:
        """``abortConnection`` sets SO_LINGER so that the peer sees a reset; writes are dropped from there on."""
        diary = self.connect(Diary())
        self.bridge.abortConnection()
        self.bridge.abortConnection()
        self.bridge.write(b"x")
        (_, level, option, _), aborted = self.uv.asked
        self.assertEqual((level, option, aborted), (socket.SOL_SOCKET, socket.SO_LINGER, "abort"))
        self.bridge.connection_lost(None)
        self.assertEqual(diary.events[-1], ("lost", "ConnectionAborted"))

    def test_reactor_stops(self) -> None:
        """``connectionLost`` ends the connection at once, with the reactor's reason, and only once."""
        from dyups.net.reasons import LOST

        diary = self.connect(Diary())
        self.bridge.connectionLost(LOST)
        self.bridge.connection_lost(None)
        self.assertEqual(diary.events, ["made", ("lost", "ConnectionLost")])
        self.assertEqual(self.origin.ended, [LOST])


class HalfCloseTests(BridgeCase):
    """One direction ends before the other."""

    def test_peer_that_stops_sending_ends_a_simple_connection(self) -> None:
        """A protocol that knows no half-close loses its connection, unwritten data included."""
        self.connect(Diary())
        self.assertTrue(self.bridge.eof_received())
        self.assertEqual(self.uv.asked, ["abort"])

    def test_peer_that_stops_sending_to_a_half_closeable_protocol(self) -> None:
        """Such a protocol is told, may write on, and never resumes reading."""
        diary = self.connect(HalfCloseableDiary())
        self.assertTrue(self.bridge.eof_received())
        self.bridge.resumeProducing()
        self.bridge.write(b"x")
        self.assertEqual(diary.events, ["made", "read closed"])
        self.assertEqual(self.uv.asked, [("write", b"x")])

    def test_we_stop_sending(self) -> None:
        """``loseWriteConnection`` ends the outgoing half once, then says so; later writes are dropped."""
        diary = self.connect(HalfCloseableDiary())
        self.bridge.loseWriteConnection()
        self.bridge.loseWriteConnection()
        self.bridge.write(b"x")
        self.assertEqual(self.uv.asked, ["write_eof"])
        self.origin.loop.turn()
        self.assertEqual(diary.events, ["made", "write closed"])

    def test_we_stop_sending_while_data_waits(self) -> None:
        """The protocol hears of it only when uvloop has nothing left to write."""
        diary = self.connect(HalfCloseableDiary())
        self.uv.buffered = 10
        self.bridge.loseWriteConnection()
        self.bridge.pause_writing()
        self.origin.loop.turn()
        self.assertEqual(self.uv.asked, ["write_eof", ("limits", 0, 0)])
        self.assertEqual(diary.events, ["made"])
        self.bridge.resume_writing()
        self.origin.loop.turn()
        self.assertEqual(diary.events, ["made", "write closed"])

    def test_we_stop_sending_while_a_producer_sends(self) -> None:
        """The outgoing half ends when the producer is unregistered."""
        self.connect(Diary())
        self.bridge.registerProducer(Producer(), True)
        self.bridge.loseWriteConnection()
        self.assertEqual(self.uv.asked, [])
        self.bridge.unregisterProducer()
        self.assertEqual(self.uv.asked, ["write_eof"])

    def test_writeConnectionLost_that_raises(self) -> None:
        """It drops the connection and is logged."""
        self.connect(HalfCloseableDiary(**{"write closed": lambda _: 1 / 0}))
        self.bridge.loseWriteConnection()
        self.origin.loop.turn()
        self.assertEqual(self.uv.asked, ["write_eof", "abort"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class ProducerTests(BridgeCase):
    """Somebody writes as fast as there is room."""

    def setUp(self) -> None:
        self.connect(Diary())
        self.producer = Producer()

    def test_streaming_producer_follows_uvloops_buffer(self) -> None:
        """It is paused when uvloop has too much and resumed when that is out."""
        self.bridge.registerProducer(self.producer, True)
        self.bridge.pause_writing()
        self.bridge.resume_writing()
        self.assertEqual(self.producer.told, ["pause", "resume"])

    def test_producer_that_comes_when_the_buffer_is_full(self) -> None:
        """It is paused at once."""
        self.bridge.pause_writing()
        self.bridge.registerProducer(self.producer, True)
        self.assertEqual(self.producer.told, ["pause"])

    def test_pull_producer_that_comes_when_the_buffer_is_full(self) -> None:
        """It is asked for nothing until there is room."""
        self.bridge.pause_writing()
        self.bridge.registerProducer(self.producer, False)
        self.origin.loop.turn()
        self.assertEqual(self.producer.told, [])
        self.bridge.resume_writing()
        self.origin.loop.turn()
        self.assertEqual(self.producer.told, ["resume"])

    def test_close_waits_for_the_producer(self) -> None:
        """With a producer registered ``loseConnection`` only stops reading, until the producer is unregistered."""
        self.bridge.registerProducer(self.producer, True)
        self.bridge.loseConnection()
        self.assertEqual(self.uv.asked, ["pause_reading"])
        self.bridge.unregisterProducer()
        self.assertEqual(self.uv.asked, ["pause_reading", "close"])

    def test_one_producer_at_a_time(self) -> None:
        """A second one is an error of the caller's."""
        self.bridge.registerProducer(self.producer, True)
        self.assertRaises(RuntimeError, self.bridge.registerProducer, Producer(), True)

    def test_producer_for_a_lost_connection(self) -> None:
        """It is stopped, and not kept."""
        self.bridge.connection_lost(None)
        self.bridge.registerProducer(self.producer, True)
        self.assertEqual(self.producer.told, ["stop"])
        self.bridge.unregisterProducer()
        self.assertEqual(self.uv.asked, [])

    def test_pull_producer_that_raises(self) -> None:
        """It loses the connection; the error is logged."""
        self.bridge.registerProducer(Producer(resume=lambda: None), False)
        self.bridge.producer.pulled.on["resume"] = lambda: 1 / 0
        self.origin.loop.turn()
        self.assertEqual(self.uv.asked, ["abort"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_consumer_that_wants_no_more(self) -> None:
        """``stopConsuming`` lets go of the producer and closes."""
        self.bridge.registerProducer(self.producer, True)
        self.bridge.stopConsuming()
        self.assertIsNone(self.bridge.producer)
        self.assertEqual(self.uv.asked, ["close"])


class ReadingTests(BridgeCase):
    """The protocol as a consumer of what comes in."""

    def test_pause_and_resume(self) -> None:
        """They are uvloop's own."""
        self.connect(Diary())
        self.bridge.pauseProducing()
        self.assertFalse(self.bridge.reading)
        self.bridge.resumeProducing()
        self.assertTrue(self.bridge.reading)
        self.assertEqual(self.uv.asked, ["pause_reading", "resume_reading"])

    def test_no_resuming_of_what_is_closing(self) -> None:
        """A connection that is being closed, or is lost, does not read again."""
        self.connect(Diary())
        self.bridge.loseConnection()
        self.bridge.resumeProducing()
        self.bridge.connection_lost(None)
        self.bridge.resumeProducing()
        self.assertEqual(self.uv.asked, ["close"])

    def test_pause_in_connectionMade(self) -> None:
        """uvloop reads on for a moment; what comes is kept until the protocol resumes, then delivered in order."""
        diary = self.connect(Diary(made=lambda self: self.transport.pauseProducing()))
        self.uv.protocol.data_received(b"one ")
        self.uv.protocol.data_received(b"two")
        self.assertTrue(self.bridge.eof_received())
        self.origin.loop.turn()
        self.assertEqual(diary.events, ["made"])
        self.bridge.resumeProducing()
        self.origin.loop.turn()
        self.assertEqual(diary.events, ["made", ("data", b"one two")])
        self.uv.protocol.data_received(b" three")
        self.assertEqual(diary.received, b"one two three")

    def test_pause_again_before_what_was_kept_is_delivered(self) -> None:
        """Then it is kept on."""
        diary = self.connect(Diary(made=lambda self: self.transport.pauseProducing()))
        self.uv.protocol.data_received(b"one")
        self.bridge.resumeProducing()
        self.bridge.pauseProducing()
        self.origin.loop.turn()
        self.assertEqual(diary.events, ["made"])
        self.bridge.resumeProducing()
        self.origin.loop.turn()
        self.assertEqual(diary.received, b"one")

    def test_nothing_was_kept(self) -> None:
        """Resuming then delivers nothing, and data comes directly again."""
        diary = self.connect(Diary(made=lambda self: self.transport.pauseProducing()))
        self.bridge.resumeProducing()
        self.origin.loop.turn()
        self.assertEqual(diary.events, ["made"])
        self.assertEqual(self.bridge.data_received, diary.dataReceived)

    def test_producer_that_is_to_stop(self) -> None:
        """Who consumes what we receive and wants no more ends the connection."""
        self.connect(Diary())
        self.bridge.stopProducing()
        self.assertEqual(self.uv.asked, ["close"])

    def test_error_about_what_was_kept(self) -> None:
        """``dataReceived`` that raises on it loses the connection as ever."""
        diary = Diary(made=lambda self: self.transport.pauseProducing(), data=lambda *_: 1 / 0)
        self.connect(diary)
        self.uv.protocol.data_received(b"x")
        self.bridge.resumeProducing()
        self.origin.loop.turn()
        self.assertEqual(self.uv.asked[-1], "abort")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_pause_and_resume_in_connectionMade(self) -> None:
        """Nothing is kept then."""

        def waver(diary: Any) -> None:
            diary.transport.pauseProducing()
            diary.transport.resumeProducing()

        diary = self.connect(Diary(made=waver))
        self.assertEqual(self.bridge.data_received, diary.dataReceived)


class SundryTests(BridgeCase):
    """The rest of the interface."""

    def test_sequences_are_one_write(self) -> None:
        """``writeSequence`` writes once, and takes bytes alone."""
        self.connect(Diary())
        self.bridge.writeSequence(iter([b"a", b"b"]))
        self.assertEqual(self.uv.asked, [("write", b"ab")])
        with self.assertRaisesRegex(TypeError, "Data must be bytes"):
            self.bridge.writeSequence(["a"])  # type: ignore[list-item]

    def test_small(self) -> None:
        """A bridge has no dict: thousands of them wait for a request at any time."""
        self.connect(Diary())
        self.assertFalse(hasattr(self.bridge, "__dict__"))

    def test_log_prefix_and_repr(self) -> None:
        """Both name the protocol, and the repr its state."""
        self.connect(Diary())
        self.assertEqual(self.bridge.logPrefix(), "Diary")
        self.assertIs(self.bridge.reactor, self.origin)
        self.assertRegex(repr(self.bridge), "^<TcpBridge of <.*Diary.*>, open>$")
        self.bridge.connection_lost(None)
        self.assertIn("closed", repr(self.bridge))

    def test_ignore(self) -> None:
        """What ``write`` is in the end does nothing with anything."""
        self.assertIsNone(ignore(b"x"))  # type: ignore[func-returns-value]

    def test_options_of_a_closed_connection(self) -> None:
        """Setting one is not an error: the peer may have gone a moment ago."""
        self.connect(Diary())
        self.uv.get_extra_info = lambda name: None  # type: ignore[method-assign, assignment]
        self.bridge.setTcpNoDelay(False)
        self.assertEqual(self.bridge.fileno(), -1)

    def test_unhandled_reason_is_twisteds(self) -> None:
        """A clean end is ``ConnectionDone``, the very failure that Twisted's protocols check for."""
        diary = self.connect(Diary())
        self.bridge.connection_lost(None)
        self.assertTrue(diary.reason.check(error.ConnectionDone))
