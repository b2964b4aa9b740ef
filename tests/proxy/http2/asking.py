"""An HTTP/2 client in memory: the ``h2`` library on its other side, on a wire of a :class:`World`.

``send`` gives what the client has to say to the proxy and takes what that answers; :class:`Answer` is what became of
one request.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from tests.proxy.conversation import Wire, World

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
Fields = list[tuple[bytes, bytes]]


@dataclass
class Answer:
    """What a client got for one request."""

    heads: list[Fields] = field(default_factory=list)
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    ended: bool = False
    reset: int | None = None
    """The code of RST_STREAM."""

    @property
    def status(self) -> int:
        """Of the last head; 0 without one."""
        return int(dict(self.heads[-1])[b":status"]) if self.heads else 0

    def value(self, name: bytes) -> bytes | None:
        """The field ``name`` of the last head."""
        return dict(self.heads[-1]).get(name)


class Asker:
    """One client; ``settings`` are those it tells, ``eager`` gives windows back as bodies come."""

    def __init__(
        self,
        world: World,
        *,
        wire: Any = None,
        settings: dict[int, int] | None = None,
        eager: bool = True,
        high: int = 1 << 20,
        listener: int = 0,
    ) -> None:
        self.wire: Wire = wire or world.client(listener, high)
        config = H2Configuration(
            client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.h2 = H2Connection(config)
        if settings:
            self.h2.local_settings.update(settings)  # type: ignore[arg-type]
            self.h2.local_settings.acknowledge()
        self.eager = eager
        self.answers: dict[int, Answer] = {}
        self.events: list[Event] = []
        self.h2.initiate_connection()
        self.send()

    @property
    def goodbye(self) -> ConnectionTerminated | None:
        """The GOAWAY that came, if one has."""
        found = [event for event in self.events if isinstance(event, ConnectionTerminated)]
        return found[-1] if found else None

    def send(self, more: bytes = b"") -> None:
        """Say what there is to say, then ``more``, and hear the answers, until both sides are silent."""
        for _ in range(10_000):
            data, more = self.h2.data_to_send() + more, b""
            if data:
                self.wire.say(data)
            came = self.wire.read()
            if came:
                self.hear(came)
            if not (data or came):
                return
        raise AssertionError("the two sides talk for ever")

    def hear(self, data: bytes) -> None:
        """Take in what the proxy said."""
        for event in self.h2.receive_data(data):
            self.events.append(event)
            self._note(event)

    def _note(self, event: Any) -> None:
        answer = self.answers.setdefault(getattr(event, "stream_id", None) or 0, Answer())
        if isinstance(event, ResponseReceived | InformationalResponseReceived):
            answer.heads.append([(bytes(name), bytes(value)) for name, value in event.headers])
        elif isinstance(event, DataReceived):
            answer.body += event.data or b""
            if self.eager and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, TrailersReceived):
            answer.trailers = [(bytes(name), bytes(value)) for name, value in event.headers]
        elif isinstance(event, StreamEnded):
            answer.ended = True
        elif isinstance(event, StreamReset):
            answer.reset = int(event.error_code)

    def begin(
        self,
        path: bytes = b"/",
        *more: tuple[bytes, bytes],
        method: bytes = b"GET",
        host: bytes = b"one",
        ended: bool = True,
        send: bool = True,
    ) -> int:
        """Begin a request; its stream's number."""
        fields = [
            (b":method", method),
            (b":scheme", b"http"),
            (b":authority", host),
            (b":path", path),
            *more,
        ]
        return self.begin_with(fields, ended=ended, send=send)

    def begin_with(
        self, fields: Iterable[tuple[bytes, bytes]], *, ended: bool = True, send: bool = True
    ) -> int:
        """As :meth:`begin`, with all fields given."""
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, list(fields), end_stream=ended)
        if send:
            self.send()
        return number

    def body(self, number: int, data: bytes, *, ended: bool = False) -> None:
        """Send a piece of a body."""
        self.h2.send_data(number, data, end_stream=ended)
        self.send()

    def ask(self, path: bytes = b"/", *more: tuple[bytes, bytes], **options: Any) -> Answer:
        """One request, and what became of it."""
        return self.answer(self.begin(path, *more, **options))

    def answer(self, number: int) -> Answer:
        """What became of a request so far."""
        return self.answers.get(number) or Answer()
