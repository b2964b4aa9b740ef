"""The directives about where clients come from: ``valid_referers``, ``secure_link`` and its siblings."""

from __future__ import annotations

from dyups.config.directives.entry import Call, Context, Entry, Kind, harmless, setting
from dyups.config.directives.kinds import NUMBER, TEXT
from dyups.config.model import ServerName, Template
from dyups.config.names import parse_server_name
from dyups.config.parser import Directive, encode
from dyups.config.regex import compile_regex
from dyups.config.visiting import Referer, Referers, VisitingSettings
from dyups.errors import ConfigError

_ANYWHERE = Context.HTTP_SERVER_LOCATION
_WORDS = frozenset({"none", "blocked", "server_names"})


def _valid_referers(call: Call) -> Referers:
    """As ``ngx_http_valid_referers`` reads it."""
    sites: list[Referer] = []
    patterns = []
    for text in call.args:
        if not text:
            raise ConfigError('invalid referer ""')
        if text.startswith("~"):
            if text == "~":
                raise ConfigError('empty regex in referer "~"')
            patterns.append(compile_regex(text[1:], caseless=True))
        elif text not in _WORDS:
            sites += _sites(text)
    words = {word: word in call.args for word in _WORDS}
    return Referers(**words, sites=tuple(sites), patterns=tuple(patterns))


def _sites(text: str) -> list[Referer]:
    host, slash, path = text.partition("/")
    return [Referer(name, encode(slash + path)) for name in _names(host)]


def _names(host: str) -> tuple[ServerName, ...]:
    return parse_server_name(host) if host else ()


def _template(call: Call) -> Template:
    return call.scope.template(call.args[0])


def check_visiting(directive: Directive, settings: VisitingSettings) -> None:
    """What can be wrong of a ``server`` or ``location`` as a whole; raises ConfigError with its place.

    As ``ngx_http_secure_link_merge_conf`` and ``ngx_http_referer_merge_conf`` have it.
    """
    said = {item.name for item in directive.block or ()}
    if "secure_link_secret" in said and said & {"secure_link", "secure_link_md5"}:
        raise directive.error('"secure_link_secret" cannot be mixed with "secure_link" and "secure_link_md5"')
    referers = settings.valid_referers
    named = any(item.sites or (item.server_names and settings.names) for item in referers)
    if not named and any(item.none or item.blocked for item in referers):
        raise directive.error(
            'the "none" or "blocked" referers are specified in the "valid_referers" directive without any valid referer'
        )


_TEXT = Kind("text", 1, 1, _template)

ENTRIES: tuple[Entry, ...] = (
    setting(
        "valid_referers",
        Context.SERVER_LOCATION,
        Kind("none | blocked | server_names | name | ~regex …", 1, None, _valid_referers),
        VisitingSettings,
        "",
        "Who may refer to what is here; ``$invalid_referer`` is ``1`` for all others.  ``none``: requests without "
        "``Referer``; ``blocked``: those whose ``Referer`` is no URL of http or https; ``server_names``: the names of "
        "the server; names as in ``server_name``, with what a path begins with if that is to count; regular "
        "expressions are looked for in what follows the scheme.",
        several=True,
    ),
    setting(
        "secure_link",
        _ANYWHERE,
        _TEXT,
        VisitingSettings,
        "",
        "The checksum of a link and, after a comma, the second since 1970 that it holds until.  ``$secure_link`` is "
        "``1`` where the checksum is right, ``0`` where it was until then, else empty; ``$secure_link_expires`` is the "
        "second.",
    ),
    setting(
        "secure_link_md5",
        _ANYWHERE,
        _TEXT,
        VisitingSettings,
        "",
        "What the checksum is of: MD5, in base64 as URLs have it.",
    ),
    setting(
        "secure_link_secret",
        Context.LOCATION,
        TEXT,
        VisitingSettings,
        "",
        "Checks paths of the form ``/prefix/checksum/link``, where the checksum is MD5 of the link and this word, in "
        "hexadecimal digits: ``$secure_link`` is the link where it is right, else empty.",
    ),
    harmless("referer_hash_bucket_size", Context.SERVER_LOCATION, NUMBER, "Names are kept in dictionaries."),
    harmless("referer_hash_max_size", Context.SERVER_LOCATION, NUMBER, "Names are kept in dictionaries."),
)
