"""The fields of answers: added ones, how long they hold, how redirects look."""

from __future__ import annotations

import re

from dyups.config.directives.entry import Call, Context, Entry, Kind, setting
from dyups.config.directives.kinds import FLAG, choice
from dyups.config.parser import encode
from dyups.config.routing import AddedField, AnswerSettings, Expires, ExpiresMode
from dyups.config.template import Template
from dyups.config.values import parse_seconds
from dyups.errors import ConfigError

_ANYWHERE = Context.HTTP_SERVER_LOCATION
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_WORDS = {"off": ExpiresMode.OFF, "epoch": ExpiresMode.EPOCH, "max": ExpiresMode.MAX}


def _added(call: Call) -> AddedField:
    name, value, *more = call.args
    if more and more[0] != "always":
        raise ConfigError(f'invalid parameter "{more[0]}"')
    if _TOKEN.match(name) is None:
        raise ConfigError(f'invalid header name "{name}"')
    return AddedField(name, call.scope.template(value), bool(more))


def _expires(call: Call) -> Expires | None:
    modified = call.args[0] == "modified" and len(call.args) == 2
    if len(call.args) == 2 and not modified:
        raise ConfigError(f'invalid value "{call.args[0]}"')
    text = call.args[-1]
    if "$" in text:
        mode = ExpiresMode.MODIFIED if modified else ExpiresMode.ACCESS
        return Expires(mode, text=call.scope.template(text))
    found = parse_expires(text, modified=modified)
    return None if found.mode is ExpiresMode.OFF else found


def _charset(call: Call) -> Template | None:
    return None if call.args[0] == "off" else call.scope.template(call.args[0])


def _charset_types(call: Call) -> frozenset[bytes]:
    return frozenset(encode(word.lower()) for word in ("text/html", *call.args))


def parse_expires(text: str, *, modified: bool = False) -> Expires:
    """``30d``, ``-1``, ``@15h``, ``epoch``, ``max``, ``off`` (``ngx_http_parse_expires``); raises ConfigError."""
    if not modified and text in _WORDS:
        return Expires(_WORDS[text])
    daily = text.startswith("@")
    minus = text[daily : daily + 1] == "-"
    try:
        seconds = int(parse_seconds(text[daily + minus or text.startswith("+") :]))
    except ConfigError:
        raise ConfigError("invalid value") from None
    if daily and (modified or minus or seconds > 86400):
        raise ConfigError(
            "daily time value must be less than 24 hours" if seconds > 86400 else "invalid value"
        )
    if daily:
        return Expires(ExpiresMode.DAILY, seconds)
    return Expires(ExpiresMode.MODIFIED if modified else ExpiresMode.ACCESS, -seconds if minus else seconds)


ENTRIES: tuple[Entry, ...] = (
    setting(
        "absolute_redirect",
        _ANYWHERE,
        FLAG,
        AnswerSettings,
        "on",
        "Whether redirects to a path name scheme and host as well.",
    ),
    setting(
        "add_header",
        _ANYWHERE | Context.IF,
        Kind("name value [always]", 2, 3, _added),
        AnswerSettings,
        "",
        "Adds a field to answers with the status 200, 201, 204, 206, 301, 302, 303, 304, 307 or 308, with "
        "``always`` to all.  Nothing is added for an empty value.  Inherited only by blocks that add no field.",
        several=True,
    ),
    setting(
        "add_trailer",
        _ANYWHERE | Context.IF,
        Kind("name value [always]", 2, 3, _added),
        AnswerSettings,
        "",
        "Adds a field behind the body, whose value is computed then, to the same answers as ``add_header``.  Such an "
        "answer is sent in chunks, to clients that speak HTTP/1.1.",
        several=True,
    ),
    *(
        setting(
            f"{name}_inherit",
            _ANYWHERE,
            choice("on", "off", "merge"),
            AnswerSettings,
            "on",
            f"What a block has of the ``{name}`` of the blocks around it: theirs where it says none (``on``), none at "
            "all (``off``), or its own and theirs (``merge``).",
        )
        for name in ("add_header", "add_trailer")
    ),
    setting(
        "charset",
        _ANYWHERE | Context.IF,
        Kind("name | off", 1, 1, _charset),
        AnswerSettings,
        "off",
        "What is added to ``Content-Type`` of the types of ``charset_types``, unless a charset is there already.  "
        "Nothing is converted.",
    ),
    setting(
        "charset_types",
        _ANYWHERE,
        Kind("type …", 1, None, _charset_types),
        AnswerSettings,
        "text/html text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml",
        "The types that ``charset`` is for, besides ``text/html``; ``*`` for all.",
    ),
    setting(
        "expires",
        _ANYWHERE | Context.IF,
        Kind("[modified] time | epoch | max | off", 1, 2, _expires),
        AnswerSettings,
        "off",
        "Sets ``Expires`` and ``Cache-Control``: so long after now, after the last change (``modified``), or at a "
        "time of day (``@15h``).",
    ),
    setting(
        "port_in_redirect",
        _ANYWHERE,
        FLAG,
        AnswerSettings,
        "on",
        "Whether absolute redirects name the port.",
    ),
    setting(
        "server_name_in_redirect",
        _ANYWHERE,
        FLAG,
        AnswerSettings,
        "off",
        "Whether absolute redirects name the first ``server_name`` rather than the request's host.",
    ),
)
