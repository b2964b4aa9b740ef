"""What a command says: its text to the upstream that it makes, or the refusal.

``control.change`` reads commands with it, under the lock, and ``admin.preview`` reads those that are only to be looked
at: so the two can never differ.  The words of an ``upstream`` block are ``config.upstreams``', those of a patch
``control.patch``'s.
"""

from __future__ import annotations

from dyups.config.model import UpstreamSpec
from dyups.config.upstreams import check_name, parse_commands
from dyups.control.patch import patched
from dyups.errors import CommandRefused, ConfigError, UnknownUpstream
from dyups.upstream.group import Group
from dyups.upstream.map import UpstreamMap

REFUSED = "add server failed: "
PATCH_REFUSED = "patch failed: "
UNKNOWN = "not found upstream"


def read_update(upstreams: UpstreamMap, name: str, body: str) -> UpstreamSpec:
    """The upstream that a POST makes.  Raises :class:`CommandRefused`."""
    try:
        check_name(name)
        _check_characters(body)
        return parse_commands(name, body, upstreams.variables)
    except ConfigError as error:
        raise CommandRefused(f"{REFUSED}{error}") from error


def read_patch(upstreams: UpstreamMap, spec: UpstreamSpec, commands: str) -> UpstreamSpec:
    """What ``commands`` make of an upstream.  Raises :class:`CommandRefused`."""
    try:
        _check_characters(commands)
        return patched(spec, commands, upstreams.variables)
    except ConfigError as error:
        raise CommandRefused(f"{PATCH_REFUSED}{error}") from error


def known(upstreams: UpstreamMap, name: str) -> Group:
    """The upstream ``name``.  Raises :class:`UnknownUpstream`; :class:`CommandRefused` where none can have the name."""
    try:
        check_name(name)
    except ConfigError as error:
        raise CommandRefused(str(error)) from error
    group = upstreams.find(name)
    if group is None:
        raise UnknownUpstream(UNKNOWN)
    return group


def _check_characters(text: str) -> None:
    if "\0" in text:
        raise ConfigError("null character", line=text[: text.index("\0")].count("\n") + 1)
