"""Rewriting and routing: steps, error pages, and variables that the configuration defines."""

from __future__ import annotations

from dyups.config.directives.entry import Call, Context, Entry, Kind, harmless, setting, structure
from dyups.config.directives.kinds import FLAG, NOTHING, SIZE, words
from dyups.config.model import Http, Location
from dyups.config.parser import encode
from dyups.config.routing import AnswerSettings, ErrorPage
from dyups.config.values import parse_number
from dyups.errors import ConfigError

_STEPS = Context.SERVER_LOCATION | Context.IF
_ANYWHERE = Context.HTTP_SERVER_LOCATION
_LOOKUP = "Names are kept in dictionaries."


def _error_page(call: Call) -> ErrorPage:
    *codes, target = call.args
    answer = -1
    if codes[-1].startswith("="):
        text = codes.pop()
        if not codes:
            raise ConfigError(f'invalid value "{text}"')
        answer = _status(text[1:], text) if len(text) > 1 else 0
    statuses = [_status(code, code) for code in codes]
    for status in statuses:
        if status == 499:
            raise ConfigError(f'invalid value "{status}"')
        if not 300 <= status <= 599:
            raise ConfigError(f'value "{status}" must be between 300 and 599')
    args = b""
    if "$" not in target and target.startswith("/"):
        target, _, query = target.partition("?")
        args = encode(query)
    return ErrorPage(tuple(statuses), call.scope.template(target), args, answer)


def _status(text: str, shown: str) -> int:
    try:
        return parse_number(text)
    except ConfigError:
        raise ConfigError(f'invalid value "{shown}"') from None


ENTRIES: tuple[Entry, ...] = (
    structure(
        "rewrite",
        _STEPS,
        words("regex replacement [last | break | redirect | permanent]", 2, 3),
        "Changes the path where it matches the regular expression, and the arguments; a replacement that is a URL, "
        "or a flag, makes it a redirect.  A ``?`` at the end leaves the request's own arguments away.",
        owner=Location,
        attribute="steps",
    ),
    structure(
        "if",
        Context.SERVER_LOCATION,
        words("(condition) { … }", 1, None),
        "Where the condition holds, the steps inside are done, and in a location what is said inside takes the "
        "place of what the location says.",
        owner=Location,
        attribute="steps",
        block=True,
    ),
    structure(
        "break",
        _STEPS,
        NOTHING,
        "Ends the steps of the rewrite phase.",
        owner=Location,
        attribute="steps",
    ),
    structure(
        "limit_except",
        Context.LOCATION,
        words("method … { … }", 1, None),
        "What is said inside holds for requests with other methods; ``GET`` includes ``HEAD``.",
        owner=Location,
        attribute="steps",
        block=True,
        several=False,
    ),
    structure(
        "map",
        Context.HTTP,
        words("string $variable { … }", 2, 2),
        "A variable by another text: exact values, regular expressions with ``~``, with ``hostnames`` also names "
        "with wildcards, ``default``.  ``volatile`` computes it at each use.",
        owner=Http,
        attribute="defined",
        block=True,
    ),
    structure(
        "geo",
        Context.HTTP,
        words("[$address] $variable { … }", 1, 2),
        "A variable by the client's address: networks, or with ``ranges`` IPv4 ranges; ``default``, ``delete``, "
        "``proxy`` and ``proxy_recursive``.",
        owner=Http,
        attribute="defined",
        block=True,
    ),
    structure(
        "split_clients",
        Context.HTTP,
        words("string $variable { … }", 2, 2),
        "A variable that has each value for a share of all requests, chosen by the MurmurHash2 of a text.",
        owner=Http,
        attribute="defined",
        block=True,
    ),
    setting(
        "error_page",
        _ANYWHERE | Context.IF,
        Kind("code … [=[code]] uri", 2, None, _error_page),
        AnswerSettings,
        "",
        "What is answered in place of the small page of an error: a path or a named location of this server, or a "
        "redirect to a URL.  ``=code`` changes the status, ``=`` leaves it to whatever answers.",
        several=True,
    ),
    setting(
        "recursive_error_pages",
        _ANYWHERE,
        FLAG,
        AnswerSettings,
        "off",
        "Whether an error page that fails may have an error page.",
    ),
    setting(
        "rewrite_log",
        _ANYWHERE | Context.IF,
        FLAG,
        AnswerSettings,
        "off",
        "Whether what ``rewrite`` and ``if`` do goes to the error log, at level ``notice``.",
    ),
    harmless(
        "uninitialized_variable_warn",
        _ANYWHERE | Context.IF,
        FLAG,
        "A variable that was never set is empty, and nothing is logged.",
    ),
    harmless("map_hash_bucket_size", Context.HTTP, SIZE, _LOOKUP),
    harmless("map_hash_max_size", Context.HTTP, SIZE, _LOOKUP),
)
