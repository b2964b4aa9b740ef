"""A request head: from bytes to :class:`RequestHead`, with every refusal of RFC 9112 in one place.

Framing that two readers could understand differently is never passed on: two ``Content-Length``, both
``Content-Length`` and ``Transfer-Encoding``, folded lines, white space before the colon, bare CR, a coding that only
looks like ``chunked`` — all of them end here, as :class:`~dyups.errors.RequestRefused` with the status it deserves.
"""

from __future__ import annotations

import re
from typing import Final

from dyups.errors import RequestRefused
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
from dyups.http1.target import BadTarget, normalise, split_absolute

# RFC 9112 section 3; nginx takes any method of capital letters, '_' and '-', and more spaces than one.
_LINE: Final = re.compile(rb"([A-Z_-]+) +([!-~\x80-\xff]+) +HTTP/([1-9][0-9]*)\.([0-9]{1,3}) *").fullmatch
_HOST: Final = re.compile(
    rb"(?!\.(?::|\Z)|.*\.\.)"
    rb"(\[[0-9A-Za-z:!$&'()*+,;=._~-]+\]|[A-Za-z0-9!$&'()*+,;=._~%\x80-\xff-]+?)\.?(?::[0-9]*)?"
).fullmatch
#: The end of a head whose lines may end with a bare LF.
BARE_END: Final = re.compile(rb"\n\r?\n").search

READER: Final = FieldReader(f.REQUEST_KINDS, strict_names=True)

#: Fields that tell of a request's body.
_OF_BODY = frozenset(
    {b"content-length", b"transfer-encoding", b"expect", b"content-type", b"content-encoding"}
)

# What Connection may hold in nearly every request, with its meaning: (close, keep-alive).
_CLOSE, _KEEP_ALIVE = b"close", b"keep-alive"


class RequestHead:
    """A request's head.  ``content_length`` is -1 where there is none; ``target`` starts with ``/``.

    Nobody changes a head once it is read: the same one may serve the next request with the same bytes.
    """

    __slots__ = (
        "args",
        "block",
        "chunked",
        "content_length",
        "expects_continue",
        "fields",
        "host",
        "keep_alive",
        "length",
        "line",
        "method",
        "minor",
        "raw_host",
        "sent_on",
        "target",
        "upgrade",
        "uri",
    )

    def __init__(self) -> None:
        self.line = b""
        self.method = b""
        self.target = b""
        self.minor = 1
        self.fields: list[Field] = []
        """All fields that count, in order; those of odd names only if the settings keep them, then of kind PASS."""
        self.host = b""
        """Lower case, without port and final dot (``$host``)."""
        self.raw_host = b""
        """``Host`` as received (``$http_host``), even where an absolute-form target overrides it."""
        self.content_length = -1
        self.chunked = False
        self.keep_alive = True
        self.expects_continue = False
        self.upgrade = b""
        """The protocol asked for, where ``Connection`` has ``upgrade``."""
        self.length = 0
        """Bytes of the head with its empty line."""
        self.uri = b""
        """The normalised, decoded path, with slashes merged (``$uri``)."""
        self.args = b""
        """What follows ``?``, as received (``$args``)."""
        self.block = b""
        """The bytes behind the request line, where the next head of the connection may have the same."""
        self.sent_on = b""
        """The lines of all fields of kind PASS, each with its line end."""

    def value(self, name: bytes) -> bytes:
        """The value of the field called ``name`` (lower case), repeats joined by ``, ``; empty if absent."""
        found = [field.value for field in self.fields if field.name == name]
        return found[0] if len(found) == 1 else b", ".join(found)

    def has_body(self) -> bool:
        """Does a body follow."""
        return self.content_length > 0 or self.chunked

    def without_body(self, method: bytes = b"") -> RequestHead:
        """The same head as a GET (or HEAD, if it is one), or with another ``method``, that has no body."""
        head = RequestHead()
        head.line = self.line
        head.method = method or (b"HEAD" if self.method == b"HEAD" else b"GET")
        head.target = self.target
        head.minor = self.minor
        head.fields = [field for field in self.fields if field.name not in _OF_BODY]
        head.host = self.host
        head.raw_host = self.raw_host
        head.keep_alive = self.keep_alive
        head.upgrade = self.upgrade
        head.length = self.length
        head.uri = self.uri
        head.args = self.args
        head.sent_on = b"".join([field.line + b"\r\n" for field in head.fields if not field.kind])
        return head


class Acceptance:
    """What nginx lets a server choose: ``underscores_in_headers``, ``ignore_invalid_headers`` and ``max_headers``."""

    __slots__ = ("drop_invalid", "drop_underscored", "heads", "most_fields")

    def __init__(
        self,
        *,
        ignore_invalid_headers: bool = True,
        underscores_in_headers: bool = False,
        max_headers: int = 1000,
    ) -> None:
        self.most_fields = max_headers
        self.drop_invalid = ignore_invalid_headers
        self.drop_underscored = ignore_invalid_headers and not underscores_in_headers
        self.heads: dict[bytes, RequestHead] = {}
        """Heads that were read, by their bytes: services ask each other the same again and again.  Bounded; a head
        with a line that is not remembered (a secret, an odd one) is not remembered either."""


DEFAULT_ACCEPTANCE = Acceptance()


def read_request(
    raw: bytes, acceptance: Acceptance = DEFAULT_ACCEPTANCE, before: RequestHead | None = None
) -> RequestHead:
    """The head in ``raw``, which ends before its CRLF CRLF; ``length`` tells where the head really ended.

    A head that ends otherwise (:data:`BARE_END`) is given with its end.  Empty lines before it are the caller's to
    skip.  ``before`` is the last head of the same connection: a client mostly says the same again, but for the
    request line.  Raises :class:`RequestRefused`.
    """
    head = acceptance.heads.get(raw)
    if head is not None:
        return head
    try:
        if before is not None and before.block and raw.endswith(before.block):
            head = _read_again(raw, before)
            if head is not None:
                return head
        lines = raw.split(b"\r\n")
        head = _read(lines, acceptance)
        head.length = len(raw) + 4
        if b" /" in lines[0] and len(raw) <= LONGEST_HEAD_KEPT:
            head.block = raw[len(lines[0]) :]
    except BareLineFeed:
        lines, end = split_bare(raw)
        head = _read(lines, acceptance)
        head.length = end
    if len(raw) <= LONGEST_HEAD_KEPT and all(map(READER.known.__contains__, lines[1:])):
        keep(acceptance.heads, raw, head, MOST_HEADS_KEPT)
    return head


def _read_again(raw: bytes, before: RequestHead) -> RequestHead | None:
    """The head of a new request line and the fields of ``before``; None where there is more to it."""
    cut = len(raw) - len(before.block)
    if raw.find(b"\r\n") != cut:
        return None
    head = RequestHead()
    _read_line(raw[:cut], head)
    if head.minor != before.minor or head.target[0] != 47:  # '/'
        return None
    _settle_target(head)
    head.fields = before.fields
    head.host = before.host
    head.raw_host = before.raw_host
    head.content_length = before.content_length
    head.chunked = before.chunked
    head.keep_alive = before.keep_alive
    head.expects_continue = before.expects_continue
    head.upgrade = before.upgrade
    head.sent_on = before.sent_on
    head.block = before.block
    head.length = len(raw) + 4
    return head


def split_bare(raw: bytes) -> tuple[list[bytes], int]:
    """The lines of a head that has a bare LF for a line end, and its length with its empty line.

    nginx takes such a line end; then the head may have ended before the first CRLF CRLF.
    """
    whole = raw + b"\r\n\r\n"
    found = BARE_END(whole)
    assert found is not None
    lines = whole[: found.start()].split(b"\n")
    return [line[:-1] if line.endswith(b"\r") else line for line in lines], found.end()


def _read(lines: list[bytes], acceptance: Acceptance) -> RequestHead:
    head = RequestHead()
    _read_line(lines[0], head)
    known = READER.known.get
    kept = head.fields
    special = False
    for line in lines[1:]:
        field = known(line)
        if field is None:
            try:
                field = READER.read(line)
            except BadField as error:
                raise RequestRefused(400, f"client sent invalid header line: {error}") from None
        kind = field.kind
        if kind:
            if kind >= f.UNDERSCORED:
                if kind == f.ONCE:
                    _refuse_second(field, kept)
                elif acceptance.drop_invalid if kind == f.INVALID else acceptance.drop_underscored:
                    continue
                field = Field(f.PASS, field.name, field.value, field.line)
            elif kind == f.HOST and not head.raw_host and field.value:
                head.raw_host = field.value
            else:
                special = True
        kept.append(field)
    if len(kept) > acceptance.most_fields:
        raise RequestRefused(494, "client sent too many header lines")
    _settle_host(head)
    if special:
        _settle(head)
    elif head.minor == 0:
        head.keep_alive = False
    _settle_target(head)
    head.sent_on = b"".join([field.line + b"\r\n" for field in head.fields if not field.kind])
    return head


def _refuse_second(field: Field, before: list[Field]) -> None:
    """``ngx_http_process_unique_header_line``."""
    for other in before:
        if other.name == field.name:
            raise RequestRefused(400, "client sent duplicate header line")


def _read_line(line: bytes, head: RequestHead) -> None:
    match = _LINE(line)
    if match is None:
        if b"\n" in line:
            raise BareLineFeed
        raise RequestRefused(400, "client sent invalid request line")
    head.line = line
    head.method, head.target, major, minor = match.groups()
    if major != b"1":
        raise RequestRefused(505, "client sent invalid version")
    head.minor = 1 if minor == b"1" or int(minor) else 0


def _settle_host(head: RequestHead) -> None:
    """``Host`` and an absolute-form target to ``host``; RFC 9112 sections 3.2 and 3.2.2."""
    value = head.raw_host
    if value:
        host = _HOSTS.get(value)
        head.host = _read_host(value) if host is None else host
    elif head.minor or any(field.kind == f.HOST for field in head.fields):
        raise RequestRefused(400, "client sent no host")
    if head.target[0] != 47:  # '/'
        _settle_absolute(head)


def _settle_target(head: RequestHead) -> None:
    try:
        head.uri, head.args = normalise(head.target)
    except BadTarget as bad:
        raise RequestRefused(400, f"client sent invalid URI: {bad}") from None


def _settle_absolute(head: RequestHead) -> None:
    if head.method == b"CONNECT":
        raise RequestRefused(405, "client sent CONNECT method")
    try:
        authority, head.target = split_absolute(head.target)
    except BadTarget as error:
        raise RequestRefused(400, f"client sent {error}") from None
    head.host = _read_host(authority)


_HOSTS: dict[bytes, bytes] = {}
_MOST_HOSTS = 4096
_LONGEST_HOST_KEPT = 256


def _read_host(value: bytes) -> bytes:
    match = _HOST(value)
    if match is None:
        raise RequestRefused(400, "client sent invalid host header")
    host = match[1].lower()
    if len(value) <= _LONGEST_HOST_KEPT:
        keep(_HOSTS, value, host, _MOST_HOSTS)
    return host


def _settle(head: RequestHead) -> None:
    """The fields that change how the message is read; called only where there is one of them."""
    hosts = expectations = 0
    codings: list[bytes] = []
    connection: list[bytes] = []
    upgrade = b""
    for field in head.fields:
        kind = field.kind
        if not kind:
            continue
        if kind == f.CONNECTION:
            connection += tokens(field.value)
        elif kind == f.CONTENT_LENGTH:
            _settle_length(head, field.value)
        elif kind == f.TRANSFER_ENCODING:
            codings.append(field.value)
        elif kind == f.UPGRADE:
            upgrade = field.value
        elif kind == f.EXPECT:
            expectations += 1
            if expectations > 1:
                raise RequestRefused(400, "client sent duplicate header line")
            head.expects_continue = head.minor == 1 and field.value.lower() == b"100-continue"
        elif kind == f.HOST:
            hosts += 1
            if hosts > 1:
                raise RequestRefused(400, "client sent duplicate host header")
    if codings:
        _settle_coding(head, codings)
    _settle_connection(head, connection)
    if upgrade and b"upgrade" in connection and head.minor:
        head.upgrade = upgrade


def _settle_length(head: RequestHead, value: bytes) -> None:
    """RFC 9112 section 6.3: a length that is not plain digits, or a second one, is refused."""
    if head.content_length >= 0:
        raise RequestRefused(400, "client sent duplicate content-length")
    head.content_length = length(value)
    if head.content_length < 0:
        raise RequestRefused(400, "client sent invalid content-length")


def _settle_coding(head: RequestHead, codings: list[bytes]) -> None:
    """RFC 9112 sections 6.1 and 6.3; nginx knows ``chunked`` alone and answers 501 to other codings.

    What some reader could take for ``chunked``, or a body without an end, is 400 rather than 501.
    """
    if head.minor == 0:
        raise RequestRefused(400, "client sent HTTP/1.0 request with transfer-encoding")
    if len(codings) > 1:
        raise RequestRefused(400, "client sent duplicate transfer-encoding")
    if head.content_length >= 0:
        raise RequestRefused(400, "client sent content-length with transfer-encoding")
    if codings[0].lower() == b"chunked":
        head.chunked = True
        return
    named = tokens(codings[0])
    if len(named) > 1 and named[-1] == b"chunked":
        named.pop()
    if not named or any(b"chunked" in token for token in named):
        raise RequestRefused(400, "client sent invalid transfer-encoding")
    raise RequestRefused(501, "client sent unknown transfer-encoding")


def _settle_connection(head: RequestHead, connection: list[bytes]) -> None:
    # RFC 9112 section 9.3: close counts before keep-alive, whatever the version.
    head.keep_alive = (head.minor == 1 or _KEEP_ALIVE in connection) and _CLOSE not in connection
    named = {token for token in connection if token not in (_CLOSE, _KEEP_ALIVE, b"upgrade")}
    if named:
        # RFC 9110 section 7.6.1: what Connection names goes no further.  Framing and Host cannot be named away.
        head.fields = [
            Field(f.HOP, field.name, field.value, field.line)
            if field.kind == f.PASS and field.name in named
            else field
            for field in head.fields
        ]
