"""The directives of the proxy: where requests go, with which head, and how long everything may take."""

from __future__ import annotations

from dyups.config.directives.entry import Call, Context, Entry, Kind, harmless, setting, structure
from dyups.config.directives.kinds import (
    BUFS,
    FLAG,
    NUMBER,
    SIZE,
    TIME,
    choice,
    word_set,
    words,
)
from dyups.config.model import Location, LocationSettings, Template

_ANYWHERE = Context.HTTP_SERVER_LOCATION
_STREAMS = "Bodies always stream, with back-pressure and bounded memory."

NEXT_UPSTREAM = frozenset(
    {
        "error",
        "timeout",
        "invalid_header",
        "http_500",
        "http_502",
        "http_503",
        "http_504",
        "http_403",
        "http_404",
        "http_429",
        "non_idempotent",
    }
)


def _set_header(call: Call) -> tuple[str, Template]:
    return call.args[0], call.scope.template(call.args[1])


def _location(name: str, kind: Kind, default: str, doc: str, *, several: bool = False) -> Entry:
    return setting(
        name, _ANYWHERE, kind, LocationSettings, default, doc, several=several, reads_default=not several
    )


ENTRIES: tuple[Entry, ...] = (
    structure(
        "proxy_pass",
        Context.LOCATION | Context.IF | Context.LIMIT_EXCEPT,
        words("URL", 1, 1),
        "Forwards requests to the server or upstream of the URL, which may have variables.  A target that comes "
        "from a variable must be a known upstream.",
        owner=Location,
        attribute="content",
    ),
    _location(
        "proxy_connect_timeout",
        TIME,
        "60s",
        "How long it may take to connect to a server before the next is asked.",
    ),
    _location("proxy_http_version", choice("1.0", "1.1"), "1.1", "The version of HTTP spoken to servers."),
    _location(
        "proxy_next_upstream",
        word_set(NEXT_UPSTREAM, "off"),
        "error timeout",
        "After which failures the next server is asked, as long as nothing was sent to the client.",
    ),
    _location(
        "proxy_next_upstream_timeout",
        TIME,
        "0",
        "How long passing a request on may go on; 0 is without limit.",
    ),
    _location("proxy_next_upstream_tries", NUMBER, "0", "How many servers may be asked; 0 is without limit."),
    _location("proxy_read_timeout", TIME, "60s", "How long a server may be silent between two reads."),
    _location("proxy_send_timeout", TIME, "60s", "How long a server may take between two writes to it."),
    _location(
        "proxy_set_header",
        Kind("field value", 2, 2, _set_header),
        "",
        "A field of the request head as servers get it; an empty value keeps it away.  Inherited only by blocks "
        "that set no field of their own.",
        several=True,
    ),
    harmless("proxy_buffering", _ANYWHERE, FLAG, _STREAMS),
    harmless("proxy_buffers", _ANYWHERE, BUFS, _STREAMS),
    harmless("proxy_busy_buffers_size", _ANYWHERE, SIZE, _STREAMS),
    harmless("proxy_headers_hash_bucket_size", _ANYWHERE, SIZE, "Names are kept in dictionaries."),
    harmless("proxy_headers_hash_max_size", _ANYWHERE, SIZE, "Names are kept in dictionaries."),
    harmless("proxy_max_temp_file_size", _ANYWHERE, SIZE, _STREAMS),
    harmless("proxy_temp_file_write_size", _ANYWHERE, SIZE, _STREAMS),
    harmless("proxy_temp_path", _ANYWHERE, words("path [level1 [level2 [level3]]]", 1, 4), _STREAMS),
)
