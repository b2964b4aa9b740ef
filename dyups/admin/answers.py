"""What an answer of the interface looks like, whatever it is about.

Owns status, fields and form: which error is which answer, text or JSON, what is never cached.  ``admin.resource``
calls in here; what the answers say of the upstreams is ``admin.status``'.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from twisted.web.http import NO_BODY_CODES
from twisted.web.iweb import IRequest

from dyups.errors import ChangeError, LockHeld

SUCCESS = "success"
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
READING = "GET, HEAD"
WRITING = "GET, HEAD, POST, PATCH, DELETE"
NO_INTERFACE = "not support this interface"
NO_API = "not support this api"
UPSTREAM = "upstream"

_QUALITY = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\Z")


class Answer(NamedTuple):
    """A status with a body, and the fields that only some answers have."""

    status: int
    text: str = ""
    media_type: str = TEXT
    fields: tuple[tuple[str, str], ...] = ()


def send(request: IRequest, answer: Answer) -> bytes:
    """Set status and fields of ``request``; the body that is to be written."""
    body = answer.text.encode()
    request.setResponseCode(answer.status)
    for name, value in (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), *answer.fields):
        request.setHeader(name, value)
    if answer.status not in NO_BODY_CODES:
        request.setHeader("Content-Type", answer.media_type)
        request.setHeader("Content-Length", str(len(body)))
    return body


def as_json(facts: Any, status: int = 200) -> Answer:
    """``facts`` as JSON, ended by a newline."""
    return Answer(status, json.dumps(facts, ensure_ascii=False, indent=2) + "\n", JSON)


def of_error(error: ChangeError) -> Answer:
    """The answer to a change that was not made, or to a question about what is not there."""
    if isinstance(error, LockHeld):
        return Answer(error.status, error.reason, fields=(("Retry-After", "1"),))
    return Answer(error.status, error.reason)


def nowhere(method: str, path: Sequence[str]) -> Answer:
    """The answer to a request that no call of the interface matches.

    Status and text are the C module's (``ngx_http_dyups_do_get`` and its siblings): it looks at the number of parts
    first, then at the word.
    """
    reason = NO_INTERFACE if len(path) != 2 else NO_API
    if method in ("GET", "HEAD", "POST"):
        return Answer(404, reason)
    return Answer(405, reason, fields=(("Allow", allowed(path)),))


def allowed(path: Sequence[str]) -> str:
    """The methods that make sense for ``path`` (RFC 9110 section 10.2.1)."""
    return WRITING if len(path) == 2 and path[0] == UPSTREAM else READING


def wants_json(accept: str | None) -> bool:
    """Does the ``Accept`` field prefer JSON to plain text (RFC 9110 section 12.5.1)?

    The higher quality wins, then the range that names its type more closely, then the one that stands first; text
    where there is nothing to choose.  Ranges that do not read are passed over.
    """
    ranges = list(_ranges(accept or ""))
    found_json = _best(ranges, "application", "json")
    return found_json[0] > 0 and found_json > _best(ranges, "text", "plain")


class _Range(NamedTuple):
    """One member of an ``Accept`` field."""

    type: str
    subtype: str
    quality: float
    position: int


def _ranges(accept: str) -> Iterator[_Range]:
    for position, member in enumerate(accept.lower().split(",")):
        media, *parameters = (part.strip() for part in member.split(";"))
        kind, slash, subtype = media.partition("/")
        quality = _quality(parameters)
        if slash and quality is not None:
            yield _Range(kind.strip(), subtype.strip(), quality, position)


def _quality(parameters: Sequence[str]) -> float | None:
    """The value of ``q``; None where it does not read."""
    for parameter in parameters:
        name, _, value = (part.strip() for part in parameter.partition("="))
        if name == "q":
            return float(value) if _QUALITY.match(value) else None
    return 1.0


def _best(ranges: Sequence[_Range], kind: str, subtype: str) -> tuple[float, int, int]:
    """Quality, closeness and place (first is highest) of the range that names the media type most closely."""
    matches = [
        (2 - (found.type == "*") - (found.subtype == "*"), -found.position, found.quality)
        for found in ranges
        if found.type in (kind, "*") and found.subtype in (subtype, "*")
    ]
    if not matches:
        return 0.0, 0, 0
    closeness, place, quality = max(matches)
    return quality, closeness, place
