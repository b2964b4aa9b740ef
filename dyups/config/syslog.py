"""``syslog:server=…``: where a log is sent, and as what.

Owns the text's form and nginx's checks of it (``ngx_syslog_process_conf``).  Called by the table for ``access_log``;
``metrics.syslog`` sends.
"""

from __future__ import annotations

import re

from dyups.config.model import Syslog
from dyups.config.values import HostPort, parse_server_address
from dyups.errors import ConfigError

PREFIX = "syslog:"
FACILITIES = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "intern",
    "lpr",
    "news",
    "uucp",
    "clock",
    "authpriv",
    "ftp",
    "ntp",
    "audit",
    "alert",
    "cron",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
]
SEVERITIES = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"]
_TAG = re.compile(r"[A-Za-z0-9_]{1,32}\Z")
_PORT = 514


def parse_syslog(text: str) -> Syslog:
    """The target of ``syslog:…``; raises ConfigError without a place."""
    found: dict[str, str] = {}
    for word in text.removeprefix(PREFIX).split(","):
        key, equals, value = word.partition("=")
        if key not in ("server", "facility", "severity", "tag") or not equals:
            if word != "nohostname":
                raise ConfigError(f'unknown syslog parameter "{word}"')
            key = word
        if key in found:
            raise ConfigError(f'duplicate syslog "{key}"')
        found[key] = value
    if "server" not in found:
        raise ConfigError("no syslog server specified")
    facility = _place(FACILITIES, "facility", found.get("facility", "local7"))
    severity = _place(SEVERITIES, "severity", found.get("severity", "info"))
    tag = found.get("tag", "dyups")
    if _TAG.match(tag) is None:
        raise ConfigError(f'invalid syslog "tag" {tag!r}: it has up to 32 letters, digits and underscores')
    return Syslog(*_server(found["server"]), facility * 8 + severity, tag, "nohostname" not in found)


def _place(words: list[str], what: str, word: str) -> int:
    if word not in words:
        raise ConfigError(f'unknown syslog {what} "{word}"')
    return words.index(word)


def _server(text: str) -> HostPort:
    try:
        return parse_server_address(text, _PORT)
    except ConfigError as error:
        reason = error.message.partition(" in upstream ")[0]
        raise ConfigError(f'{reason} in syslog server "{text}"') from None
