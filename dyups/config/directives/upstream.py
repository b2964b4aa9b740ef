"""The directives of an ``upstream`` block, which are the commands of a POST too."""

from __future__ import annotations

from dyups.config.directives.entry import Call, Context, Entry, Kind, Merge, refused, setting, structure
from dyups.config.directives.kinds import NUMBER, TIME, words
from dyups.config.model import Http, UpstreamSpec
from dyups.config.values import parse_number
from dyups.errors import ConfigError

#: Balancing commands of nginx and Tengine that are not served.  One that is becomes a ``setting`` whose kind reads to
#: a ``BalancingSpec`` and whose attribute is ``balancing``.
BALANCING = (
    "hash",
    "ip_hash",
    "least_conn",
    "least_time",
    "random",
    "consistent_hash",
    "sticky",
    "session_sticky",
)


def _keepalive(call: Call) -> int:
    if call.args[1:] not in ((), ("local",)):
        raise ConfigError(f'invalid parameter "{call.args[1]}"')
    try:
        return parse_number(call.args[0])
    except ConfigError:
        raise ConfigError(f'invalid value "{call.args[0]}" in "keepalive" directive') from None


_UPSTREAM = Context.UPSTREAM

ENTRIES: tuple[Entry, ...] = (
    structure(
        "upstream",
        Context.HTTP,
        words("name { … }", 1, 1),
        "A group of servers that ``proxy_pass`` may name.  Names are compared without case.",
        owner=Http,
        attribute="upstreams",
        block=True,
    ),
    structure(
        "server",
        _UPSTREAM,
        words(
            "address [weight=number] [max_conns=number] [max_fails=number] [fail_timeout=time] [backup] [down]",
            1,
            None,
        ),
        "A server of the group: an IP address, a host name or ``unix:PATH``, with port 80 if none is given.",
        owner=UpstreamSpec,
        attribute="servers",
    ),
    setting(
        "keepalive",
        _UPSTREAM,
        Kind("connections [local]", 1, 2, _keepalive),
        UpstreamSpec,
        "32",
        "How many idle connections to the servers of the group each worker keeps; 0 keeps none.",
        merge=Merge.NONE,
    ),
    setting(
        "keepalive_requests",
        _UPSTREAM,
        NUMBER,
        UpstreamSpec,
        "1000",
        "How many requests a connection to a server carries before it is closed.",
        merge=Merge.NONE,
    ),
    setting(
        "keepalive_time",
        _UPSTREAM,
        TIME,
        UpstreamSpec,
        "1h",
        "How long a connection to a server may live before it is closed after its next request.",
        merge=Merge.NONE,
    ),
    setting(
        "keepalive_timeout",
        _UPSTREAM,
        TIME,
        UpstreamSpec,
        "60s",
        "How long an idle connection to a server stays open.",
        merge=Merge.NONE,
    ),
    structure(
        "zone",
        _UPSTREAM,
        words("name [size]", 1, 2),
        "Kept and shown, with no effect: every upstream is shared between the workers.",
        owner=UpstreamSpec,
        attribute="commands",
        several=False,
    ),
    *(refused(name, "Balancing method.") for name in BALANCING),
)
