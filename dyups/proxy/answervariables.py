"""Variables of files and of answers: ``$document_root``, ``$request_filename``, ``$sent_http_…``, ``$upstream_http_…``.

A part of the table of ``variables``.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from dyups.interfaces import Getter
from dyups.proxy.exchange import Exchange
from dyups.proxy.files.filepaths import path_of, root_of
from dyups.proxy.filters.added import TRAILED, value_of


def _real_root(x: Exchange) -> bytes:
    try:
        return os.path.realpath(root_of(x), strict=True)
    except (OSError, ValueError):
        return b""


GETTERS: dict[str, Getter] = {
    "document_root": root_of,
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
}
