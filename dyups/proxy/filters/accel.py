"""A server's head that is not to be passed on as it is: ``X-Accel-…``, ``proxy_intercept_errors``, ``early_hints``.

``relay`` comes here with heads that have such a field or status (``ngx_http_upstream_process_headers``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from dyups.http1.fields import Field
from dyups.http1.response import ResponseHead
from dyups.proxy import answers
from dyups.proxy.client import ClientSide
from dyups.proxy.exchange import Carried, Exchange
from dyups.proxy.filters.pacing import pace
from dyups.proxy.rewrite.assigning import RATE

if TYPE_CHECKING:
    from dyups.proxy.forward.plan import ForwardPlan
    from dyups.proxy.forward.relay import Relay

#: What goes with the answer that takes the place of the server's (``ngx_http_upstream_headers_in``, ``redirect``).
_KEPT = frozenset({b"set-cookie", b"content-disposition", b"cache-control", b"expires", b"accept-ranges"})

#: Makes of a field the line that the client gets, without its line end.
Line = Callable[[Exchange, Field], bytes]


class Accel:
    """Which of the fields one location heeds."""

    __slots__ = ("_line", "redirects", "slows")

    def __init__(self, ignored: tuple[str, ...], line: Line | None) -> None:
        self.redirects = "x-accel-redirect" not in ignored
        self.slows = "x-accel-limit-rate" not in ignored
        self._line = line

    def heed(self, relay: Relay, head: ResponseHead) -> bool:
        """See :class:`~dyups.proxy.forward.plan.Accelerates`."""
        rate = self._rate(head)
        if rate:
            relay.client.exchange.user[RATE] = rate  # whoever answers in the end
        target = head.value(b"x-accel-redirect") if self.redirects else b""
        if target:
            exchange = relay.client.exchange
            exchange.carried = self.carried(exchange, head)
            exchange.status = 0
            client = relay.client
            relay.set_aside()
            send_elsewhere(client, target)
            return True
        if rate:
            pace(relay)
        return False

    def _rate(self, head: ResponseHead) -> bytes:
        """Bytes a second that the server allows; empty where it does not say.  0 is without limit."""
        value = head.value(b"x-accel-limit-rate") if self.slows else b""
        return value if value.isdigit() else b""

    def carried(self, exchange: Exchange, head: ResponseHead) -> Carried:
        """What of the server's head goes with the answer that takes its place."""
        line = self._line
        lines = [
            (field.line if line is None else line(exchange, field)) + b"\r\n"
            for field in head.fields
            if field.name in _KEPT
        ]
        return Carried(b"".join(lines), head.value(b"content-type"))


def send_elsewhere(client: ClientSide, target: bytes) -> None:
    """Serve the request as the server says: a named location with the method that it has, or a path with a GET.

    The request's body is the server's, and gone.
    """
    exchange = client.exchange
    if target[:1] == b"@":
        exchange.head = exchange.head.without_body(exchange.head.method)
        client.redirect_named(target)
        return
    exchange.drop_body()
    place = safe_place(target)
    if place is None:
        answers.send_page(client, 404)
    else:
        client.redirect(*place)


def safe_place(target: bytes) -> tuple[bytes, bytes] | None:
    """Path, decoded, and arguments of ``target``; None where it could climb (``ngx_http_parse_unsafe_uri``)."""
    path, _, args = target.partition(b"?")
    if b"%" in path:
        path = unquote_to_bytes(path)
    unsafe = path[:1] != b"/" or b"\0" in path or b".." in path.split(b"/")
    return None if unsafe else (path, args)


def intercept(relay: Relay, head: ResponseHead) -> bool:
    """``proxy_intercept_errors``: does ``error_page`` answer in place of the server."""
    client = relay.client
    exchange = client.exchange
    pages = exchange.route.error_pages
    if pages is None or not pages.covers(head.status):
        return False
    if head.status == 401:
        exchange.carried = Carried(b"WWW-Authenticate: %b\r\n" % head.value(b"www-authenticate"))
    held = relay.held_body()
    relay.set_aside()
    client.refuse(head.status, held)
    return True


def pass_hints(client: ClientSide, plan: ForwardPlan, head: ResponseHead) -> None:
    """``early_hints``: 103 goes to clients that can take it, if the location says so."""
    exchange = client.exchange
    wanted = any(text.render(exchange) not in (b"", b"0") for text in plan.hints)
    if wanted and exchange.head.minor == 1 and not exchange.head_sent:
        client.write(b"HTTP/1.1 103 Early Hints\r\n%b\r\n" % head.sent_on)
