"""``empty_gif``: a picture of one transparent pixel, from memory (``ngx_http_empty_gif_module``)."""

from __future__ import annotations

from typing import Final

from dyups.config.model import Location
from dyups.proxy import answers
from dyups.proxy.client import BodySink
from dyups.proxy.exchange import Exchange
from dyups.proxy.files.ranges import status_of_conditions
from dyups.proxy.filters.added import format_date
from dyups.proxy.serving import DISCARD

#: GIF89a, a screen of 1×1 with two colours, the first of them transparent, and one image.
PIXEL: Final = bytes.fromhex(
    "474946383961 0100 0100 80 01 00 000000 ffffff 21f904 01 0000 01 00 2c 0000 0000 0100 0100 00 02 02 4c01 00 3b"
)
#: When nginx says that it was made: Mon, 28 Sep 1970 06:00:00 GMT.
MADE: Final = 23349600
_METHODS = frozenset({b"GET", b"HEAD"})


class Pixel:
    """The content of one location."""

    __slots__ = ("_since",)

    def __init__(self, location: Location) -> None:
        self._since = location.settings.files.if_modified_since

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """The picture, or that it has not changed."""
        client = exchange.client
        if exchange.head.method not in _METHODS:
            answers.send_page(client, 405)
            return DISCARD
        about = b"Last-Modified: %b\r\n" % format_date(MADE)
        refusal = 0
        if exchange.error_status in (0, 200):
            refusal = status_of_conditions(exchange.head, MADE, b"", self._since)
        if refusal == 412:
            answers.send_page(client, 412)
        elif refusal:
            answers.send(client, 304, b"", b"", about)
        else:
            answers.send(client, 200, PIXEL, b"image/gif", about)
        return DISCARD
