"""One header line: read once, classified once, remembered.

Header lines repeat from request to request, so the reader keeps a bounded table from the bytes of a line to its
:class:`Field`; a line that was seen before costs one dictionary look-up.  Only lines that passed every check are in the
table, so a hit needs no further check.  Values that are secret (cookies, credentials) are not kept, nor are those of
which there is one per document; a date is the same for a second, and lengths repeat.

Used by ``http1.request`` and ``http1.response``; the data plane reads the fields.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

# Kinds of fields.  PASS is 0 so that the hot loops test truth alone.
PASS: Final = 0
HOST: Final = 1
CONNECTION: Final = 2
CONTENT_LENGTH: Final = 3
TRANSFER_ENCODING: Final = 4
EXPECT: Final = 5
UPGRADE: Final = 6
HOP: Final = 7
"""Means something to the next hop only (RFC 9110 section 7.6.1): never passed on."""
OWN: Final = 8
"""In a response: replaced by ours or meant for us (``Date``, ``Server``, ``X-Pad``, ``X-Accel-*``)."""
UNDERSCORED: Final = 9
"""A request field whose name has an underscore (``underscores_in_headers``)."""
INVALID: Final = 10
"""A request field whose name has odd but harmless characters (``ignore_invalid_headers``)."""
ONCE: Final = 11
"""A request field that may be there once: two would be read differently by two readers."""

REQUEST_KINDS = {
    b"host": HOST,
    b"connection": CONNECTION,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"expect": EXPECT,
    b"upgrade": UPGRADE,
    b"keep-alive": HOP,
    b"proxy-connection": HOP,
    b"te": HOP,
    b"trailer": HOP,
    b"http2-settings": HOP,
    b"authorization": ONCE,
    b"content-range": ONCE,
    b"if-match": ONCE,
    b"if-modified-since": ONCE,
    b"if-none-match": ONCE,
    b"if-range": ONCE,
    b"if-unmodified-since": ONCE,
}
RESPONSE_KINDS = {
    b"connection": CONNECTION,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"upgrade": UPGRADE,
    b"keep-alive": HOP,
    b"proxy-connection": HOP,
    b"trailer": HOP,
    b"date": OWN,
    b"server": OWN,
    b"x-pad": OWN,
    b"x-accel-redirect": OWN,
    b"x-accel-limit-rate": OWN,
    b"x-accel-buffering": OWN,
    b"x-accel-charset": OWN,
    b"x-accel-expires": OWN,
}

#: Fields that hold secrets: neither their lines nor heads that have them are remembered.
SECRET = frozenset(
    {
        b"authorization",
        b"proxy-authorization",
        b"proxy-authenticate",
        b"www-authenticate",
        b"authentication-info",
        b"proxy-authentication-info",
        b"cookie",
        b"cookie2",
        b"set-cookie",
        b"set-cookie2",
        b"x-api-key",
        b"x-auth-token",
        b"x-csrf-token",
    }
)
#: Fields of a response that tell the proxy something, or that a location may want to change.
MARKED = frozenset({b"location", b"refresh", b"set-cookie", b"x-accel-redirect", b"x-accel-limit-rate"})
_FORGET = SECRET | {b"etag", b"last-modified"}
#: Whole heads are remembered too, in each direction: so many, and none of more bytes.
MOST_HEADS_KEPT: Final = 512
LONGEST_HEAD_KEPT: Final = 2048
_LONGEST_KEPT: Final = 256
_MOST_KEPT: Final = 4096

# RFC 9110 section 5.6.2 token; nginx treats everything but letters, digits and '-' as invalid in requests.
_PLAIN_NAME = re.compile(rb"[A-Za-z0-9-]+").fullmatch
_UNDERSCORED_NAME = re.compile(rb"[A-Za-z0-9_-]+").fullmatch
# White space and control characters in a name are an error wherever they stand (nginx since 1.21.1).
_BROKEN_NAME = re.compile(rb"[\x00-\x20\x7f]").search
# RFC 9110 section 5.5: CR, LF and NUL in a value are dangerous; CR and LF cannot get here whole.
_BROKEN_VALUE = re.compile(rb"[\x00\r\n]").search


_LENGTH = re.compile(rb"[0-9]{1,19}").fullmatch
_LONGEST_BODY = (1 << 63) - 1


class BadField(ValueError):
    """A header line that may not be passed on; the argument is the reason, for the error log."""


class BareLineFeed(Exception):
    """A line holds a bare LF: the head must be split again, the way nginx accepts it."""


class Field:
    """A header line: ``name`` lower case, ``value`` without the white space around it, ``line`` to be sent on."""

    __slots__ = ("kind", "line", "name", "value")

    def __init__(self, kind: int, name: bytes, value: bytes, line: bytes) -> None:
        self.kind = kind
        self.name = name
        self.value = value
        self.line = line

    def __repr__(self) -> str:
        return f"<Field {self.line!r} kind={self.kind}>"


class FieldReader:
    """Header lines to fields, for one direction.

    ``known`` is the table of remembered lines; the hot loops call ``known.get`` themselves and ``read`` on a miss.
    """

    __slots__ = ("_kinds", "_strict_names", "known")

    def __init__(self, kinds: dict[bytes, int], *, strict_names: bool) -> None:
        self._kinds = kinds
        self._strict_names = strict_names
        self.known: dict[bytes, Field] = {}

    def read(self, line: bytes) -> Field:
        """The field of a line that is not known yet, without its line end.

        Raises :class:`BadField`, or :class:`BareLineFeed` where the head has to be split at LF.
        """
        field = self._read(line)
        if len(line) <= _LONGEST_KEPT and field.name not in _FORGET:
            keep(self.known, line, field, _MOST_KEPT)
        return field

    def _read(self, line: bytes) -> Field:
        if b"\n" in line:
            raise BareLineFeed
        if line[:1] in (b" ", b"\t"):
            raise BadField("obsolete line folding")  # RFC 9112 section 5.2
        raw_name, colon, raw_value = line.partition(b":")
        if not colon or not raw_name:
            raise BadField("header line without a name or colon")
        if _BROKEN_NAME(raw_name):
            raise BadField("white space or control character in a header name")  # RFC 9112 section 5.1
        value = raw_value.strip(b" \t")
        if _BROKEN_VALUE(value):
            raise BadField("CR or NUL in a header value")
        name = raw_name.lower()
        return Field(self._kind(name), name, value, raw_name + b": " + value)

    def _kind(self, name: bytes) -> int:
        kind = self._kinds.get(name, PASS)
        if kind or not self._strict_names or _PLAIN_NAME(name):
            return kind
        return UNDERSCORED if _UNDERSCORED_NAME(name) else INVALID


T = TypeVar("T")


def keep(table: dict[bytes, T], key: bytes, value: T, most: int) -> None:
    """Remember ``value`` in a table of ``most`` entries; a full one begins anew, which is cheaper than choosing."""
    if len(table) >= most:
        table.clear()
    table[key] = value


def tokens(value: bytes) -> list[bytes]:
    """The members of a comma-separated list, lower case (RFC 9110 section 5.6.1: empty ones do not count)."""
    return [token for part in value.lower().split(b",") if (token := part.strip(b" \t"))]


def length(value: bytes) -> int:
    """The value of ``Content-Length``, or -1 where it is not plain digits or more than 63 bits (nginx's ``off_t``)."""
    if _LENGTH(value) is None:
        return -1
    found = int(value)
    return found if found <= _LONGEST_BODY else -1


def clean(value: bytes) -> bytes:
    """A rendered value as it may stand in a header line: a decoded CR or LF must not begin another one."""
    if b"\n" in value or b"\r" in value or b"\x00" in value:
        return value.translate(None, b"\r\n\x00")
    return value
