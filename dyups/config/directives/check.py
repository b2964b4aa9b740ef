"""Active health checks, as Tengine's ngx_http_upstream_check_module has them: commands of an upstream, and the page."""

from __future__ import annotations

from dyups.config.checks import (
    CLASSES,
    FORMS,
    TYPES,
    CheckSpec,
    read_alive,
    read_check,
    read_keepalive_requests,
    read_send,
)
from dyups.config.directives.entry import Call, Context, Entry, Kind, harmless, structure
from dyups.config.directives.kinds import SIZE, words
from dyups.config.model import Location, UpstreamSpec


def _check(call: Call) -> CheckSpec:
    return read_check(call.args)


def _send(call: Call) -> bytes:
    return read_send(call.args[0])


def _alive(call: Call) -> frozenset[int]:
    return read_alive(call.args)


def _keepalive_requests(call: Call) -> int:
    return read_keepalive_requests(call.args[0])


_CHECK = (
    f"interval=milliseconds [rise=count] [fall=count] [timeout=milliseconds] [type={' | '.join(TYPES)}] "
    "[default_down=true | false] [port=number] [unique=true | false]"
)

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "check",
        Context.UPSTREAM,
        Kind(_CHECK, 1, None, _check),
        "Has every server of the group checked, once for all workers; one that is down is not asked.  What is not "
        "said is ``interval=30000 rise=2 fall=5 timeout=1000 default_down=true type=tcp``.",
        owner=UpstreamSpec,
        attribute="check",
        reads_default=False,
    ),
    Entry(
        "check_http_send",
        Context.UPSTREAM,
        Kind("request", 1, 1, _send),
        "What a check of ``type=http`` sends; it stands behind ``check``.",
        owner=CheckSpec,
        attribute="send",
        default=r'"GET / HTTP/1.0\r\n\r\n"',
        reads_default=False,
    ),
    Entry(
        "check_http_expect_alive",
        Context.UPSTREAM,
        Kind(" | ".join(CLASSES) + " …", 1, None, _alive),
        "The status codes with which a check of ``type=http`` is good.",
        owner=CheckSpec,
        attribute="alive",
        default="http_2xx http_3xx",
    ),
    Entry(
        "check_keepalive_requests",
        Context.UPSTREAM,
        Kind("number", 1, 1, _keepalive_requests),
        "How many checks of ``type=http`` go over one connection, if the server keeps it.",
        owner=CheckSpec,
        attribute="keepalive_requests",
        default="1",
    ),
    harmless(
        "check_shm_size",
        Context.HTTP,
        SIZE,
        "The state of the checks is in the master process, without a limit.",
    ),
    structure(
        "check_status",
        Context.LOCATION,
        words(f"[{' | '.join(FORMS)}]", 0, 1),
        "Answers requests to this location with the state of every checked server.  The arguments "
        "``format=`` and ``status=down`` or ``status=up`` choose another form, and some of the servers.",
        owner=Location,
        attribute="content",
    ),
)
