"""A response head as a server sent it: from bytes to :class:`ResponseHead`.

What must not be passed on is told apart here; what is sent to the client is put together by ``proxy``.  An answer
that RFC 9112 would let two readers frame differently is :class:`~dyups.errors.BadResponse` (502).
"""

from __future__ import annotations

import re
from typing import Final

from dyups.errors import BadResponse
from dyups.http1 import fields as f
from dyups.http1.fields import (
    LONGEST_HEAD_KEPT,
    MOST_HEADS_KEPT,
    BadField,
    BareLineFeed,
    Field,
    FieldReader,
    keep,
    length,
    tokens,
)
from dyups.http1.request import split_bare

_LINE: Final = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: ([^\x00-\x08\x0a-\x1f\x7f]*))?").fullmatch

READER: Final = FieldReader(f.RESPONSE_KINDS, strict_names=False)


class StatusLine:
    """A status line: ``sent_on`` is what the client gets."""

    __slots__ = ("minor", "sent_on", "status")

    def __init__(self, minor: int, status: int, sent_on: bytes) -> None:
        self.minor = minor
        self.status = status
        self.sent_on = sent_on


_LINES: dict[bytes, StatusLine] = {}
_MOST_LINES = 256
_LONGEST_LINE_KEPT = 256


# Servers give the same answers again and again; a second has one Date.  Heads with a secret are not kept.
_HEADS: dict[bytes, ResponseHead] = {}


class ResponseHead:
    """A response's head; ``content_length`` is -1 where there is none.

    Nobody changes a head once it is read: the same one may serve the next answer with the same bytes.
    """

    __slots__ = (
        "chunked",
        "content_length",
        "fields",
        "keep_alive",
        "length",
        "length_line",
        "marked",
        "minor",
        "sent_on",
        "status",
        "status_line",
        "upgrade",
    )

    def __init__(self, first: StatusLine) -> None:
        self.status = first.status
        self.status_line = first.sent_on
        self.minor = first.minor
        self.sent_on = b""
        """The lines to pass on, each with its line end; what frames the body is not among them."""
        self.fields: list[Field] = []
        """The fields that are not passed on as they are, and all that a later look-up may want."""
        self.content_length = -1
        self.chunked = False
        self.keep_alive = first.minor == 1
        self.upgrade = b""
        self.marked = False
        """There is a field that tells the proxy something, or that a location may want to change."""
        self.length = 0
        """Bytes of the head with its empty line."""
        self.length_line = b""
        """The line that tells ``content_length``, with its line end; empty where there is none."""

    def value(self, name: bytes) -> bytes:
        """The value of the field called ``name`` (lower case), repeats joined by ``, ``; empty if absent."""
        return b", ".join([field.value for field in self.fields if field.name == name])


def read_response(raw: bytes) -> ResponseHead:
    """The head in ``raw``, which ends before its CRLF CRLF; ``length`` tells where the head really ended.

    A head that ends otherwise (``request.BARE_END``) is given with its end.  Raises :class:`BadResponse`.
    """
    known = _HEADS.get(raw)
    if known is not None:
        return known
    try:
        head = _read(raw.split(b"\r\n"))
        head.length = len(raw) + 4
    except BareLineFeed:
        lines, end = split_bare(raw)
        head = _read(lines)
        head.length = end
    names = [field.name for field in head.fields]
    head.marked = not f.MARKED.isdisjoint(names)
    if len(raw) <= LONGEST_HEAD_KEPT and f.SECRET.isdisjoint(names):
        keep(_HEADS, raw, head, MOST_HEADS_KEPT)
    return head


def _read(lines: list[bytes]) -> ResponseHead:
    first = _LINES.get(lines[0])
    head = ResponseHead(_read_line(lines[0]) if first is None else first)
    known = READER.known.get
    note = head.fields.append
    sent_on: list[bytes] = []
    send = sent_on.append
    special = False
    for line in lines[1:]:
        field = known(line)
        if field is None:
            try:
                field = READER.read(line)
            except BadField as error:
                raise BadResponse(f"upstream sent invalid header: {error}") from None
        note(field)
        kind = field.kind
        if not kind:
            send(field.line)
        elif kind != f.OWN and kind != f.HOP:
            special = True
    head.sent_on = _joined(sent_on)
    if special:
        _settle(head)
    return head


def _joined(lines: list[bytes]) -> bytes:
    return b"\r\n".join([*lines, b""]) if lines else b""


def _read_line(line: bytes) -> StatusLine:
    match = _LINE(line)
    if match is None:
        if b"\n" in line:
            raise BareLineFeed
        raise BadResponse("upstream sent no valid HTTP/1.0 header")
    first = StatusLine(min(int(match[1]), 1), int(match[2]), b"HTTP/1.1 %b %b" % (match[2], match[3] or b""))
    if len(line) <= _LONGEST_LINE_KEPT:
        keep(_LINES, line, first, _MOST_LINES)
    return first


def _settle(head: ResponseHead) -> None:
    connection: list[bytes] = []
    codings: list[bytes] = []
    for field in head.fields:
        kind = field.kind
        if not kind:
            continue
        if kind == f.CONTENT_LENGTH:
            _settle_length(head, field)
        elif kind == f.CONNECTION:
            connection += tokens(field.value)
        elif kind == f.TRANSFER_ENCODING:
            codings.append(field.value)
        elif kind == f.UPGRADE:
            head.upgrade = field.value
    if codings:
        _settle_coding(head, codings)
    if connection:
        _settle_connection(head, connection)
    if head.chunked and not head.minor:
        head.keep_alive = False  # RFC 9112 section 6.1: such a sender's framing is not to be trusted further


def _settle_length(head: ResponseHead, field: Field) -> None:
    if head.content_length >= 0:
        raise BadResponse("upstream sent duplicate content-length")
    head.content_length = length(field.value)
    if head.content_length < 0:
        raise BadResponse("upstream sent invalid content-length")
    head.length_line = b"Content-Length: %d\r\n" % head.content_length


def _settle_coding(head: ResponseHead, codings: list[bytes]) -> None:
    if len(codings) > 1 or codings[0].lower() != b"chunked":
        raise BadResponse("upstream sent unknown transfer-encoding")
    if head.content_length >= 0:
        raise BadResponse("upstream sent content-length with transfer-encoding")
    head.chunked = True


def _settle_connection(head: ResponseHead, connection: list[bytes]) -> None:
    if b"close" in connection:
        head.keep_alive = False
    elif b"keep-alive" in connection:
        head.keep_alive = True
    named = {token for token in connection if token not in (b"close", b"keep-alive", b"upgrade")}
    if named:
        # RFC 9110 section 7.6.1: what Connection names goes no further.
        head.sent_on = _joined([x.line for x in head.fields if x.kind == f.PASS and x.name not in named])
