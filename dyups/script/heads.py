"""Heads of requests, changed by scripts and hooks; a head that was read is never changed, so each change makes another.

Called by ``script.lua`` and ``script.hooks``.  What frames a message or belongs to one connection stays the proxy's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dyups.errors import RequestRefused
from dyups.http1.fields import HOST, INVALID, PASS, UNDERSCORED, BadField, BareLineFeed, Field
from dyups.http1.request import READER, RequestHead


def with_field(head: RequestHead, name: bytes, values: Sequence[bytes]) -> RequestHead:
    """``head`` with the field ``name`` (in any case) having ``values``, in place of those it had; none takes it away.

    Raises ValueError for a field that is not a script's to change, and for a name or value that is none.
    """
    lowered = name.lower()
    fields = [_field(name, value) for value in values]
    kind = fields[0].kind if fields else _field(name, b"x").kind
    if kind not in (PASS, HOST):
        raise ValueError(f'"{name.decode("latin-1")}" is not for scripts to change')
    kept = [field for field in head.fields if field.name != lowered]
    changed = copied(head, [*kept, *fields])
    if kind == HOST and fields:
        changed.raw_host = fields[0].value
        changed.host = fields[0].value.partition(b":")[0].lower()
    return changed


def with_method(head: RequestHead, method: bytes) -> RequestHead:
    """``head`` with another method."""
    changed = copied(head, head.fields)
    changed.method = method
    return changed


def copied(head: RequestHead, fields: Iterable[Field]) -> RequestHead:
    """``head`` with other fields."""
    new = RequestHead()
    new.line = head.line
    new.method = head.method
    new.target = head.target
    new.minor = head.minor
    new.fields = list(fields)
    new.host = head.host
    new.raw_host = head.raw_host
    new.content_length = head.content_length
    new.chunked = head.chunked
    new.keep_alive = head.keep_alive
    new.expects_continue = head.expects_continue
    new.upgrade = head.upgrade
    new.length = head.length
    new.uri = head.uri
    new.args = head.args
    new.sent_on = b"".join([field.line + b"\r\n" for field in new.fields if not field.kind])
    return new


def _field(name: bytes, value: bytes) -> Field:
    """Not by way of the reader's table: what scripts make is not what clients repeat."""
    try:
        field = READER._read(name + b": " + value)
    except (BadField, BareLineFeed, RequestRefused) as error:
        raise ValueError(f"invalid header field: {str(error) or 'line feed in it'}") from None
    if field.kind in (UNDERSCORED, INVALID):
        return Field(PASS, field.name, field.value, field.line)
    return field
