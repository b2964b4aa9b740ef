"""Our own answers: error pages, redirects, short texts.

Made here and nowhere else, so every answer of ours looks alike: nginx's small page, nginx's header order.
"""

from __future__ import annotations

from functools import lru_cache

from dyups.http1.chunked import chunk
from dyups.http1.reasons import PHRASES, WITH_PAGE, status_line
from dyups.proxy.client import ClientSide
from dyups.proxy.exchange import MOST_REDIRECTS, Carried, Exchange
from dyups.proxy.filters.pacing import paced

#: After these the connection closes (``ngx_http_special_response_handler``): what follows could be anything.
CLOSING = frozenset({400, 408, 413, 414, 431, 495, 496, 497, 500, 501, 505})
#: Codes of nginx's own that are 400 for the client, with a page of their own (``ngx_http_error_495_page`` …).
_BAD_REQUESTS = {
    494: b"Request Header Or Cookie Too Large",
    495: b"The SSL certificate error",
    496: b"No required SSL certificate was sent",
    497: b"The plain HTTP request was sent to HTTPS port",
}

#: How a body is framed that has something behind it.
CHUNKED = b"Transfer-Encoding: chunked\r\n"

_NO_BODY = frozenset({204, 304})
#: Where nginx's page says what its status line does not (``ngx_http_error_302_page``, ``ngx_http_error_401_page``).
_TITLES = {302: b"302 Found", 401: b"401 Authorization Required"}


@lru_cache(maxsize=256)
def page(status: int, server: bytes) -> bytes:
    """The small HTML page of ``status``, with ``server`` below the rule; empty for a code that nginx has none for."""
    words = _BAD_REQUESTS.get(status)
    if words is not None:
        return (
            b"<html>\r\n<head><title>400 %b</title></head>\r\n"
            b'<body bgcolor="white">\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>%b</center>\r\n'
            b"<hr><center>%b</center>\r\n</body>\r\n</html>\r\n" % (words, words, server)
        )
    if status not in WITH_PAGE:
        return b""
    title = _TITLES.get(status) or b"%d %b" % (status, PHRASES[status])
    return (
        b"<html>\r\n<head><title>%b</title></head>\r\n"
        b'<body bgcolor="white">\r\n<center><h1>%b</h1></center>\r\n'
        b"<hr><center>%b</center>\r\n</body>\r\n</html>\r\n" % (title, title, server)
    )


def send(client: ClientSide, status: int, body: bytes, content_type: bytes, more: bytes = b"") -> None:
    """Answer with ``body`` whole; ``more`` are further header lines, each with its line end."""
    exchange = client.exchange
    chunked = False
    if (exchange.error_status or status) in _NO_BODY:
        body = b""
        entity = b""
    else:
        if exchange.carried is not None and status < 300:
            content_type = exchange.carried.content_type or content_type
        kind = b"Content-Type: %b\r\n" % content_type if content_type else b""
        adds = exchange.route.adds
        chunked = adds is not None and adds.trails(exchange, exchange.error_status or status)
        entity = kind + (CHUNKED if chunked else b"Content-Length: %d\r\n" % len(body))
    lines = lines_of(client, status, entity + more)
    if exchange.route.bodies is not None:
        lines, changed = exchange.route.bodies.whole(exchange, lines, body)
        if changed is not None:
            body = changed
            framing = b"" if exchange.head.method == b"HEAD" else framed(client)
            chunked = bool(framing)
            lines += framing
    if chunked:
        trailers = exchange.route.adds.trailers(exchange) if exchange.route.adds is not None else b""
        body = (chunk(body) if body else b"") + end_of_chunks(trailers)
    head = head_of(client, lines)
    if exchange.head.method == b"HEAD":
        body = b""
    exchange.body_sent = len(body)
    if exchange.route.rates is not None or exchange.user:
        client = paced(client)
    client.write(head + body)
    client.answered()


def framed(client: ClientSide) -> bytes:
    """How a body of unknown length is framed: the line that says so; empty where the connection's end does."""
    if chunks(client.exchange):
        return CHUNKED
    client.close_after()
    return b""


def chunks(exchange: Exchange) -> bool:
    """May a body go out in chunks: not before HTTP/1.1, nor where ``chunked_transfer_encoding`` is off.

    What a client of HTTP/2 gets has no chunks in the end, and no connection to be closed.
    """
    if exchange.route.settings.chunked_transfer_encoding:
        return exchange.head.minor == 1
    return exchange.head.line.endswith(b" HTTP/2.0")


def end_of_chunks(trailers: bytes) -> bytes:
    """The last chunk and what follows it; ``trailers`` are lines, each with its line end."""
    return b"0\r\n%b\r\n" % trailers


def begin(client: ClientSide, status: int, lines: bytes) -> bytes:
    """The head of an answer of ours with ``lines``, which end each with its line end; whoever asks sends it.

    The status is what ``error_page`` says, if that is at work; what the location adds is there too.
    """
    return head_of(client, lines_of(client, status, lines))


def lines_of(client: ClientSide, status: int, lines: bytes) -> bytes:
    """``lines`` with those that the location adds; the status is noted (see :func:`begin`)."""
    exchange = client.exchange
    exchange.status = exchange.error_status or status
    if exchange.carried is not None:
        lines += exchange.carried.lines
    adds = exchange.route.adds
    if adds is not None:
        lines = adds.apply(exchange, lines)
    exchange.sent = lines
    return lines


def head_of(client: ClientSide, lines: bytes) -> bytes:
    """The head with all its ``lines``."""
    exchange = client.exchange
    start = client.plane.head_start(status_line(exchange.status), exchange.route.settings.server_tokens)
    head = b"%b%b%b" % (start, lines, client.answer_tail())
    exchange.head_sent = len(head)
    return head


def send_page(client: ClientSide, status: int, more: bytes = b"", held: bytes | None = b"") -> None:
    """Answer with the page of ``status``, or as ``error_page`` says.

    ``held`` is what came of the request's body so far, None where that is not known any more.
    """
    exchange = client.exchange
    if status == 444:  # NGX_HTTP_CLOSE, whoever says it: try_files, limit_req_status
        exchange.status = status
        client.cut()
        return
    if status in CLOSING:
        client.close_after()
    pages = exchange.route.error_pages
    if pages is not None and exchange.redirects < MOST_REDIRECTS:
        before = exchange.carried
        if more:  # a redirect is one whatever page it has
            exchange.carried = Carried(more)
        if pages.answer(client, status, held):
            return
        exchange.carried = before
    send_small_page(client, status, more)


def send_small_page(client: ClientSide, status: int, more: bytes = b"") -> None:
    """Answer with the small page of ``status``, whatever ``error_page`` says."""
    exchange = client.exchange
    exchange.error_status = 0
    server = client.plane.server_name(exchange.route.settings.server_tokens)
    text = page(status, server)
    if status in _BAD_REQUESTS:
        status = 400
    send(client, status, text, b"text/html" if text else b"", more)


def send_redirect(client: ClientSide, status: int, location: bytes) -> None:
    """Answer with a redirect to ``location``; a path becomes absolute (``absolute_redirect``)."""
    if location[:1] == b"/":
        location = absolute(client, location)
    drop_location(client.exchange)
    send_page(client, status, b"Location: %b\r\n" % location)


def drop_location(exchange: Exchange) -> None:
    """Another redirect takes the place of the one before it (``error_page 302``)."""
    if exchange.carried is not None and exchange.carried.lines.startswith(b"Location:"):
        exchange.carried = None


def absolute(client: ClientSide, path: bytes) -> bytes:
    """``path`` with the scheme and the place that the client came to before it, unless ``absolute_redirect`` is off."""
    if not client.exchange.route.settings.answers.absolute_redirect:
        return path
    return b"%b://%b%b" % (_scheme(client), _authority(client), path)


def _scheme(client: ClientSide) -> bytes:
    return b"http" if client.secured is None or client.secured.plain else b"https"


def _authority(client: ClientSide) -> bytes:
    """Where the client came to: its ``Host`` (or the server's name, ``server_name_in_redirect``), else our address, and
    the port unless it is the scheme's own (``port_in_redirect``)."""
    exchange = client.exchange
    settings = exchange.route.settings.answers
    host, port = client.local_address()
    if settings.server_name_in_redirect and exchange.server.name:
        host = exchange.server.name
    elif exchange.head.host:
        host = exchange.head.host
    elif b":" in host and port:
        host = b"[%b]" % host
    usual = 80 if client.secured is None or client.secured.plain else 443
    return host if port in (0, usual) or not settings.port_in_redirect else b"%b:%d" % (host, port)
