"""Values as nginx writes them: numbers, sizes, times, flags and addresses, one function each.

Owns the spelling of single values.  Which directive takes which value is the table's business (``directives``);
turning host names into addresses is ``upstream.resolve``'s.  Called by the directive table, by ``upstreams`` for
the parameters of a ``server``, and by ``listening`` for ``listen``.

Every function raises :class:`~dyups.errors.ConfigError` without a place; the caller, who knows it, adds file and
line.
"""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

from dyups.errors import ConfigError
from dyups.interfaces import Address, TcpAddress, UnixAddress

#: ``sizeof(sun_path) - 1`` on Linux: nginx refuses longer paths.
MAX_UNIX_PATH = 107

#: More digits than nginx's own integers hold; also keeps ``int()`` from ever being slow.
_NUMBER = re.compile(r"[0-9]{1,18}\Z")
_SIZE = re.compile(r"([0-9]{1,15})([kKmMgG]?)\Z")
# ngx_parse_time(): units from large to small, each at most once, blanks between; a bare number is seconds.
_TIME = re.compile(
    r"(?=[0-9])"
    r"(?:([0-9]{1,9})y *)?(?:([0-9]{1,9})M *)?(?:([0-9]{1,9})w *)?(?:([0-9]{1,9})d *)?"
    r"(?:([0-9]{1,9})h *)?(?:([0-9]{1,9})m(?!s) *)?(?:([0-9]{1,12})(?:s *|\Z))?(?:([0-9]{1,15})ms)?\Z"
)
_SECONDS = (365 * 86400.0, 30 * 86400.0, 7 * 86400.0, 86400.0, 3600.0, 60.0, 1.0)
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!\Z)|\Z)){4}\Z")
#: As ``ngx_inet_addr`` reads it: zeros in front make no octal number, as they do for other readers.
_PADDED_IPV4 = re.compile(r"(?=[0-9.]*\.0[0-9]|0[0-9])0*[0-9]{1,3}(?:\.0*[0-9]{1,3}){3}\Z")
_LOCAL = re.compile(r"(?:\[([^]]*)\]|([^\[:]*))(?::([0-9]{1,5}))?\Z")
# Not in a host: what would end or change the command when it is printed again, and what no host has.
_BAD_HOST = re.compile("[\\x00-\\x20\\x7f\\ud800-\\udfff;{}\"'\\\\$\\[\\]:/?#%@,]")
_BAD_PATH = re.compile("[\\x00-\\x1f\\x7f\\ud800-\\udfff]")


class HostPort(NamedTuple):
    """Where a server is: a host with its port, or the path of a unix socket (then ``host`` is empty)."""

    host: str
    port: int
    path: str = ""


def parse_number(text: str) -> int:
    """A whole number, 0 or more (``ngx_atoi``).

    Raises ConfigError for anything else.
    """
    if _NUMBER.match(text) is None:
        raise ConfigError("invalid number")
    return int(text)


def parse_size(text: str) -> int:
    """Bytes from ``4096``, ``8k``, ``1m`` (``ngx_parse_size``).

    Raises ConfigError for anything else, ``1g`` among it: that is an offset.
    """
    if text[-1:] in ("g", "G"):
        raise ConfigError(f'invalid value "{text}"')
    return parse_offset(text)


def parse_offset(text: str) -> int:
    """Bytes from a size that may also be in gigabytes (``ngx_parse_offset``).

    Raises ConfigError for anything else.
    """
    found = _SIZE.match(text)
    if found is None:
        raise ConfigError(f'invalid value "{text}"')
    return int(found[1]) * _FACTORS[found[2].lower()]


def parse_time(text: str) -> float:
    """Seconds from ``500ms``, ``30``, ``30s``, ``1h30m``, ``1d 12h`` (``ngx_parse_time``).

    Raises ConfigError for anything else.
    """
    found = _TIME.match(text)
    if found is None:
        raise ConfigError(f'invalid value "{text}"')
    *parts, milliseconds = found.groups("0")
    total = sum(int(part) * seconds for part, seconds in zip(parts, _SECONDS, strict=True))
    return total + int(milliseconds) / 1000


def parse_seconds(text: str) -> float:
    """Whole seconds: as :func:`parse_time`, but without milliseconds, where nginx counts in seconds.

    Raises ConfigError for anything else.
    """
    if text.endswith("ms"):
        raise ConfigError(f'invalid value "{text}"')
    return parse_time(text)


def format_time(seconds: float) -> str:
    """The shortest of nginx's spellings that reads back as the same time: ``10s``, ``1500ms``."""
    if seconds == int(seconds):
        return f"{int(seconds)}s"
    return f"{round(seconds * 1000)}ms"


def parse_flag(text: str, name: str) -> bool:
    """``on`` or ``off`` (in any case) of the directive ``name``.

    Raises ConfigError for anything else.
    """
    lowered = text.lower()
    if lowered not in ("on", "off"):
        raise ConfigError(f'invalid value "{text}" in "{name}" directive, it must be "on" or "off"')
    return lowered == "on"


def is_ipv4(text: str) -> bool:
    """Whether the text is four decimal octets."""
    return _IPV4.match(text) is not None


def is_ipv6(text: str) -> bool:
    """Whether the text, without brackets, is an IPv6 address."""
    try:
        socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):  # ValueError: a NUL, or not even encodable
        return False
    return True


def local_address(text: str) -> tuple[str, int] | None:
    """Host and port of an address of ours (``ngx_parse_addr_port``): port 0 leaves it to the system.

    None for what is neither an IP address nor one with a port.
    """
    if is_ipv6(text):
        return text, 0
    found = _LOCAL.match(text)
    if found is None or not (is_ipv4(found[2]) if found[1] is None else is_ipv6(found[1])):
        return None
    port = int(found[3] or 0)
    return (found[1] or found[2], port) if port <= 65535 else None


def parse_server_address(text: str, default_port: int = 80) -> HostPort:
    """The address of a ``server`` or of ``proxy_pass``: IPv4, ``[IPv6]`` or a name, with or without port, or
    ``unix:PATH``.  Names are not looked up.

    Raises ConfigError with nginx's words (``invalid port in upstream "x"``).
    """
    try:
        return _host_port(text, default_port)
    except ConfigError as error:
        raise ConfigError(f'{error.message} in upstream "{text}"') from None


def parse_listen_address(text: str, default_port: int = 80) -> Address:
    """The address of a ``listen``: a port, ``address:port``, ``*:port``, ``[::]:port``, ``unix:PATH``.

    A host name other than ``localhost`` is refused: which address it had would depend on the moment of the start.
    Raises ConfigError with nginx's words (``invalid port in "x" of the "listen" directive``).
    """
    try:
        return _listen_address(text, default_port)
    except ConfigError as error:
        raise ConfigError(f'{error.message} in "{text}" of the "listen" directive') from None


def _listen_address(text: str, default_port: int) -> Address:
    if _NUMBER.match(text):
        return TcpAddress("0.0.0.0", _port(text))
    if text == "*" or text.startswith("*:"):
        text = "0.0.0.0" + text[1:]
    host, port, path = _host_port(text, default_port)
    if path:
        return UnixAddress(path)
    if host.lower() == "localhost":
        host = "127.0.0.1"
    if not is_ipv4(host) and ":" not in host:
        raise ConfigError("host not found")
    return TcpAddress(host, port)


def _host_port(text: str, default_port: int) -> HostPort:
    """As ``ngx_parse_url``: the error says what is wrong, its caller says where."""
    if text[:5].lower() == "unix:":
        return HostPort("", 0, _unix_path(text[5:]))
    if text.startswith("["):
        return _bracketed(text, default_port)
    host, colon, port = text.partition(":")
    if not host:
        raise ConfigError("no host")
    if len(host) > 255 or _BAD_HOST.search(host):
        raise ConfigError("invalid host")
    if _PADDED_IPV4.match(host):
        host = ".".join([octet.lstrip("0") or "0" for octet in host.split(".")])
    return HostPort(host, _port(port) if colon else default_port)


def _bracketed(text: str, default_port: int) -> HostPort:
    host, bracket, rest = text[1:].partition("]")
    if not bracket or (rest and not rest.startswith(":")):
        raise ConfigError("invalid host")
    if not is_ipv6(host):
        raise ConfigError("invalid IPv6 address")
    return HostPort(host, _port(rest[1:]) if rest else default_port)


def _port(text: str) -> int:
    if not _NUMBER.match(text) or not 1 <= int(text) <= 65535:
        raise ConfigError("invalid port")
    return int(text)


def _unix_path(path: str) -> str:
    if not path:
        raise ConfigError("no path in the unix domain socket")
    if _BAD_PATH.search(path):
        raise ConfigError("invalid path in the unix domain socket")
    if len(path.encode()) > MAX_UNIX_PATH:
        raise ConfigError("too long path in the unix domain socket")
    return path
