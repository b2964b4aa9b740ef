"""``server_name`` arguments to the names of a server.

Owns the four forms of a name and nginx's errors about them.  Called by ``build_http``; which server a request's
host means is the data plane's business.
"""

from __future__ import annotations

import socket

from dyups.config.model import NameKind, ServerName
from dyups.config.regex import compile_regex
from dyups.errors import ConfigError

#: What a server without ``server_name`` is called: the requests without a Host are its own.
NO_NAME = ServerName(NameKind.EXACT, "", "")


def parse_server_name(text: str) -> tuple[ServerName, ...]:
    """The names that one argument of ``server_name`` stands for: two for ``.example.com``, else one.

    Raises ConfigError, without a place, for what is no name.
    """
    if text.startswith("~"):
        return (_regex(text),)
    if text == "$hostname":
        return (ServerName(NameKind.EXACT, text, socket.gethostname().lower()),)
    key = text.lower()
    if text.startswith("*") and (len(text) < 3 or text[1] != "."):
        raise ConfigError(f'invalid server name "{text}"')
    if text.startswith("."):
        key = _plain(key[1:], text)
        return ServerName(NameKind.EXACT, text, key), ServerName(NameKind.LEADING, text, key)
    if text.startswith("*."):
        return (ServerName(NameKind.LEADING, text, _plain(key[2:], text)),)
    if text.endswith(".*"):
        return (ServerName(NameKind.TRAILING, text, _plain(key[:-2], text)),)
    return (ServerName(NameKind.EXACT, text, _plain(key, text) if text else ""),)


def _plain(key: str, text: str) -> str:
    if not key or "*" in key or ".." in key or "\0" in key:
        raise ConfigError(f'invalid server name or wildcard "{text}"')
    return key


def _regex(text: str) -> ServerName:
    if text == "~":
        raise ConfigError(f'empty regex in server name "{text}"')
    # Hosts are compared in lower case, so the pattern must not mind.
    return ServerName(NameKind.REGEX, text, text[1:], compile_regex(text[1:], caseless=True))
