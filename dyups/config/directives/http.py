"""The directives of ``http``, ``server`` and ``location`` that are not the proxy's."""

from __future__ import annotations

from dyups.config.directives.core import ERROR_LOG
from dyups.config.directives.entry import Call, Context, Entry, Fields, Kind, harmless, setting, structure
from dyups.config.directives.kinds import (
    BLOCK,
    BUFS,
    FLAG,
    NOTHING,
    NUMBER,
    OFFSET,
    SIZE,
    TEXT,
    TIME,
    choice,
    word_set,
    words,
)
from dyups.config.model import Http, Location, LocationSettings, Server, ServerSettings
from dyups.config.values import parse_time
from dyups.errors import ConfigError

_HTTP = Context.HTTP
_SERVERS = Context.HTTP_SERVER
_ANYWHERE = Context.HTTP_SERVER_LOCATION
_DICTIONARY = "Names are kept in dictionaries."
_STREAMS = "Bodies always stream, with back-pressure and bounded memory."


def _keepalive_timeout(call: Call) -> Fields:
    names = ("keepalive_timeout", "keepalive_timeout_header")
    try:
        return Fields(zip(names, map(parse_time, call.args), strict=False))
    except ConfigError:
        raise ConfigError('"keepalive_timeout" directive invalid value') from None


def _body_buffer(call: Call) -> int:
    assert SIZE.read is not None
    size: int = SIZE.read(call)
    if not size:
        raise ConfigError("client body buffer size cannot be zero")
    return size


def _server_tokens(call: Call) -> bool:
    if call.args[0] not in ("on", "off", "build"):
        raise ConfigError(f'invalid value "{call.args[0]}"')
    return call.args[0] != "off"


def _location(name: str, kind: Kind, default: str, doc: str) -> Entry:
    return setting(name, _ANYWHERE, kind, LocationSettings, default, doc)


def _server(name: str, kind: Kind, default: str, doc: str) -> Entry:
    return setting(name, _SERVERS, kind, ServerSettings, default, doc)


_STRUCTURE: tuple[Entry, ...] = (
    structure(
        "server",
        _HTTP,
        BLOCK,
        "A virtual server: the addresses it listens on, its names and locations.",
        owner=Http,
        attribute="listens",
        block=True,
    ),
    structure(
        "listen",
        Context.SERVER,
        words(
            "address[:port[-port]] | port[-port] | unix:path [default_server] [backlog=number] [reuseport] "
            "[ipv6only=on|off]",
            1,
            None,
        ),
        "Where the server accepts connections.  Without any it is port 80, or 8000 for a user who is not root.",
        owner=Http,
        attribute="listens",
    ),
    structure(
        "server_name",
        Context.SERVER,
        words("name …", 1, None),
        "The names of the server: whole, ``*.example.com``, ``example.*``, ``.example.com``, ``~`` and a regular "
        "expression whose named groups become variables, or empty.",
        owner=Server,
        attribute="names",
        default='""',
    ),
    structure(
        "location",
        Context.SERVER_LOCATION,
        words("[= | ^~ | ~ | ~*] uri { … } | @name { … }", 1, 2),
        "What happens to the requests whose path matches.",
        owner=Server,
        attribute="locations",
        block=True,
    ),
    structure(
        "return",
        Context.SERVER_LOCATION | Context.IF,
        words("code [text] | code URL | URL", 1, 2),
        "Answers at once with a code, and a text or, for redirects, a URL.",
        owner=Location,
        attribute="steps",
    ),
    structure(
        "set",
        Context.SERVER_LOCATION | Context.IF,
        words("$variable value", 2, 2),
        "Gives a variable a value.",
        owner=Location,
        attribute="steps",
    ),
    structure(
        "echo",
        Context.LOCATION | Context.IF,
        words("[-n] text …", 0, None),
        "Answers with the texts, joined by a space, and a newline (``-n``: without it).  Further ``echo`` lines add "
        "to the answer.",
        owner=Location,
        attribute="content",
    ),
    structure(
        "internal",
        Context.LOCATION,
        NOTHING,
        "Keeps the location for requests that come from inside; others get 404.",
        owner=Location,
        attribute="internal",
    ),
)

_LOCATION: tuple[Entry, ...] = (
    setting(
        "error_log",
        _ANYWHERE,
        ERROR_LOG,
        LocationSettings,
        "",
        "A log for what happens to requests in this block, in place of those of the blocks around it; what happens to "
        "the process is told outside ``http``.",
        several=True,
        reads_default=False,
    ),
    _location(
        "chunked_transfer_encoding",
        FLAG,
        "on",
        "Whether answers without a length go out in chunks to HTTP/1.1 clients; else the connection's end ends them.",
    ),
    _location("client_body_timeout", TIME, "60s", "How long a client may pause within a request's body."),
    _location("client_max_body_size", OFFSET, "1m", "How long a request's body may be; 0 is without limit."),
    _location("default_type", TEXT, "text/plain", "The content type of texts that are answered from here."),
    _location(
        "keepalive_disable",
        word_set(frozenset({"none", "msie6", "safari"}), "none"),
        "msie6",
        "Browsers whose connections are not kept: old versions of Internet Explorer after a ``POST``, Safari on Mac "
        "OS X.",
    ),
    _location(
        "keepalive_min_timeout",
        TIME,
        "0",
        "How long a client's idle connection stays open at least when its worker is to end.",
    ),
    _location("keepalive_requests", NUMBER, "1000", "How many requests a client's connection carries."),
    _location(
        "keepalive_time",
        TIME,
        "1h",
        "How long a client's connection carries requests: the first one that comes later ends it with its answer.",
    ),
    _location(
        "keepalive_timeout",
        Kind("timeout [header_timeout]", 1, 2, _keepalive_timeout),
        "75s",
        "How long a client's idle connection stays open; 0 closes it after each answer.  The second time is what "
        "the field ``Keep-Alive`` says.",
    ),
    _location(
        "lingering_close",
        choice("off", "on", "always"),
        "on",
        "Whether to read on for a while before a connection is closed on a client that is still sending.",
    ),
    _location("lingering_time", TIME, "30s", "For how long at most to read on; see ``lingering_close``."),
    _location("lingering_timeout", TIME, "5s", "For how long to wait for more; see ``lingering_close``."),
    _location("send_timeout", TIME, "60s", "How long a client may take between two writes to it."),
    _location(
        "server_tokens",
        Kind("on | off | build", 1, 1, _server_tokens),
        "on",
        "Whether answers name the version; ``build`` is as ``on``.",
    ),
    _location("tcp_nodelay", FLAG, "on", "Whether small packets go out at once."),
)

_SERVER: tuple[Entry, ...] = (
    _server("client_header_buffer_size", SIZE, "1k", "The size of the first buffer for a request's head."),
    _server("client_header_timeout", TIME, "60s", "How long a client may take to send a request's head."),
    _server("ignore_invalid_headers", FLAG, "on", "Whether fields with unusual names are dropped."),
    _server(
        "large_client_header_buffers", BUFS, "4 8k", "Number and size of the buffers for a long request head."
    ),
    _server("max_headers", NUMBER, "1000", "How many fields a request may have; more are answered 400."),
    _server(
        "merge_slashes", FLAG, "on", "Whether ``//`` in a path counts as ``/`` when a location is chosen."
    ),
    _server("underscores_in_headers", FLAG, "off", "Whether names of fields may have underscores."),
)

_HARMLESS: tuple[Entry, ...] = (
    harmless("client_body_buffer_size", _ANYWHERE, Kind("size", 1, 1, _body_buffer), _STREAMS),
    harmless("client_body_in_single_buffer", _ANYWHERE, FLAG, _STREAMS),
    harmless("connection_pool_size", _SERVERS, SIZE, "Memory is Python's."),
    harmless("postpone_output", _ANYWHERE, SIZE, _STREAMS),
    harmless("proxy_cache", _ANYWHERE, TEXT, "Nothing is cached; a start says so."),
    harmless("proxy_request_buffering", _ANYWHERE, FLAG, _STREAMS),
    harmless("request_pool_size", _SERVERS, SIZE, "Memory is Python's."),
    harmless(
        "reset_timedout_connection", _ANYWHERE, FLAG, "A connection that timed out is closed either way."
    ),
    harmless("subrequest_output_buffer_size", _ANYWHERE, SIZE, _STREAMS),
    harmless("server_names_hash_bucket_size", _HTTP, SIZE, _DICTIONARY),
    harmless("server_names_hash_max_size", _HTTP, SIZE, _DICTIONARY),
    harmless("tcp_nopush", _ANYWHERE, FLAG, "Small answers leave in one write anyway."),
    harmless("types_hash_bucket_size", _ANYWHERE, SIZE, _DICTIONARY),
    harmless("types_hash_max_size", _ANYWHERE, SIZE, _DICTIONARY),
    harmless("variables_hash_bucket_size", _HTTP, SIZE, _DICTIONARY),
    harmless("variables_hash_max_size", _HTTP, SIZE, _DICTIONARY),
)

ENTRIES: tuple[Entry, ...] = _STRUCTURE + _LOCATION + _SERVER + _HARMLESS
