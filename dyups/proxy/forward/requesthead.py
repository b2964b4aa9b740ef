"""The head that is sent to a server: the client's, rewritten in one pass.

What goes out by default (``ngx_http_proxy_headers``): ``Host: $proxy_host``, ``Connection: close`` only where the
connection will not be kept, the client's fields as received less those that mean something to the next hop only.
``proxy_set_header`` replaces fields by name; an empty value keeps one from being sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dyups.config.model import LocationSettings, Template
from dyups.config.parser import encode
from dyups.http1.fields import Field, clean
from dyups.interfaces import Getter
from dyups.proxy.exchange import Exchange


class HeadPlan:
    """How one location writes heads; made once.  ``cookies`` reads what servers get of the client's, None for all."""

    __slots__ = ("_connection", "_passes", "_plain", "_replaced", "_set", "_sets_host", "keeps", "version")

    def __init__(self, settings: LocationSettings, cookies: Getter | None = None) -> None:
        self.version = b"HTTP/" + settings.proxy_http_version.encode()
        names = {encode(name.lower()) for name, _ in settings.proxy_set_header}
        own_cookie = b"cookie" in names
        if cookies is not None:
            names.add(b"cookie")
        self._sets_host = b"host" in names
        sets_connection = b"connection" in names
        self.keeps = settings.proxy_http_version == "1.1" and not _says_close(settings.proxy_set_header)
        """The connection may be used again, as far as our own head goes."""
        self._connection = b"" if self.keeps or sets_connection else b"Connection: close\r\n"
        self._set = [
            _field(name, template)
            for name, template in settings.proxy_set_header
            if name.lower() not in ("content-length", "transfer-encoding") and template.constant != b""
        ]
        if cookies is not None and not own_cookie:
            self._set.append((b"Cookie: ", cookies))
        self._replaced = frozenset(names)
        self._passes = settings.proxying.proxy_pass_request_headers
        """The client's fields are passed on at all."""
        self._plain = self._passes and not names

    def write(self, exchange: Exchange, method: bytes, uri: bytes, framing: bytes) -> bytes:
        """The whole head with its empty line.  ``framing`` is the line that tells the body's length, or empty."""
        head = exchange.head
        if self._plain:
            start = b"%b %b %b\r\nHost: %b\r\n" % (method, uri, self.version, exchange.proxy_host)
            return b"".join((start, self._connection, framing, head.sent_on, b"\r\n"))
        return self._write_set(exchange, head.fields, b"%b %b %b" % (method, uri, self.version), framing)

    def _write_set(self, exchange: Exchange, fields: Sequence[Field], line: bytes, framing: bytes) -> bytes:
        out = [line]
        if not self._sets_host:
            out.append(b"Host: " + exchange.proxy_host)
        for start, render in self._set:
            if render is None:
                out.append(start)
            elif value := clean(render(exchange)):
                out.append(start + value)
        if self._connection:
            out.append(self._connection[:-2])
        if framing:
            out.append(framing[:-2])
        replaced = self._replaced
        if self._passes:
            out += [field.line for field in fields if not field.kind and field.name not in replaced]
        return b"\r\n".join(out) + b"\r\n\r\n"


def _field(name: str, template: Template) -> tuple[bytes, Callable[[Exchange], bytes] | None]:
    """A whole line, or its beginning and what renders the rest."""
    start = encode(name) + b": "
    if template.constant is None:
        return start, template.render
    return start + clean(template.constant), None


def _says_close(fields: Sequence[tuple[str, Template]]) -> bool:
    """Does the configuration itself say ``Connection: close``."""
    return any(
        name.lower() == "connection"
        and template.constant is not None
        and template.constant.lower() == b"close"
        for name, template in fields
    )
