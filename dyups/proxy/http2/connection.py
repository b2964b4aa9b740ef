"""One client's HTTP/2 connection: its streams, its pace and its end.

It takes a new connection over from the ``ClientConnection`` that was made for it, which stays its face: number, address
and place in the counters are that one's.  States need no names here: a connection has streams or waits for one, and
it is leaving (GOAWAY was said) or not.

``wire`` speaks the protocol, ``stream`` serves a request, ``guard`` says when it is enough; ``opening`` makes these.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, Final

from twisted.internet.interfaces import IProtocol, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from dyups.proxy.deadlines import NEVER
from dyups.proxy.downstream import ClientConnection
from dyups.proxy.http2.carrier import Carrier
from dyups.proxy.http2.guard import Guard
from dyups.proxy.http2.stream import Http2Stream
from dyups.proxy.http2.terms import Http2Terms
from dyups.proxy.http2.wire import (
    Broken,
    ConnectionTerminated,
    DataReceived,
    ErrorCodes,
    Event,
    Http2Wire,
    RemoteSettingsChanged,
    RequestReceived,
    SettingsAcknowledged,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from dyups.proxy.pace import BUSY, HEAD
from dyups.proxy.plane import complain

#: Bytes that are read at a time, before it is asked whether it is enough: a thousand requests fit into 16 KiB.
SLICE: Final = 16384
#: Bytes of bodies that are gathered for one write.
_GATHERED: Final = 65536
_FIRST_WINDOW: Final = 65535


@implementer(IProtocol, IPushProducer)
class Http2Connection(Carrier):
    """See the module; ``face`` has its transport already."""

    __slots__ = (
        "_acknowledged",
        "_begun",
        "_gathered",
        "_highest",
        "_leaving",
        "_opened",
        "_over",
        "_reading",
        "_streams",
        "deadline",
        "face",
        "guard",
        "plane",
        "requests",
        "terms",
        "transport",
        "wire",
        "write_blocked",
    )

    def __init__(self, face: ClientConnection, terms: Http2Terms) -> None:
        self.face = face
        self.plane = face.plane
        self.terms = terms
        transport: Any = face.transport
        self.transport = transport
        self.wire = Http2Wire(terms.settings, terms.head_limit)
        self.guard = Guard(terms.settings.http2_max_concurrent_streams, self.plane.deadlines.now)
        self.requests = 0
        """How many there have been."""
        self.write_blocked = False
        self._streams: dict[int, Http2Stream] = {}
        self._begun = 0
        """Requests that came with the last piece that was read."""
        self._gathered = 0
        self._highest = 0
        """The last stream that was served."""
        self._acknowledged = False
        """The client knows our settings."""
        self._reading = False
        self._leaving = False
        self._over = False
        self._opened = False
        """There may be room for all streams: once for however many frames said so."""
        deadlines = self.plane.deadlines
        self.deadline = deadlines.now + terms.routes.header_timeout
        deadlines.forget(face)
        face.deadline = NEVER
        deadlines.watch(self)
        transport.unregisterProducer()
        transport.registerProducer(self, True)
        self.flush()

    def __repr__(self) -> str:
        return f"<Http2Connection of {len(self._streams)} streams, requests={self.requests}>"

    # -- what the transport reports ------------------------------------------------------------------------------

    def makeConnection(self, transport: Any) -> None:
        """The transport was taken over with the face."""

    def connectionMade(self) -> None:
        """The transport was taken over with the face."""

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        self._reading = True
        for start in range(0, len(data), SLICE):
            if self._over:
                break
            self._receive(data if len(data) <= SLICE else data[start : start + SLICE])
        self._reading = False
        self.flush()
        self._settle()

    def connectionLost(self, reason: Failure) -> None:
        """The client is gone."""
        self._over = True
        self._end_streams(reason)
        self.plane.deadlines.forget(self)
        self.deadline = NEVER
        self.face.connectionLost(reason)

    def pauseProducing(self) -> None:
        """The client takes no more for now: then we take nothing from it either, or it could ask for ever."""
        self.write_blocked = True
        self.transport.pauseProducing()
        self._settle()

    def resumeProducing(self) -> None:
        """The client takes more."""
        self.write_blocked = False
        if self._over:
            return
        self.transport.resumeProducing()
        self._send_all()
        self.flush()
        self._settle()

    def stopProducing(self) -> None:
        """The transport is gone; ``connectionLost`` tells."""

    # -- what the client says ------------------------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        guard = self.guard
        guard.came(len(data))
        try:
            events = self.wire.receive(data)
        except Broken as error:
            self._give_up(f"client broke the HTTP/2 protocol: {error}")
            return
        self._begun = 0
        undone = {event.stream_id for event in events if type(event) is StreamReset}
        for number in undone:  # first: nothing can be sent on them any more, whatever else came before
            self._take_back(number)
        for event in events:
            react = _REACTIONS.get(type(event))
            if react is not None:
                react(self, event, undone)
                if self._over:
                    return
        if self._opened:
            self._opened = False
            self._send_all()
        if guard.floods():
            self._turn_out("http2 flood detected")

    def _request_came(self, event: RequestReceived, undone: set[int]) -> None:
        number = event.stream_id
        fields, ended = event.headers, event.stream_ended is not None
        self.guard.carried(sum(len(name) + len(value) for name, value in fields))
        self._begun += 1
        if number in undone:
            return  # taken back already
        refusal = "" if self._leaving else self._refusal(ended)
        if not (refusal or self._leaving):
            self._begin(number, fields, ended)
            return
        self.wire.reset(number, ErrorCodes.REFUSED_STREAM)
        if refusal:
            complain("info", self.context(refusal))
            if not self.guard.refused():
                self._turn_out("client sent too many streams")

    def _refusal(self, ended: bool) -> str:
        """Why there cannot be another stream now, if that is so (``ngx_http_v2_state_headers``)."""
        settings = self.terms.settings
        most = settings.http2_max_concurrent_streams
        if len(self._streams) >= most:
            return f"concurrent streams exceeded {len(self._streams)}"
        if self._begun > 2 * most:
            return "client sent too many streams at once"
        if not (ended or self._acknowledged) and settings.http2_body_preread_size < _FIRST_WINDOW:
            return "client sent stream with data before settings were acknowledged"
        return ""

    def _begin(self, number: int, fields: Any, ended: bool) -> None:
        self.requests += 1
        self._highest = number
        root = self.terms.root
        if (
            not root.keepalive_timeout
            or self.plane.draining
            or self.requests >= root.keepalive_limit
            or monotonic() - self.face.connected_at() >= root.keepalive_time
        ):
            self._say_goodbye()
        self.deadline = NEVER
        stream = self._streams[number] = Http2Stream(self, number)
        stream.begin(fields, ended)

    def _body_came(self, event: DataReceived, undone: set[int]) -> None:
        stream = self._streams.get(event.stream_id)
        data, size = event.data or b"", event.flow_controlled_length or 0
        self.guard.carried(len(data))
        if stream is None:
            self.wire.credit(event.stream_id, size)
        elif event.stream_id not in undone:
            stream.take(data, size, event.stream_ended is not None)

    def _trailers_came(self, event: TrailersReceived, undone: set[int]) -> None:
        """They end the body, and are dropped as those of chunked bodies are."""
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            stream.take(b"", 0, True)

    def _take_back(self, number: int) -> None:
        stream = self._streams.get(number)
        if stream is not None:
            stream.over()

    def _reset_came(self, event: StreamReset, undone: set[int]) -> None:
        if not self.guard.reset(self.plane.deadlines.now):
            self._turn_out("client took too many requests back")

    def _window_opened(self, event: WindowUpdated, undone: set[int]) -> None:
        stream = self._streams.get(event.stream_id or 0)
        if not event.stream_id:
            self._opened = True
        elif stream is not None:
            stream.send_all()
            stream.keep_pace()

    def _settings_came(self, event: RemoteSettingsChanged, undone: set[int]) -> None:
        """The windows of all streams may have opened."""
        self._opened = True

    def _settings_known(self, event: SettingsAcknowledged, undone: set[int]) -> None:
        self._acknowledged = True

    def _goodbye_came(self, event: ConnectionTerminated, undone: set[int]) -> None:
        """The client begins nothing more."""
        self._leaving = True

    # -- what is said to it --------------------------------------------------------------------------------------

    def _send_all(self) -> None:
        """Send what waits, by turns."""
        streams = [stream for stream in self._streams.values() if stream.waits()]
        while streams:
            streams = [stream for stream in streams if stream.send_piece()]
            for stream in streams:
                stream.keep_pace()
        for stream in [*self._streams.values()]:
            stream.keep_pace()

    def sent(self, size: int) -> None:
        """So much of a body is ready to be sent: not too much is gathered before it is."""
        self.guard.carried(size)
        self._gathered += size
        if self._gathered >= _GATHERED:
            self.flush()

    def flush_soon(self) -> None:
        """Send what is ready; what the client's own bytes lead to goes out together."""
        if not self._reading:
            self.flush()

    def flush(self) -> None:
        """Send what is ready."""
        self._gathered = 0
        data = self.wire.take()
        if data and not self._over:
            self.transport.write(data)

    # -- the end -------------------------------------------------------------------------------------------------

    def forget(self, stream: Http2Stream) -> None:
        """``stream`` is over."""
        self._streams.pop(stream.number, None)
        if not self._reading:
            self.flush()
            self._settle()

    def _settle(self) -> None:
        """What follows where no request is under way: the end, or waiting for another one."""
        if self._over or self._streams or self._reading:
            return
        now, root = self.plane.deadlines.now, self.terms.root
        if self._leaving:
            self._close()
        elif self.write_blocked:
            self.deadline = now + root.send_timeout
        elif self.requests:
            self.deadline = now + root.keepalive_timeout

    def _say_goodbye(self, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """No more requests are served: the client may ask elsewhere."""
        if not self._leaving:
            self._leaving = True
            self.wire.say_goodbye(self._highest, code)

    def _turn_out(self, reason: str) -> None:
        self._leaving = False  # whatever was said, this is another reason
        self._say_goodbye(ErrorCodes.ENHANCE_YOUR_CALM)
        self._give_up(reason)

    def _give_up(self, reason: str) -> None:
        """Nothing more of this client."""
        complain("info", self.context(reason))
        self.flush()
        self._close()

    def _close(self) -> None:
        """Close; what was written goes out first, but not for ever."""
        self._over = True
        self.deadline = self.plane.deadlines.now + self.terms.root.send_timeout
        self._end_streams(Failure(Broken("the connection ends")))
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _end_streams(self, reason: Failure) -> None:
        for stream in [*self._streams.values()]:
            stream.over(reason)

    def waits(self) -> bool:
        """Is it idle: no request is under way?"""
        return not self._streams

    def end_idle(self, until: float) -> None:
        """See :class:`~dyups.proxy.http2.carrier.Carrier`."""
        if self._over:
            return
        self._say_goodbye()
        self.flush()
        if not self._streams:
            self.deadline = min(self.deadline, until)

    def timed_out(self) -> None:
        """The sweep found the deadline passed: nobody asks, or nobody listens."""
        if self._over or self.write_blocked:
            self._over = True
            self.transport.abortConnection()
        else:
            self._say_goodbye()
            self.flush()
            self._close()

    # -- what its TLS asks, as of any client (``secured``) ---------------------------------------------------------

    @property
    def state(self) -> int:
        """Are there answers under way (``BUSY``)."""
        return BUSY if self._streams else HEAD

    def close_after(self) -> None:
        """The connection ends with the answers under way."""
        self._leaving = True

    def context(self, message: str) -> str:
        """``message`` as the error log has it."""
        return self.face.context(f"{message} while processing HTTP/2 connection")


_REACTIONS: dict[type[Event], Any] = {
    RequestReceived: Http2Connection._request_came,
    DataReceived: Http2Connection._body_came,
    TrailersReceived: Http2Connection._trailers_came,
    StreamReset: Http2Connection._reset_came,
    WindowUpdated: Http2Connection._window_opened,
    RemoteSettingsChanged: Http2Connection._settings_came,
    SettingsAcknowledged: Http2Connection._settings_known,
    ConnectionTerminated: Http2Connection._goodbye_came,
}
