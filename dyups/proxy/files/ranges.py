"""Parts of a file: ``Range``, ``If-Range`` and the conditions on a request (``ngx_http_range_filter_module``,
``ngx_http_not_modified_filter_module``; RFC 9110 sections 13 and 14).

Only reads what was asked for; ``plain`` answers.
"""

from __future__ import annotations

import re

from dyups.http1.request import RequestHead
from dyups.proxy.filters.added import parse_date

_SPEC = re.compile(rb" *(?:([0-9]{1,18}) *- *([0-9]{1,18})?|- *([0-9]{1,18})|-([0-9]{1,18})) *\Z")
_TAG = re.compile(rb'(?:W/)?("[^"]*")')

#: Ranges as (first byte, byte after the last).
Ranges = list[tuple[int, int]]


class NotSatisfiable(ValueError):
    """None of the ranges is within the file: 416."""


def parse_ranges(value: bytes, size: int, most: int | None) -> Ranges:
    """The ranges that ``Range`` asks for of ``size`` bytes; empty where the whole file is the answer.

    ``most`` is ``max_ranges``.  Raises :class:`NotSatisfiable`.
    """
    if value[:6].lower() != b"bytes=" or len(value) < 7 or most == 0:
        return []
    found: Ranges = []
    total = 0
    for text in value[6:].split(b","):
        first, after = _bounds(text, size)
        if first < after:
            found.append((first, after))
            total += after - first
            if most is not None and len(found) > most:
                return []
        elif first == 0:
            return []
    if not found:
        raise NotSatisfiable
    return [] if total > size else found


def _bounds(text: bytes, size: int) -> tuple[int, int]:
    match = _SPEC.match(text)
    if match is None:
        raise NotSatisfiable
    if match[1] is None:
        return max(0, size - int(match[3] or match[4])), size
    return int(match[1]), size if match[2] is None else min(int(match[2]) + 1, size)


def wanted_ranges(head: RequestHead, size: int, changed: int, tag: bytes, most: int | None) -> Ranges:
    """The ranges to answer with, empty for the whole file; ``If-Range`` is looked at.

    ``changed`` is the file's time in seconds, ``tag`` its ``ETag`` or empty.  Raises :class:`NotSatisfiable`.
    """
    value = head.value(b"range")
    if not value:
        return []
    condition = head.value(b"if-range")
    if condition:
        same = condition == tag if condition.endswith(b'"') else parse_date(condition) == changed
        if not same:
            return []
    return parse_ranges(value, size, most)


def status_of_conditions(head: RequestHead, changed: int, tag: bytes, since: str) -> int:
    """412 or 304 where the request's conditions say so, else 0; ``since`` is ``if_modified_since``."""
    unmodified = head.value(b"if-unmodified-since")
    if unmodified:
        limit = parse_date(unmodified)
        if limit is None or limit < changed:
            return 412
    match = head.value(b"if-match")
    if match and not _has_tag(match, tag, weak=False):
        return 412
    modified, none = head.value(b"if-modified-since"), head.value(b"if-none-match")
    if not modified and not none:
        return 0
    if modified and _is_newer(modified, changed, since):
        return 0
    if none and not _has_tag(none, tag, weak=True):
        return 0
    return 304


def _is_newer(value: bytes, changed: int, since: str) -> bool:
    if since == "off":
        return True
    date = parse_date(value)
    if date == changed:
        return False
    return since == "exact" or date is None or date < changed


def _has_tag(value: bytes, tag: bytes, *, weak: bool) -> bool:
    if value.strip() == b"*":
        return True
    if not tag:
        return False
    return any(found[1] == tag and (weak or not found[0].startswith(b"W/")) for found in _TAG.finditer(value))
