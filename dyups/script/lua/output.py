"""What a script answers: status, fields and body, held until the script ends or says ``ngx.flush``.

A body that is complete when the script ends goes out in one write with its length; one that is flushed, or has grown
to :data:`MOST_HELD`, goes out in chunks (RFC 9112 section 7.1).  Fields that are set without an answer go with whatever
answers the request (``Exchange.carried``).
"""

from __future__ import annotations

from typing import Any

from dyups.config.parser import encode
from dyups.http1.fields import clean
from dyups.proxy import answers
from dyups.proxy.client import ClientSide
from dyups.proxy.exchange import Carried, Exchange
from dyups.proxy.filters.answerhead import AnswerHead
from dyups.proxy.filters.coded import begin_coded
from dyups.proxy.filters.coding import Coder

#: Bytes that are held before the head goes out.
MOST_HELD = 65536

#: What only the proxy says.
_OURS = frozenset({b"connection", b"transfer-encoding", b"date", b"server", b"keep-alive", b"trailer"})


class Output:
    """The answer of one request, as its scripts have made it so far."""

    __slots__ = (
        "_began",
        "_chunked",
        "_chunks",
        "_coded",
        "_exchange",
        "_fields",
        "_length",
        "_size",
        "_type",
        "status",
    )

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._fields: list[tuple[bytes, bytes]] = []
        self._type: bytes | None = None
        self._length: bytes | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._began = False
        self._chunked = False
        self._coded: Any = None
        """Takes the body where it becomes another one."""
        self.status = 0
        """``ngx.status``; 0 until it is set."""

    @property
    def client(self) -> ClientSide:
        """Who gets it."""
        return self._exchange.client

    @property
    def began(self) -> bool:
        """The head has been sent (``ngx.headers_sent``)."""
        return self._began

    @property
    def said(self) -> bool:
        """There is some of a body."""
        return self._began or self._size > 0

    # -- fields --------------------------------------------------------------------------------------------------

    def values(self, name: bytes) -> list[bytes]:
        """The values of the field."""
        key = key_of(name)
        if key == b"content-type":
            return [self._content_type()]
        if key == b"content-length":
            return [self._length] if self._length is not None else []
        return [value for field, value in self._fields if field.lower() == key]

    def set_field(self, name: bytes, values: tuple[bytes, ...]) -> None:
        """Give the field these values, none to take it away; what only the proxy says stays the proxy's."""
        key = key_of(name)
        cleaned = [clean(value) for value in values]
        if key == b"content-type":
            self._type = cleaned[0] if cleaned else b""
        elif key == b"content-length":
            self._length = cleaned[0] if cleaned and cleaned[0].isdigit() else None
        elif key not in _OURS:
            shown = clean(name).replace(b"_", b"-").replace(b":", b"")
            self._fields = [(field, value) for field, value in self._fields if field.lower() != key]
            self._fields += [(shown, value) for value in cleaned]

    def fields(self) -> list[tuple[bytes, Any]]:
        """All fields that were set, names in lower case."""
        found: list[tuple[bytes, Any]] = [(name.lower(), value) for name, value in self._fields]
        if self._type:
            found.append((b"content-type", self._type))
        return found

    def carry(self) -> None:
        """Let the fields go with whatever answers the request, beside what goes with it already."""
        lines = self._lines()
        if lines or self._type:
            before = self._exchange.carried
            kind = self._type or (before.content_type if before is not None else b"")
            self._exchange.carried = Carried((before.lines if before is not None else b"") + lines, kind)
            self._fields = []

    def _lines(self) -> bytes:
        return b"".join([b"%b: %b\r\n" % field for field in self._fields])

    def _content_type(self) -> bytes:
        return encode(self._exchange.route.settings.default_type) if self._type is None else self._type

    # -- body ----------------------------------------------------------------------------------------------------

    def put(self, data: bytes) -> bool:
        """More of the body; is it time to flush."""
        if data:
            self._chunks.append(data)
            self._size += len(data)
        return self._size >= MOST_HELD

    def flush(self) -> None:
        """Send what there is."""
        start = b"" if self._began else self._begin()
        data = b"".join(self._chunks)
        self._chunks, self._size = [], 0
        if self._exchange.head.method == b"HEAD":
            data = b""
        if self._coded is not None:
            self._coded.write(data)
            return
        self._exchange.body_sent += len(data)
        framed = b"%x\r\n%b\r\n" % (len(data), data) if data and self._chunked else data
        if start or framed:
            self.client.write(start + framed)

    def finish(self) -> None:
        """The answer is complete."""
        if not self._began:
            answers_with(
                self._exchange, self.status or 200, self._lines(), self._content_type(), self._chunks
            )
            return
        self.flush()
        if self._coded is not None:
            self._coded.answered()
            return
        if self._chunked and self._exchange.head.method != b"HEAD":
            self.client.write(b"0\r\n\r\n")
        self.client.answered()

    def _begin(self) -> bytes:
        """The head of a body that comes in pieces; empty where that has been sent already."""
        self._began = True
        exchange = self._exchange
        exchange.status = exchange.error_status or self.status or 200
        kind = self._content_type()
        lines = b"".join(
            [
                b"Content-Type: %b\r\n" % kind if kind else b"",
                exchange.carried.lines if exchange.carried is not None else b"",
                self._lines(),
                exchange.route.adds.lines(exchange) if exchange.route.adds is not None else b"",
            ]
        )
        if exchange.route.bodies is not None:
            answer = AnswerHead(exchange, lines, -1 if self._length is None else int(self._length))
            coder = exchange.route.bodies.begin(answer)
            lines = answer.lines
            if coder is not None:
                return self._begin_coded(lines, coder)
        framing = b""
        if self._length is not None:
            framing = b"Content-Length: %b\r\n" % self._length
        elif answers.chunks(exchange):
            self._chunked = True
            framing = b"Transfer-Encoding: chunked\r\n"
        else:
            self.client.close_after()
        return answers.head_of(self.client, framing + lines)

    def _begin_coded(self, lines: bytes, coder: Coder) -> bytes:
        if self._exchange.head.method == b"HEAD":
            return answers.head_of(self.client, lines)
        self._coded = begin_coded(self.client, coder, lambda line: answers.head_of(self.client, lines + line))
        return b""


def answers_with(exchange: Exchange, status: int, lines: bytes, kind: bytes, chunks: list[bytes]) -> None:
    """A whole answer."""
    answers.send(exchange.client, status, b"".join(chunks), kind, lines)


def key_of(name: bytes) -> bytes:
    """What a field's name is compared by; scripts may write ``_`` for ``-``."""
    return name.lower().replace(b"_", b"-")
