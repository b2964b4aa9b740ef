"""The directives of HTTP/2 towards clients."""

from __future__ import annotations

from typing import Final

from dyups.config.directives.entry import Call, Context, Entry, Kind, harmless, setting
from dyups.config.directives.kinds import FLAG, NUMBER, SIZE, words
from dyups.config.http2 import Http2Settings
from dyups.config.model import LocationSettings
from dyups.errors import ConfigError

_HTTP = Context.HTTP
_SERVERS = Context.HTTP_SERVER
_ANYWHERE = Context.HTTP_SERVER_LOCATION
_LARGEST_WINDOW: Final = (1 << 31) - 1
#: Directives of earlier versions, and what says it now; empty where nothing does (``ngx_http_v2_obsolete``).
OBSOLETE: Final = {
    "http2_idle_timeout": "keepalive_timeout",
    "http2_max_concurrent_pushes": "",
    "http2_max_field_size": "large_client_header_buffers",
    "http2_max_header_size": "large_client_header_buffers",
    "http2_max_requests": "keepalive_requests",
    "http2_push": "",
    "http2_push_preload": "",
    "http2_recv_timeout": "client_header_timeout",
}


def _size(call: Call) -> int:
    assert SIZE.read is not None
    found: int = SIZE.read(call)
    return found


def _preread_size(call: Call) -> int:
    found = _size(call)
    if found > _LARGEST_WINDOW:
        raise ConfigError(f"the maximum body preread buffer size is {_LARGEST_WINDOW}")
    return found


def _chunk_size(call: Call) -> int:
    found = _size(call)
    if not found:
        raise ConfigError("the http2 chunk size cannot be zero")
    return found


def _recv_buffer_size(call: Call) -> int:
    found = _size(call)
    if found <= 16:  # NGX_HTTP_V2_STATE_BUFFER_SIZE
        raise ConfigError(f'"{call.name}" directive value is too small')
    return found


ENTRIES: tuple[Entry, ...] = (
    setting(
        "http2",
        _SERVERS,
        FLAG,
        Http2Settings,
        "off",
        "Whether clients may speak HTTP/2: by ALPN on a ``listen … ssl``, on others by saying so with their first "
        "bytes, where the address's default server has it on.",
    ),
    setting(
        "http2_body_preread_size",
        _SERVERS,
        Kind("size", 1, 1, _preread_size),
        Http2Settings,
        "64k",
        "How much of a request's body a client may send before anybody takes it.",
    ),
    setting(
        "http2_chunk_size",
        _ANYWHERE,
        Kind("size", 1, 1, _chunk_size),
        LocationSettings,
        "8k",
        "The most bytes that one frame of an answer's body has.",
    ),
    setting(
        "http2_max_concurrent_streams",
        _SERVERS,
        NUMBER,
        Http2Settings,
        "128",
        "How many requests a client may have under way on one connection; more are refused (``REFUSED_STREAM``).",
    ),
    harmless("http2_pool_size", _SERVERS, SIZE, "Memory is Python's."),
    harmless(
        "http2_recv_buffer_size",
        _HTTP,
        Kind("size", 1, 1, _recv_buffer_size),
        "What comes is read at once, however much it is.",
    ),
    harmless("http2_streams_index_size", _SERVERS, NUMBER, "Streams are kept in dictionaries."),
    *(
        harmless(
            name,
            _ANYWHERE if name.startswith("http2_push") else _SERVERS,
            words("…", 1, 1),
            f"Obsolete, with a warning as in nginx: ``{now}`` says it."
            if now
            else "Obsolete, with a warning.",
            several=True,
        )
        for name, now in OBSOLETE.items()
    ),
)
