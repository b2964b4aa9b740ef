"""``proxy_pass URL`` to its parts.

Owns nginx's rules for the URL of ``proxy_pass``.  Called by ``build_location``; names are looked up and requests
sent by the data plane.
"""

from __future__ import annotations

import re

from dyups.config.model import Place, ProxyPass
from dyups.config.parser import Directive
from dyups.config.scope import Scope
from dyups.config.settled import is_settled
from dyups.config.values import parse_server_address
from dyups.config.variables import constant, has_variables
from dyups.errors import ConfigError

_URI_START = re.compile("[/?]")
_UNIX = re.compile(r"(unix:[^:]*):?", re.IGNORECASE)


def parse_proxy_pass(directive: Directive, scope: Scope, *, path_replaced: bool) -> ProxyPass:
    """The URL of a ``proxy_pass``, in parts.

    ``path_replaced`` tells whether the location has a prefix that a URI part can replace.  Raises ConfigError,
    without a place.
    """
    url = directive.args[0]
    place = Place(directive.file, directive.line)
    variable = has_variables(url)
    scheme, target, uri = _split(url, variable)
    if variable:
        rendered = scope.template(uri) if uri else None
        settled = is_settled(url, scope.settled)
        return ProxyPass(scheme, scope.template(target), rendered, True, settled, place)
    parse_server_address(target, 443 if scheme == "https" else 80)
    if uri and not path_replaced:
        raise ConfigError(
            '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, '
            'or inside "if" statement, or inside "limit_except" block'
        )
    return ProxyPass(scheme, constant(target), constant(uri) if uri else None, False, place=place)


def _split(url: str, variable: bool) -> tuple[str, str, str]:
    """Scheme, target and URI part; the scheme is empty where it may itself come from a variable."""
    lowered = url.lower()
    scheme = "https" if lowered.startswith("https://") else "http"
    if not lowered.startswith(f"{scheme}://"):
        if variable and "://" not in url.split("$", 1)[0]:
            return "", url, ""
        raise ConfigError("invalid URL prefix")
    rest = url[len(f"{scheme}://") :]
    unix = _UNIX.match(rest)
    if unix:
        return scheme, unix[1], rest[unix.end() :]
    start = _URI_START.search(rest)
    cut = start.start() if start else len(rest)
    return scheme, rest[:cut], rest[cut:]
