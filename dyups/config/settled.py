"""Variables whose values stand in the configuration, whatever a client sends.

``set $backend http://127.0.0.1:8080; proxy_pass $backend;`` goes where the configuration says.  Owns what is known of
that from the directives alone: a variable is settled where all that gives it a value (``set``, ``map``, ``geo``,
``split_clients``) is a text of constants and of settled variables.  Called by ``build`` and ``build_proxy``; what a
target may reach is the data plane's (``proxy.forward.literals``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dyups.config.parser import Directive
from dyups.config.regex import group_names
from dyups.config.variables import CHANGEABLE, REPLACEABLE, SETTABLE, variable_names

_TABLES = ("map", "geo", "split_clients")
#: What gives variables values that nobody can tell from the configuration.
_SCRIPTS = ("_by_lua", "python_hook", "js_", "perl")
#: Paths: what begins with one of them is behind the address.
_PATHS = frozenset({"uri", "request_uri", "document_uri"})


def settled_names(directives: Iterable[Directive]) -> frozenset[str]:
    """The names, in lower case, of the variables that are settled."""
    values: dict[str, list[str]] = {}
    taken: set[str] = set()
    for directive in _all(directives):
        if any(word in directive.name for word in _SCRIPTS):
            return frozenset()
        if directive.name == "set" and len(directive.args) == 2:
            values.setdefault(_name(directive.args[0]), []).append(directive.args[1])
        elif directive.name in _TABLES and directive.args:
            given = [item.args[-1] for item in directive.block or () if item.args]
            values.setdefault(_name(directive.args[-1]), []).extend(given)
        elif directive.name == "auth_request_set" and directive.args:
            taken.add(_name(directive.args[0]))
        for text in (directive.name, *directive.args):
            taken |= group_names(text)
    found = {name for name in values.keys() - taken if not _is_more(name)}
    while True:
        kept = {name for name in found if all(_made_of(found, text) for text in values[name])}
        if kept == found:
            return frozenset(found)
        found = kept


def is_settled(url: str, names: frozenset[str]) -> bool:
    """Does the configuration settle the address in the URL of a ``proxy_pass``, whatever its path?"""
    position = url.find("://") + 3 if "://" in url.partition("$")[0] else 0
    for name, start, end in variable_names(url):
        if name in _PATHS or _begins_path(url[position:start]):
            return True
        if name not in names:
            return False
        position = end
    return True


def _begins_path(text: str) -> bool:
    text = text.removeprefix("://")
    return "/" in text or "?" in text


def _made_of(names: set[str], text: str) -> bool:
    return all(name in names for name, _, _ in variable_names(text))


def _is_more(name: str) -> bool:
    """Is there a value without any of these?"""
    return name.startswith(CHANGEABLE) or name in REPLACEABLE or name in SETTABLE


def _name(text: str) -> str:
    return text.removeprefix("$").lower()


def _all(directives: Iterable[Directive]) -> Iterator[Directive]:
    for directive in directives:
        yield directive
        yield from _all(directive.block or ())
