"""A request's fields, as HTTP/2 has them, to the head that serves it.

The head is the one that the same request would have in HTTP/1.1, read by the same reader, so that no rule about
requests stands twice; only what HTTP/2 alone could smuggle past such rules ends here (RFC 9113 sections 8.2 and 8.3).
``stream`` asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from dyups.errors import RequestRefused
from dyups.http1 import fields as f
from dyups.http1.request import Acceptance, RequestHead, read_request
from dyups.proxy.route import ListenRoutes

_PSEUDO: Final = frozenset({b":method", b":scheme", b":authority", b":path"})
#: Section 8.2.2: they would speak of a connection that HTTP/2 does not have.
_OF_CONNECTIONS: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
# Section 8.2.1; what else may be odd about a name is the reader's to judge (ignore_invalid_headers).
_NAME: Final = re.compile(rb"[\x21-\x39\x3b-\x40\x5b-\x7e]+").fullmatch
_BROKEN_VALUE: Final = re.compile(rb"[\x00\r\n]").search
_PATH: Final = re.compile(rb"/[!-~\x80-\xff]*").fullmatch
_VERSION_READ, _VERSION = b"HTTP/1.1", b"HTTP/2.0"

Fields = Iterable[tuple[bytes, bytes]]


class HeadReader:
    """Reads the requests of one listening address, by the settings of its default server as nginx does."""

    __slots__ = ("_acceptance", "_head_limit", "_line_limit")

    def __init__(self, routes: ListenRoutes) -> None:
        self._line_limit = routes.line_limit
        self._head_limit = routes.head_limit
        # Its own: the heads that it remembers are those of HTTP/2.
        own = self._acceptance = Acceptance()
        settings = routes.default.acceptance
        own.most_fields = settings.most_fields
        own.drop_invalid = settings.drop_invalid
        own.drop_underscored = settings.drop_underscored

    def read(self, fields: Fields, ended: bool) -> RequestHead:
        """The head of a request; ``ended`` if no body follows.  Raises :class:`RequestRefused`."""
        pseudo: dict[bytes, bytes] = {}
        lines = _lines(fields, pseudo)
        text = self._text(pseudo, lines, ended)
        head = read_request(text, self._acceptance)
        if head.line.endswith(_VERSION_READ):
            _stamp(head)
        if ended and head.content_length > 0:
            raise RequestRefused(400, "client prematurely closed stream")
        return head

    def _text(self, pseudo: dict[bytes, bytes], lines: list[bytes], ended: bool) -> bytes:
        """The same head in HTTP/1.1."""
        if b":scheme" not in pseudo or not pseudo[b":scheme"]:
            raise RequestRefused(400, "client sent no :scheme header")
        if _PATH(pseudo.get(b":path", b"")) is None:
            raise RequestRefused(400, "client sent invalid :path header")
        line = b"%b %b %b" % (pseudo.get(b":method", b""), pseudo[b":path"], _VERSION_READ)
        if len(line) > self._line_limit:
            raise RequestRefused(414, "client sent too long URI")
        if not ended and not any(line.startswith(b"content-length:") for line in lines):
            lines.append(b"transfer-encoding: chunked")  # the body's own framing tells where it ends
        text = b"\r\n".join([line, *lines])
        if len(text) > self._line_limit and (
            len(text) > self._head_limit or any(len(line) > self._line_limit for line in lines)
        ):
            raise RequestRefused(431, "client sent too large request")
        return text


def _stamp(head: RequestHead) -> None:
    """The reader's head, fresh, to one of HTTP/2: its line, and no field that the client did not send."""
    head.line = head.line.removesuffix(_VERSION_READ) + _VERSION
    if head.chunked:
        head.fields = [field for field in head.fields if field.kind != f.TRANSFER_ENCODING]


def _lines(fields: Fields, pseudo: dict[bytes, bytes]) -> list[bytes]:
    """The field lines; what stands before them goes to ``pseudo``."""
    lines: list[bytes] = []
    cookies: list[bytes] = []
    hosts: list[bytes] = []
    for name, value in fields:
        if _BROKEN_VALUE(value) is not None:
            raise RequestRefused(400, "client sent header with invalid value")
        if name[:1] == b":":
            if lines or cookies or hosts:
                raise RequestRefused(400, "client sent pseudo header behind other headers")
            _add_pseudo(name, value, pseudo)
        elif name == b"cookie":
            cookies.append(value)
        elif name == b"host":
            hosts.append(value)
        elif name != b"expect":  # nobody waits for 100: a body comes as fast as its window allows
            _check(name, value)
            lines.append(b"%b: %b" % (name, value))
    if cookies:
        lines.append(b"cookie: " + b"; ".join(cookies))  # section 8.2.3
    host = _host(pseudo, hosts)
    return lines if host is None else [b"Host: " + host, *lines]


def _add_pseudo(name: bytes, value: bytes, pseudo: dict[bytes, bytes]) -> None:
    shown = name.decode("latin-1")
    if name not in _PSEUDO:
        raise RequestRefused(400, f'client sent unknown pseudo header "{shown}"')
    if name in pseudo:
        raise RequestRefused(400, f"client sent duplicate {shown} header")
    pseudo[name] = value


def _check(name: bytes, value: bytes) -> None:
    if _NAME(name) is None:
        raise RequestRefused(400, "client sent invalid header name")
    if name in _OF_CONNECTIONS or (name == b"te" and value.strip(b" \t").lower() != b"trailers"):
        raise RequestRefused(400, f'client sent connection-specific header "{name.decode()}"')


def _host(pseudo: dict[bytes, bytes], hosts: list[bytes]) -> bytes | None:
    """Section 8.3.1: ``:authority`` stands for ``Host``, and the two must not differ."""
    if len(hosts) > 1:
        raise RequestRefused(400, "client sent duplicate host header")
    authority = pseudo.get(b":authority")
    if authority is None:
        return hosts[0] if hosts else None
    if hosts and hosts[0] != authority:
        raise RequestRefused(400, "client sent :authority and Host headers with different values")
    return authority
