"""Texts that are replaced in the bodies of answers."""

from __future__ import annotations

from dyups.config.directives.compression import mime_types
from dyups.config.directives.entry import Call, Context, Entry, Kind, setting
from dyups.config.directives.kinds import FLAG
from dyups.config.substitution import Substitution, SubstitutionSettings
from dyups.errors import ConfigError

_ANYWHERE = Context.HTTP_SERVER_LOCATION


def _pair(call: Call) -> Substitution:
    text, replacement = call.args
    if not text:
        raise ConfigError("empty search pattern")
    return Substitution(call.scope.template(text), call.scope.template(replacement))


ENTRIES: tuple[Entry, ...] = (
    setting(
        "sub_filter",
        _ANYWHERE,
        Kind("text replacement", 2, 2, _pair),
        SubstitutionSettings,
        "",
        "Replaces the text in the bodies of answers of the types of ``sub_filter_types``, whatever its case.  Of "
        "several the first in the body wins, and of those that begin at the same place the longest.  Inherited only "
        "by blocks that have none.",
        several=True,
    ),
    setting(
        "sub_filter_last_modified",
        _ANYWHERE,
        FLAG,
        SubstitutionSettings,
        "off",
        "Whether ``Last-Modified`` and ``ETag`` (as a weak one) stay with answers whose texts are replaced.",
    ),
    setting(
        "sub_filter_once",
        _ANYWHERE,
        FLAG,
        SubstitutionSettings,
        "on",
        "Whether each text is replaced once only.",
    ),
    setting(
        "sub_filter_types",
        _ANYWHERE,
        Kind("type …", 1, None, mime_types),
        SubstitutionSettings,
        "text/html",
        "The types in which ``sub_filter`` replaces texts besides ``text/html``; ``*`` for all.",
    ),
)
