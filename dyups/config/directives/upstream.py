"""The directives of an ``upstream`` block, which are the commands of a POST too."""

from __future__ import annotations

from dyups.config.directives.entry import Call, Context, Entry, Kind, Merge, setting, structure
from dyups.config.directives.kinds import NUMBER, TIME, words
from dyups.config.directives.resolver import RESOLVER
from dyups.config.model import BalancingSpec, Http, UpstreamSpec
from dyups.config.plugins import check_balancer
from dyups.config.specs import QueueSpec
from dyups.config.values import parse_number, parse_size, parse_time
from dyups.errors import ConfigError

#: Those that are served but know no backup servers.
WITHOUT_BACKUP = ("consistent_hash", "hash", "ip_hash", "random", "session_sticky")
#: What a hash ring may hold, all weights together: a worker makes it within about a second.
MOST_POINTS = 1 << 19
#: What a zone has at least (``8 * ngx_pagesize``).
LEAST_ZONE = 8 * 4096
#: The points of a server, for each unit of its weight (``balancing.ketama``).
POINTS_PER_WEIGHT = 160


def _keepalive(call: Call) -> int:
    if call.args[1:] not in ((), ("local",)):
        raise ConfigError(f'invalid parameter "{call.args[1]}"')
    try:
        return parse_number(call.args[0])
    except ConfigError:
        raise ConfigError(f'invalid value "{call.args[0]}" in "keepalive" directive') from None


def _queue(call: Call) -> QueueSpec:
    timeout = QueueSpec(0).timeout
    for word in call.args[1:]:
        name, _, value = word.partition("=")
        try:
            if name != "timeout":
                raise ConfigError("unknown")
            timeout = parse_time(value)
        except ConfigError:
            raise ConfigError(f'invalid parameter "{word}"') from None
    try:
        limit = parse_number(call.args[0])
    except ConfigError:
        limit = 0
    if not limit:
        raise ConfigError(f'invalid value "{call.args[0]}" in "queue" directive')
    return QueueSpec(limit, timeout)


def _zone(call: Call) -> str:
    """The name; the size has to be right, but memory is taken as it is needed."""
    name, *sizes = call.args
    if not name:
        raise ConfigError(f'invalid zone name "{name}"')
    for text in sizes:
        try:
            size = parse_size(text)
        except ConfigError:
            raise ConfigError(f'invalid zone size "{text}"') from None
        if size < LEAST_ZONE:
            raise ConfigError(f'zone "{name}" is too small')
    return name


def _method(call: Call) -> BalancingSpec:
    return BalancingSpec(call.name, call.args)


def _by_address(call: Call) -> BalancingSpec:
    call.scope.template("$remote_addr")  # what the method reads has to be there when a server is chosen
    return _method(call)


def _by_key(call: Call) -> BalancingSpec:
    """The key is kept as text, since what is compiled cannot go to another process; here it is only checked."""
    call.scope.template(call.args[0])
    if call.args[1:] not in ((), ("consistent",)):
        raise ConfigError(f'invalid parameter "{call.args[1]}"')
    return _method(call)


def _by_chance(call: Call) -> BalancingSpec:
    allowed = (("two",), ("least_conn", "least_time=header", "least_time=last_byte"))
    for given, known in zip(call.args, allowed, strict=False):
        if given not in known:
            raise ConfigError(f'invalid parameter "{given}"')
    return _method(call)


def _by_plugin(call: Call) -> BalancingSpec:
    check_balancer(call.args[0], call.args[1:])
    return _method(call)


def _by_time(call: Call) -> BalancingSpec:
    for given, known in zip(call.args, (("header", "last_byte"), ("inflight",)), strict=False):
        if given not in known:
            raise ConfigError(f'invalid parameter "{given}"')
    return _method(call)


def _balancing(name: str, kind: Kind, doc: str) -> Entry:
    return Entry(
        name, Context.UPSTREAM, kind, doc, owner=UpstreamSpec, attribute="balancing", reads_default=False
    )


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
            "address [weight=number] [max_conns=number] [max_fails=number] [fail_timeout=time] [slow_start=time] "
            "[resolve] [service=name] [route=text] [backup] [down] [drain]",
            1,
            None,
        ),
        "A server of the group: an IP address, a host name or ``unix:PATH``, with port 80 if none is given.  With "
        "``slow_start`` the weight of a server that has recovered grows to its own within that time.  With "
        "``resolve`` the name is looked up again whenever its TTL has passed, by the ``resolver`` of the group or of "
        "``http``; with ``service`` its SRV records are.  ``route`` stands for the server in sticky sessions.  A "
        "server that is to ``drain`` gets only the requests that are bound to it.",
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
    setting(
        "queue",
        _UPSTREAM,
        Kind("number [timeout=time]", 1, 2, _queue),
        UpstreamSpec,
        "",
        "How many requests may wait, in each worker, while every server that could be asked has as many as its "
        "``max_conns`` allows, and how long (60s): in order of arrival.  502 for those beyond, and for those who wait "
        "too long.",
        merge=Merge.NONE,
    ),
    setting(
        "resolver",
        _UPSTREAM,
        RESOLVER,
        UpstreamSpec,
        "",
        "The name servers that are asked for the group's names with ``resolve``; by default those of ``http``.",
        merge=Merge.NONE,
    ),
    setting(
        "resolver_timeout",
        _UPSTREAM,
        TIME,
        UpstreamSpec,
        "0",
        "How long an answer of the group's name servers may take; 0 is what ``http`` says.",
        merge=Merge.NONE,
    ),
    setting(
        "zone",
        _UPSTREAM,
        Kind("name [size]", 1, 2, _zone),
        UpstreamSpec,
        "",
        "Has all workers count together the requests under way and the failures of each server: for ``max_conns``, "
        "``least_conn``, ``random two``, ``least_time``, ``queue`` and ``max_fails``.  Without it each worker counts "
        "its own.  The size is checked, but memory is taken as servers need it.",
        merge=Merge.NONE,
    ),
    _balancing(
        "least_conn",
        Kind("", 0, 0, _method),
        "Asks the server with the fewest requests under way for its weight, among equals in turn.  Each worker counts "
        "its own requests, unless the group has a ``zone``.",
    ),
    _balancing(
        "ip_hash",
        Kind("", 0, 0, _by_address),
        "Asks the same server for the same client, by three octets of an IPv4 address or the whole IPv6 address; the "
        "mapping is nginx's.  Like ``hash``, ``random`` and ``consistent_hash`` it refuses ``backup`` servers, "
        "wherever in the group they stand.",
    ),
    _balancing(
        "hash",
        Kind("key [consistent]", 1, 2, _by_key),
        "Asks the same server for the same key, a text with variables.  With ``consistent`` few keys move when servers "
        "come or go (ketama).  Both mappings are nginx's and those of memcached clients.  The weights of a "
        "consistent group may be 3276 together.",
    ),
    _balancing(
        "random",
        Kind("[two [least_conn | least_time=header | least_time=last_byte]]", 0, 2, _by_chance),
        "Asks any server, by weight; with ``two`` the one of two that has fewer requests under way, or with "
        "``least_time`` the quicker one.",
    ),
    _balancing(
        "least_time",
        Kind("header | last_byte [inflight]", 1, 2, _by_time),
        "Asks the server with the least average time to the head or to the end of its answers, times the requests it "
        "would have under way, for its weight; among equals in turn.  With ``inflight`` requests count that have not "
        "been answered yet.  Each worker goes by what it has measured itself.",
    ),
    _balancing(
        "consistent_hash",
        Kind("key", 1, 1, _by_key),
        "Tengine's consistent hashing: as ``hash key consistent``, with the mapping of Tengine's module.",
    ),
    _balancing(
        "balancer",
        Kind("name [argument …]", 1, None, _by_plugin),
        "Asks the server that the plugin of this name chooses, and round robin where it does not choose; see "
        "``plugins.rst``.",
    ),
)
