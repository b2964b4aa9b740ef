"""The directives that tell which proxies are believed about the address of a client."""

from __future__ import annotations

import socket

from dyups.config.directives.entry import Call, Context, Entry, Kind, setting
from dyups.config.directives.kinds import FLAG, TEXT
from dyups.config.networks import Network, parse_network
from dyups.config.realip import RealIpSettings
from dyups.errors import ConfigError

_ANYWHERE = Context.HTTP_SERVER_LOCATION


def _from(call: Call) -> tuple[Network, ...]:
    """A network, ``unix:``, or a host by its name, which is looked up now (``ngx_http_realip_from``)."""
    text = call.args[0]
    try:
        if text != "all":
            return (parse_network(text),)
    except ConfigError:
        pass
    if "/" in text or not text or text == "all":
        raise ConfigError(f'invalid parameter "{text}"')
    try:
        found = socket.getaddrinfo(text, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ConfigError(f'host not found in set_real_ip_from "{text}"') from None
    return tuple(dict.fromkeys(parse_network(str(address[0])) for *_, address in found))


ENTRIES: tuple[Entry, ...] = (
    setting(
        "real_ip_header",
        _ANYWHERE,
        TEXT,
        RealIpSettings,
        "X-Real-IP",
        "The field of the request that has the address of the client, or ``proxy_protocol``.",
    ),
    setting(
        "real_ip_recursive",
        _ANYWHERE,
        FLAG,
        RealIpSettings,
        "off",
        "Whether the last address that is not itself a trusted one is the client's, rather than the last one.",
    ),
    setting(
        "set_real_ip_from",
        _ANYWHERE,
        Kind("address | CIDR | unix: | name", 1, 1, _from),
        RealIpSettings,
        "",
        "A proxy in front whose word about the address of the client is believed.",
        several=True,
    ),
)
