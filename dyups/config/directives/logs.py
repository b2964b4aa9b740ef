"""The access logs: ``access_log`` and ``log_format``.

Owns their arguments and nginx's checks of them.  What a line looks like is ``metrics.logformat``'s, when it is written
``metrics.accesslog``'s.
"""

from __future__ import annotations

import os
from contextlib import suppress

from dyups.config.directives.entry import Call, Context, Entry, Kind, Merge, setting
from dyups.config.directives.kinds import FLAG
from dyups.config.model import AccessLog, Http, LocationSettings, LogEscape, LogFormat, Template
from dyups.config.scope import Scope
from dyups.config.syslog import PREFIX, parse_syslog
from dyups.config.values import parse_size, parse_time
from dyups.config.variables import Part, compile_parts, concatenate, constant, has_variables
from dyups.errors import ConfigError
from dyups.interfaces import Getter

DEFAULT_ACCESS_LOG = "logs/access.log"
COMBINED = "combined"
_GZIP_BUFFER = 64 << 10
_COMBINED_TEXT = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent"'
)


def default_access_log(scope: Scope) -> AccessLog:
    """What holds where no block around says ``access_log``."""
    return AccessLog(constant(scope.path(DEFAULT_ACCESS_LOG)), _format(COMBINED, scope))


# -- log_format --------------------------------------------------------------------------------------------------


def _log_format(call: Call) -> LogFormat:
    name, *texts = call.args
    if name == COMBINED or name in call.scope.log_formats:
        raise ConfigError(f'duplicate "log_format" name "{name}"')
    escape = LogEscape.DEFAULT
    if texts[0].startswith("escape="):
        escape = _escape(texts.pop(0)[len("escape=") :])
    parts: list[Part] = []
    for text in texts:
        parts += call.scope.parts(text)
    found = call.scope.log_formats[name] = LogFormat(name, tuple(parts), escape)
    return found


def _escape(word: str) -> LogEscape:
    try:
        return LogEscape(word)
    except ValueError:
        raise ConfigError(f'unknown log format escaping "{word}"') from None


class _Tolerant:
    """A table in which what the scope's lacks is empty: ``combined`` holds with any table."""

    def __init__(self, scope: Scope) -> None:
        self._table = scope.variables

    def lookup(self, name: str) -> Getter:
        """The getter, whatever the name."""
        return self._table.lookup(name) or (lambda exchange: b"")


def _format(name: str, scope: Scope) -> LogFormat:
    found = scope.log_formats.get(name)
    if found is None and name == COMBINED:
        found = LogFormat(COMBINED, compile_parts(_COMBINED_TEXT, _Tolerant(scope), ()))
        scope.log_formats[COMBINED] = found
    if found is None:
        raise ConfigError(f'unknown log format "{name}"')
    return found


# -- access_log --------------------------------------------------------------------------------------------------


def _access_log(call: Call) -> AccessLog | None:
    """As ``ngx_http_log_set_log`` reads it."""
    path, *rest = call.args
    if path == "off":
        if rest:
            raise ConfigError(f'invalid parameter "{rest[0]}"')
        return None
    scope = call.scope
    syslog = parse_syslog(path) if path.startswith(PREFIX) else None
    log_format = _format(rest[0] if rest else COMBINED, scope)
    buffer, flush, level = 0, 0.0, 0
    condition: Template | None = None
    for word in rest[1:]:
        key, equals, value = word.partition("=")
        if key == "buffer" and equals:
            buffer = _buffer(value)
        elif key == "flush" and equals:
            flush = _flush(value)
        elif key == "if" and equals:
            condition = scope.template(value)
        elif key == "gzip":
            buffer, level = buffer or _GZIP_BUFFER, _level(word) if equals else 1
        else:
            raise ConfigError(f'invalid parameter "{word}"')
    _check_buffer(path, buffer, flush, level, scope)
    if syslog is not None:
        if buffer:
            raise ConfigError("logs to syslog cannot be buffered")
        return AccessLog(constant(path), log_format, condition=condition, syslog=syslog)
    return AccessLog(_path(path, scope), log_format, buffer, flush, level, condition)


def _path(text: str, scope: Scope) -> Template:
    if has_variables(text):
        found = scope.template(text)
        return (
            found if os.path.isabs(text) else concatenate([constant(os.path.join(scope.prefix, "")), found])
        )
    return constant(scope.path(text))


def _buffer(text: str) -> int:
    with suppress(ConfigError):
        size = parse_size(text)
        if size:
            return size
    raise ConfigError(f'invalid buffer size "{text}"')


def _flush(text: str) -> float:
    with suppress(ConfigError):
        seconds = parse_time(text)
        if seconds:
            return seconds
    raise ConfigError(f'invalid flush time "{text}"')


def _level(word: str) -> int:
    text = word.removeprefix("gzip=")
    if text in ("1", "2", "3", "4", "5", "6", "7", "8", "9"):
        return int(text)
    raise ConfigError(f'invalid compression level "{text}"')


def _check_buffer(path: str, size: int, flush: float, level: int, scope: Scope) -> None:
    if flush and not size:
        raise ConfigError(f'no buffer is defined for access_log "{path}"')
    if not size:
        return
    if has_variables(path):
        raise ConfigError("buffered logs cannot have variables in name")
    if scope.log_buffers.setdefault(scope.path(path), (size, flush, level)) != (size, flush, level):
        raise ConfigError(f'access_log "{path}" already defined with conflicting parameters')


ENTRIES: tuple[Entry, ...] = (
    setting(
        "log_format",
        Context.HTTP,
        Kind("name [escape=default | json | none] string …", 2, None, _log_format),
        Http,
        f"{COMBINED} {_COMBINED_TEXT!r}",
        "The form of a line of ``access_log``: the strings, put together, with the values of the variables.  "
        "``escape=default`` writes quotes, backslashes and what is not printable ASCII of a value as ``\\xHH``, and an "
        "empty value as ``-``; ``json`` writes them as JSON's strings have them; ``none`` writes values as they are.  "
        "A format stands before the ``access_log`` that names it.",
        several=True,
        merge=Merge.NONE,
        reads_default=False,
    ),
    setting(
        "access_log",
        Context.HTTP_SERVER_LOCATION | Context.IF | Context.LIMIT_EXCEPT,
        Kind(
            "path | syslog:server=address[,…] "
            "[format [buffer=size] [gzip[=level]] [flush=time] [if=condition]] | off",
            1,
            None,
            _access_log,
        ),
        LocationSettings,
        f"{DEFAULT_ACCESS_LOG} {COMBINED}",
        "A log of requests, a line for each, relative to the prefix; several may stand side by side, and those of a "
        "block replace those of the blocks around it.  Lines are written some milliseconds later, many in one write; "
        "with ``buffer`` once so many bytes are together, or ``flush`` has passed, or the log is opened anew, or the "
        "process ends; with ``gzip`` they are compressed then, and the buffer is 64k by default.  With variables in "
        "the path the file is opened for each write.  With ``if`` a request is not logged for which the condition is "
        "empty or ``0``.  ``off`` logs nothing in its block.  "
        "``syslog:server=`` sends each line to an address, with port 514 by default, or to ``unix:path``; behind it, "
        "after commas, ``facility=`` (``local7``), ``severity=`` (``info``), ``tag=`` (``dyups``) and ``nohostname``.",
        several=True,
        reads_default=False,
    ),
    setting(
        "log_subrequest",
        Context.HTTP_SERVER_LOCATION,
        FLAG,
        LocationSettings,
        "off",
        "Whether requests of our own (``auth_request``, ``mirror``, those of scripts) have lines in access logs, too.",
    ),
)
