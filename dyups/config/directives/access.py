"""The directives that say who may ask: addresses, passwords, somebody else's word."""

from __future__ import annotations

import os

from dyups.config.access import AccessRule, AccessSettings
from dyups.config.directives.entry import Call, Context, Entry, Kind, setting
from dyups.config.directives.kinds import TIME, choice
from dyups.config.model import Template
from dyups.config.networks import parse_network
from dyups.config.variables import concatenate, constant, has_variables, is_changeable
from dyups.errors import ConfigError

_ANYWHERE = Context.HTTP_SERVER_LOCATION
_OR_LIMITED = _ANYWHERE | Context.LIMIT_EXCEPT


def _rule(call: Call) -> AccessRule:
    return AccessRule(call.name == "allow", parse_network(call.args[0]))


def _realm(call: Call) -> Template:
    return call.scope.template(call.args[0])


def _file(call: Call) -> Template:
    """A path relative to the configuration file, maybe with variables."""
    text = call.args[0]
    if not has_variables(text):
        return constant(call.scope.beside(text))
    found = call.scope.template(text)
    if os.path.isabs(text):
        return found
    if text.startswith("$"):
        folder = os.fsencode(os.path.join(call.scope.beside(""), ""))
        return Template(text, lambda exchange: os.path.join(folder, found.render(exchange)))
    return concatenate([constant(os.path.join(call.scope.beside(""), "")), found])


def _request(call: Call) -> str:
    return "" if call.args[0] == "off" else call.args[0]


def _request_set(call: Call) -> tuple[str, Template]:
    variable, value = call.args
    name = variable[1:].lower()
    if not variable.startswith("$") or not name:
        raise ConfigError(f'invalid variable name "{variable}"')
    if not is_changeable(name, call.scope.variables):
        raise ConfigError(f'the duplicate "{name}" variable')
    return name, call.scope.template(value)


def _rules(name: str, doc: str) -> Entry:
    return Entry(
        name,
        _OR_LIMITED,
        Kind("address | CIDR | unix: | all", 1, 1, _rule),
        doc,
        owner=AccessSettings,
        attribute="access_rules",
        several=True,
        merge=INHERITED.merge,
        reads_default=False,
    )


INHERITED = setting(
    "satisfy",
    _ANYWHERE,
    choice("all", "any"),
    AccessSettings,
    "all",
    "Whether a request has to satisfy every restriction (addresses, password, sub-request), or one of them.",
)

ENTRIES: tuple[Entry, ...] = (
    _rules("allow", "Lets clients of this address or network in.  The first rule that fits decides."),
    _rules("deny", "Keeps clients of this address or network out.  The first rule that fits decides."),
    setting(
        "auth_basic",
        _OR_LIMITED,
        Kind("string | off", 1, 1, _realm),
        AccessSettings,
        "off",
        "Asks for a name and a password; the string is the realm that browsers show, and may have variables.",
        reads_default=False,
    ),
    setting(
        "auth_basic_user_file",
        _OR_LIMITED,
        Kind("file", 1, 1, _file),
        AccessSettings,
        "",
        "The names and passwords, one ``name:password`` a line.  Passwords are hashed with crypt, apr1, ``{SHA}``, "
        "``{SSHA}``, bcrypt, SHA-256 or SHA-512, or stand behind ``{PLAIN}`` as they are.  A file that was changed is "
        "read anew.",
    ),
    setting(
        "auth_delay",
        _ANYWHERE,
        TIME,
        AccessSettings,
        "0s",
        "How long an answer that asks for credentials (401) waits, against guessing.",
    ),
    setting(
        "auth_request",
        _ANYWHERE,
        Kind("uri | off", 1, 1, _request),
        AccessSettings,
        "off",
        "Asks this location of the same server first: 2xx lets the request pass, 401 and 403 end it.",
    ),
    setting(
        "auth_request_set",
        _ANYWHERE,
        Kind("$variable value", 2, 2, _request_set),
        AccessSettings,
        "",
        "Gives a variable a value once ``auth_request`` is answered; the value may read the answer, as "
        "``$upstream_http_NAME``.",
        several=True,
    ),
    INHERITED,
)
