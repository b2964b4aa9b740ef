"""``error_page``: what is answered in place of the small page of an error (``ngx_http_send_error_page``).

``answers.send_page`` asks for every page of ours; ``covers`` tells a relay whether a server's answer is to be replaced
(``proxy_intercept_errors``).
"""

from __future__ import annotations

from dyups.config.routing import AnswerSettings, ErrorPage
from dyups.http1.fields import clean
from dyups.proxy import answers
from dyups.proxy.client import ClientSide

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Codes of nginx's own that clients see as 400.
_HIDDEN = frozenset({494, 495, 496, 497})


class ErrorPageTable:
    """The error pages of one location."""

    __slots__ = ("_pages", "_recursive")

    def __init__(self, settings: AnswerSettings) -> None:
        self._pages: dict[int, ErrorPage] = {}
        for page in settings.error_page:
            for status in page.statuses:
                self._pages.setdefault(status, page)
        self._recursive = settings.recursive_error_pages

    def covers(self, status: int) -> bool:
        """Is there a page for ``status``?"""
        return status in self._pages

    def answer(self, client: ClientSide, status: int, held: bytes | None) -> bool:
        """Answer in place of the page of ``status``; see :class:`~dyups.proxy.route.ErrorPages`."""
        exchange = client.exchange
        page = self._pages.get(status)
        if exchange.error_paged:
            return False
        exchange.error_paged = not self._recursive
        if page is None:
            return False
        exchange.error_status = status if page.answer < 0 else page.answer
        if page.answer < 0 and status in _HIDDEN:
            exchange.error_status = 400
        target = page.target.render(exchange)
        if target[:1] == b"/":
            args = page.args
            if page.target.constant is None:
                target, _, args = target.partition(b"?")
            exchange.drop_body()
            client.redirect(target, args)
        elif target[:1] == b"@":
            _send_to(client, target, held or exchange.held)
        else:
            code = page.answer if page.answer in _REDIRECTS else 302
            answers.drop_location(exchange)
            answers.send_small_page(client, code, b"Location: %b\r\n" % clean(target))
        return True


def _send_to(client: ClientSide, name: bytes, held: bytes) -> None:
    """Have a named location serve the request, with its body if all of that is there or still to come."""
    exchange = client.exchange
    if len(held) == exchange.received:
        client.redirect_named(name, held, client.body_ended())
    else:
        exchange.drop_body()
        client.redirect_named(name)


def error_pages(settings: AnswerSettings) -> ErrorPageTable | None:
    """The table of a location, None where it has none."""
    return ErrorPageTable(settings) if settings.error_page else None
