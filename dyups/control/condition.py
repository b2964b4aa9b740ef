"""Conditions of requests: an upstream's entity tag, and what ``If-Match`` and ``If-None-Match`` ask of it.

RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2.  ``admin`` reads the fields and answers reads; ``control.change`` looks at
the condition of a change under the lock, where nobody can come in between.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dyups.config.model import UpstreamSpec
from dyups.errors import CommandRefused, LostRace
from dyups.upstream.map import digest_of

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*\Z")
_EACH = re.compile(_TAG)


def etag_of(spec: UpstreamSpec) -> str:
    """The strong tag of an upstream: equal tags, equal name and commands."""
    return f'"{digest_of(spec):032x}"'


class Condition(NamedTuple):
    """The values of the two fields; an empty one asks nothing.  It crosses from a worker to the master."""

    if_match: str = ""
    if_none_match: str = ""

    def failed(self, tag: str | None) -> str:
        """The field that does not hold for what has ``tag`` (None: for what does not exist); empty if both hold."""
        if self.if_match and not _names(self.if_match, tag, weak=False):
            return "If-Match"
        if self.if_none_match and _names(self.if_none_match, tag, weak=True):
            return "If-None-Match"
        return ""

    def require(self, spec: UpstreamSpec | None) -> None:
        """Nothing if the condition holds for the upstream; raises :class:`LostRace` otherwise."""
        if not (self.if_match or self.if_none_match):
            return
        failed = self.failed(None if spec is None else etag_of(spec))
        if failed:
            raise LostRace(f"{failed}: the upstream {_state(spec, failed)}")


ALWAYS = Condition()


def condition_of(if_match: str | None, if_none_match: str | None) -> Condition:
    """The condition of a request by its fields.  Raises :class:`CommandRefused` for one that does not read."""
    for name, value in (("If-Match", if_match), ("If-None-Match", if_none_match)):
        if value is not None and value.strip() != "*" and not _TAGS.match(value):
            raise CommandRefused(f"{name} has no entity tags")
    return Condition(if_match or "", if_none_match or "")


def _state(spec: UpstreamSpec | None, failed: str) -> str:
    if spec is None:
        return "is not there"
    return "is another one by now" if failed == "If-Match" else "is there"


def _names(value: str, tag: str | None, *, weak: bool) -> bool:
    """Is ``tag`` among those of the field?  Weak tags are equal to nothing in the strong comparison."""
    if tag is None:
        return False
    if value.strip() == "*":
        return True
    tags = _EACH.findall(value)
    return tag in ([each.removeprefix("W/") for each in tags] if weak else tags)
