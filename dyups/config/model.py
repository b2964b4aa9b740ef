"""The settings as the other floors read them: frozen, typed, merged, in units of seconds and bytes.

``config.build`` makes them, nobody changes them.  Field names are nginx's directive names, so a reader who knows
the directive knows the field; defaults here are nginx 1.31's and the directive table must agree (tested).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from dyups.config.access import AccessSettings as AccessSettings
from dyups.config.bodies import BodySettings as BodySettings
from dyups.config.compression import CompressionSettings as CompressionSettings
from dyups.config.defined import Defined
from dyups.config.http2 import Http2Settings as Http2Settings
from dyups.config.limits import LimitSettings as LimitSettings
from dyups.config.limits import LimitZone as LimitZone
from dyups.config.matching import Regex
from dyups.config.proxying import ProxyingSettings as ProxyingSettings
from dyups.config.realip import RealIpSettings as RealIpSettings
from dyups.config.routing import (
    AnswerSettings,
    BreakStep,
    FileSettings,
    IfStep,
    LimitExceptStep,
    RewriteStep,
)
from dyups.config.scripts import LocationScripts, LuaSettings, ScriptContent
from dyups.config.specs import DEFAULT_LINE as DEFAULT_LINE
from dyups.config.specs import BalancingSpec as BalancingSpec
from dyups.config.specs import Place as Place
from dyups.config.specs import ResolverSpec as ResolverSpec
from dyups.config.specs import ServerSpec as ServerSpec
from dyups.config.specs import UpstreamSpec as UpstreamSpec
from dyups.config.specs import fold as fold
from dyups.config.substitution import SubstitutionSettings as SubstitutionSettings
from dyups.config.template import Template as Template
from dyups.config.tls import PROXY_DEFAULTS, SERVER_DEFAULTS
from dyups.config.tls import ProxyTls as ProxyTls
from dyups.config.tls import ServerTls as ServerTls
from dyups.config.visiting import VisitingSettings as VisitingSettings
from dyups.interfaces import Address, Getter

# -- what a location does ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetStep:
    """``set $name value;`` of the rewrite phase; ``name`` is lower case, without ``$``."""

    name: str
    value: Template


@dataclass(frozen=True, slots=True)
class ReturnStep:
    """``return code [text]``, ``return code URL``, ``return URL`` of the rewrite phase.

    For 301, 302, 303, 307 and 308 ``text`` is the Location; ``return URL`` has code 302.
    """

    code: int
    text: Template | None = None


Step = SetStep | ReturnStep | BreakStep | RewriteStep | IfStep | LimitExceptStep


@dataclass(frozen=True, slots=True)
class ProxyPass:
    """``proxy_pass URL``: ``target`` renders ``host[:port]`` or an upstream's name, ``uri`` the URI part if given.

    Where the text has variables anywhere, ``has_variables`` is true and nginx's rule holds: a URI part, if given,
    replaces the request's as it stands; without variables it replaces the location's prefix of the path.
    A target that is one variable from the scheme on (``proxy_pass $url``) has an empty ``scheme`` and renders whole.
    """

    scheme: str
    target: Template
    uri: Template | None
    has_variables: bool
    settled: bool = False
    """Variables as it may have, none of a client's choosing says where to."""
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Echo:
    """``echo TEXT …;``: the texts of one command joined by a space, each command ended by a newline."""

    lines: tuple[Template, ...]
    """One for each command, its newline (which ``echo -n`` leaves away) included: joined they are the answer."""


@dataclass(frozen=True, slots=True)
class ResourceContent:
    """A Twisted web resource under this location, by the name of its directive (``dyups_interface``)."""

    name: str
    args: tuple[str, ...] = ()


Content = ProxyPass | Echo | ResourceContent | ScriptContent


class LogEscape(Enum):
    """``log_format … escape=``: what is done to the values of variables."""

    DEFAULT = "default"
    JSON = "json"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class LogFormat:
    """``log_format``: texts, and what reads the variables between them; ``metrics.logformat`` makes lines of it."""

    name: str
    parts: tuple[bytes | Getter, ...]
    escape: LogEscape = LogEscape.DEFAULT


@dataclass(frozen=True, slots=True)
class Syslog:
    """``syslog:server=…``: where datagrams go, and what stands in them."""

    host: str
    """Empty for a unix socket."""
    port: int
    path: str
    """Of a unix socket, else empty."""
    priority: int
    """Facility and severity (RFC 3164 section 4.1.1)."""
    tag: str
    hostname: bool


@dataclass(frozen=True, slots=True)
class AccessLog:
    """One ``access_log``."""

    path: Template
    """Absolute where the text is constant; otherwise it renders to an absolute path."""
    format: LogFormat
    buffer: int = 0
    """Bytes that are held back until so many are together; 0 where nothing is held on purpose."""
    flush: float = 0.0
    """Seconds after which the buffer is written anyway; 0 for never."""
    gzip: int = 0
    """The level at which what is written is compressed; 0 for not at all."""
    condition: Template | None = None
    """``if=``: a request for which this is empty or ``0`` is not logged."""
    syslog: Syslog | None = None
    """Where lines are sent; then ``path`` names no file."""


@dataclass(frozen=True, slots=True)
class LocationSettings:
    """What may be said per location; merged from ``http`` and ``server``.  Times in seconds, sizes in bytes."""

    FAMILIES: ClassVar[dict[str, type]] = {
        "access": AccessSettings,
        "answers": AnswerSettings,
        "bodies": BodySettings,
        "compression": CompressionSettings,
        "substitution": SubstitutionSettings,
        "files": FileSettings,
        "scripts": LocationScripts,
        "proxying": ProxyingSettings,
        "realip": RealIpSettings,
        "visiting": VisitingSettings,
        "limits": LimitSettings,
    }
    """Fields that are settings of a module of their own."""
    access: AccessSettings = field(default_factory=AccessSettings)
    answers: AnswerSettings = field(default_factory=AnswerSettings)
    bodies: BodySettings = field(default_factory=BodySettings)
    compression: CompressionSettings = field(default_factory=CompressionSettings)
    substitution: SubstitutionSettings = field(default_factory=SubstitutionSettings)
    files: FileSettings = field(default_factory=FileSettings)
    scripts: LocationScripts = field(default_factory=LocationScripts)
    access_log: tuple[AccessLog | None, ...] = ()
    """None stands for ``off``, which wins over the others of its block."""
    log_subrequest: bool = False
    chunked_transfer_encoding: bool = True
    client_body_timeout: float = 60.0
    client_max_body_size: int = 1 << 20
    default_type: str = "text/plain"
    error_log: tuple[ErrorLog, ...] = ()
    http2_chunk_size: int = 8192
    keepalive_disable: frozenset[str] = frozenset({"msie6"})
    keepalive_min_timeout: float = 0.0
    keepalive_requests: int = 1000
    keepalive_time: float = 3600.0
    keepalive_timeout: float = 75.0
    keepalive_timeout_header: float = 0.0
    """The second argument of ``keepalive_timeout``: what ``Keep-Alive: timeout=`` says; 0 sends none."""
    lingering_close: str = "on"
    lingering_time: float = 30.0
    lingering_timeout: float = 5.0
    proxying: ProxyingSettings = field(default_factory=ProxyingSettings)
    realip: RealIpSettings = field(default_factory=RealIpSettings)
    visiting: VisitingSettings = field(default_factory=VisitingSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    proxy_connect_timeout: float = 60.0
    proxy_http_version: str = "1.1"
    proxy_next_upstream: frozenset[str] = frozenset({"error", "timeout"})
    proxy_next_upstream_tries: int = 0
    proxy_next_upstream_timeout: float = 0.0
    proxy_read_timeout: float = 60.0
    proxy_send_timeout: float = 60.0
    proxy_set_header: tuple[tuple[str, Template], ...] = ()
    """(field name as written, value); an empty value keeps the field from being sent."""
    resolver: ResolverSpec | None = None
    resolver_timeout: float = 30.0
    session_sticky_hide_cookie: str = ""
    """The upstream whose cookie servers are not to see."""
    send_timeout: float = 60.0
    server_tokens: bool = True
    tcp_nodelay: bool = True


class LocationKind(Enum):
    """The modifier of a ``location``."""

    EXACT = "="
    PREFIX_FIRST = "^~"
    PREFIX = ""
    REGEX = "~"
    REGEX_CASELESS = "~*"
    NAMED = "@"


@dataclass(frozen=True, slots=True)
class Location:
    """One ``location`` with what it does: rewrite-phase steps in order, then its content."""

    kind: LocationKind
    pattern: str
    """The path, the source of the regular expression, or the name with its ``@``."""
    settings: LocationSettings
    steps: tuple[Step, ...] = ()
    content: Content | None = None
    locations: tuple[Location, ...] = ()
    regex: Regex | None = None
    internal: bool = False
    place: Place = field(default=Place(), compare=False)
    proxy_tls: ProxyTls = PROXY_DEFAULTS


# -- servers -----------------------------------------------------------------------------------------------------


class NameKind(Enum):
    """The four forms of a ``server_name``."""

    EXACT = "exact"
    LEADING = "*."
    TRAILING = ".*"
    REGEX = "~"


@dataclass(frozen=True, slots=True)
class ServerName:
    """One name of a server.

    ``text`` is as written; ``key`` is what is compared, lower case: the whole name (EXACT), the part after ``*.``
    (LEADING) or before ``.*`` (TRAILING).  ``.example.com`` becomes two names, EXACT and LEADING.
    """

    kind: NameKind
    text: str
    key: str
    regex: Regex | None = None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What may be said per server; the default server's hold until the Host is known, as in nginx."""

    FAMILIES: ClassVar[dict[str, type]] = {"http2": Http2Settings}
    client_header_buffer_size: int = 1024
    client_header_timeout: float = 60.0
    large_client_header_buffers: tuple[int, int] = (4, 8192)
    max_headers: int = 1000
    ignore_invalid_headers: bool = True
    underscores_in_headers: bool = False
    merge_slashes: bool = True
    http2: Http2Settings = field(default_factory=Http2Settings)


@dataclass(frozen=True, slots=True)
class Server:
    """One ``server`` block.  ``settings`` of its own serve requests that match no location."""

    names: tuple[ServerName, ...]
    server: ServerSettings
    settings: LocationSettings
    locations: tuple[Location, ...] = ()
    steps: tuple[Step, ...] = ()
    place: Place = field(default=Place(), compare=False)
    tls: ServerTls = SERVER_DEFAULTS


@dataclass(frozen=True, slots=True)
class Listen:
    """One listening socket and the servers behind it, in order of the configuration."""

    address: Address
    servers: tuple[Server, ...]
    default_server: Server
    backlog: int = 511
    reuseport: bool = False
    ipv6only: bool = True
    proxy_protocol: bool = False
    ssl: bool = False
    http2: bool = False
    """``listen … http2``: every server behind it speaks HTTP/2."""


def inner_locations(block: Server | Location) -> tuple[Location, ...]:
    """All that is directly inside: locations, and the nameless ones of ``if`` and ``limit_except``."""
    found = [step.location for step in block.steps if isinstance(step, IfStep | LimitExceptStep)]
    return (*block.locations, *(location for location in found if location is not None))


# -- the whole ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ErrorLog:
    """``error_log FILE LEVEL``; ``path`` is absolute, or ``stderr``."""

    path: str
    level: str = "error"
    syslog: Syslog | None = None
    """Where lines are sent; then ``path`` is what was written."""


@dataclass(frozen=True, slots=True)
class DyupsSettings:
    """The module's own directives (``http`` context)."""

    dyups_dump: bool = True
    dyups_literal_targets: bool = False
    dyups_read_msg_log: bool = False
    dyups_read_msg_timeout: float = 1.0
    dyups_shm_zone_size: int = 2 << 20
    dyups_trylock: bool = False
    dyups_upstream_conf: str = ""
    """Absolute path of the dump file; empty where none is configured."""
    dyups_api: bool = False


@dataclass(frozen=True, slots=True)
class Http:
    """The ``http`` block."""

    listens: tuple[Listen, ...] = ()
    upstreams: tuple[UpstreamSpec, ...] = ()
    """In order; each ``place.file`` tells whether the block came from the dump file."""
    dyups: DyupsSettings = DyupsSettings()
    lua: LuaSettings = field(default_factory=LuaSettings)
    limit_zones: tuple[LimitZone, ...] = ()
    """Of ``limit_req_zone`` and ``limit_conn_zone``."""
    log_format: tuple[LogFormat, ...] = ()
    """As written, in order; each ``access_log`` has its own at hand."""
    resolver: ResolverSpec | None = None
    """What is asked for the names of upstreams, where they do not say themselves."""
    resolver_timeout: float = 30.0
    defined: Mapping[str, Defined] = field(default_factory=dict)
    """The variables of ``map``, ``geo`` and ``split_clients``."""
    user_variables: frozenset[str] = frozenset()
    """The names that ``set`` and named groups define anywhere: texts of run time may read them too."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration."""

    prefix: str
    daemon: bool = True
    error_log: tuple[ErrorLog, ...] = ()
    master_process: bool = True
    pid: str = ""
    worker_processes: int = 1
    """0 means ``auto``."""
    worker_shutdown_timeout: float = 0.0
    """Seconds; 0 for no limit."""
    http: Http | None = None
    files: tuple[str, ...] = ()
    """Every file that was read, in order: what ``-T`` prints."""
