"""Variables of files and of answers: ``$document_root``, ``$request_filename``, ``$sent_http_…``, ``$upstream_http_…``.

A part of the table of ``variables``.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from dyups.config.model import Template
from dyups.interfaces import Getter
from dyups.proxy.exchange import BEHIND, BROKEN_OFF, Exchange
from dyups.proxy.files.filepaths import path_of, root_of
from dyups.proxy.filters.added import TRAILED, value_of
from dyups.proxy.filters.coding import RATIO
from dyups.proxy.filters.visitors import uid_got, uid_set
from dyups.proxy.rewrite.assigning import RATE, size_of


def _real_root(x: Exchange) -> bytes:
    try:
        return os.path.realpath(root_of(x), strict=True)
    except (OSError, ValueError):
        return b""


def _completion(x: Exchange) -> bytes:
    """``OK`` once the request was answered as a whole."""
    over = getattr(x.client, "is_over", None)
    return b"OK" if BROKEN_OFF not in x.user and (over is None or over()) else b""


def _limit_rate(x: Exchange) -> bytes:
    """What was set for the request; what the location says counts from the answer on."""
    limit: Template | None = x.route.settings.proxying.limit_rate
    value = x.user.get(RATE)
    if value is None and limit is not None and x.status:
        value = limit.render(x)
    return b"%d" % size_of(value or b"")


def _sent_length(x: Exchange) -> bytes:
    """``Content-Length`` of the answer, which stands apart from the other fields where a server's is passed on."""
    said = value_of(x.sent, b"content-length")
    head = x.upstream_head
    if said or head is None or head.content_length < 0 or not x.head_sent or x.error_status:
        return said
    coded = value_of(x.sent, b"content-encoding") != head.value(b"content-encoding")
    return b"" if coded else b"%d" % head.content_length


def _nothing(x: Exchange) -> bytes:
    """Nothing is cached here, there is no ECH, and an identity is reset only by ``set``."""
    return b""


GETTERS: dict[str, Getter] = {
    "gzip_ratio": lambda x: x.user.get(RATIO, b""),
    "document_root": root_of,
    "limit_rate": _limit_rate,
    "request_completion": _completion,
    "sent_http_content_length": _sent_length,
    "ssl_client_sigalg": _nothing,
    "ssl_ech_outer_server_name": _nothing,
    "ssl_ech_status": _nothing,
    "ssl_sigalg": _nothing,
    "uid_got": uid_got,
    "uid_reset": _nothing,
    "uid_set": uid_set,
    "upstream_cache_etag": _nothing,
    "upstream_cache_key": _nothing,
    "upstream_cache_last_modified": _nothing,
    "upstream_cache_status": _nothing,
    "realpath_root": _real_root,
    "request_filename": lambda x: path_of(x, x.uri) or b"",
}


def _sent(name: str) -> Getter:
    """``$sent_http_NAME``: a field of the answer, ``_`` for ``-``."""
    field = name.replace("_", "-").encode()
    return lambda x: value_of(x.sent, field)


def _trailer(name: str) -> Getter:
    """``$sent_trailer_NAME``: a field behind the body, for those that follow it and for the access log."""
    field = name.replace("_", "-").encode()
    return lambda x: value_of(x.user.get(TRAILED, b""), field)


def _upstream_trailer(name: str) -> Getter:
    """``$upstream_trailer_NAME``: a field behind the server's body, where they are passed on; for the access log."""
    field = name.replace("_", "-").encode()
    return lambda x: value_of(x.user.get(BEHIND, b""), field)


def _upstream(name: str) -> Getter:
    """``$upstream_http_NAME``: a field of the server's answer."""
    field = name.replace("_", "-").encode()

    return lambda x: b"" if x.upstream_head is None else x.upstream_head.value(field)


def _upstream_cookie(name: str) -> Getter:
    """``$upstream_cookie_NAME``: the value that the server gave a cookie, the first one if there are several.

    Only spaces may stand beside the ``=`` (``ngx_http_parse_set_cookie_lines``).
    """
    wanted = name.encode()

    def read(x: Exchange) -> bytes:
        for field in x.upstream_head.fields if x.upstream_head is not None else ():
            if field.name == b"set-cookie":
                key, equals, value = field.value.partition(b";")[0].partition(b"=")
                if equals and key.rstrip(b" ").lower() == wanted:
                    return value.lstrip(b" ")
        return b""

    return read


FAMILIES: dict[str, Callable[[str], Getter]] = {
    "sent_http_": _sent,
    "sent_trailer_": _trailer,
    "upstream_http_": _upstream,
    "upstream_cookie_": _upstream_cookie,
    "upstream_trailer_": _upstream_trailer,
}
