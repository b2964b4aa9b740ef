"""Heads of servers' answers, changed by hooks and by ``header_filter_by_lua`` before they are passed on.

One per way of forwarding (:class:`~dyups.proxy.forward.plan.HeadEdits`); the head that was read is never changed.  What
frames the answer stays the proxy's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.python.failure import Failure

from dyups.http1 import fields as f
from dyups.http1.fields import BadField, BareLineFeed, Field
from dyups.http1.response import READER, ResponseHead, StatusLine
from dyups.interfaces import VariableTable
from dyups.proxy.exchange import Exchange
from dyups.proxy.forward.relay import Relay
from dyups.script.hooks import HookedRequest, report


class HookedResponse:
    """A server's answer as a hook sees it: its status, and its fields, which may be changed; texts are Latin-1."""

    __slots__ = ("_fields", "changed", "status")

    def __init__(self, head: ResponseHead) -> None:
        self.status = head.status
        self._fields = list(head.fields)
        self.changed = False
        """Something was changed."""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All fields in order: names in lower case, values."""
        return [(x.name.decode("latin-1"), x.value.decode("latin-1")) for x in self._fields]

    def header(self, name: str) -> str | None:
        """The value of a field, repeats joined by ``, ``; None where there is none."""
        wanted = name.lower()
        found = [value for key, value in self.headers if key == wanted]
        return ", ".join(found) if found else None

    def set_header(self, name: str, *values: str) -> None:
        """Give a field these values; without any, take it away.  Raises ValueError for what frames the message."""
        self.set_raw(name.encode("latin-1"), [value.encode("latin-1") for value in values])

    def set_raw(self, name: bytes, values: Sequence[bytes]) -> None:
        """As :meth:`set_header`, in bytes."""
        fields = [_field(name, value) for value in values or [b"x"]]
        lowered = name.lower()
        self._fields = [x for x in self._fields if x.name != lowered] + (fields if values else [])
        self.changed = True

    def onto(self, head: ResponseHead) -> ResponseHead:
        """``head`` with the fields as they are now."""
        new = ResponseHead(StatusLine(head.minor, head.status, head.status_line))
        new.fields = self._fields
        new.content_length = head.content_length
        new.length_line = head.length_line
        new.chunked = head.chunked
        new.keep_alive = head.keep_alive
        new.upgrade = head.upgrade
        new.length = head.length
        named = {x.line for x in head.fields if x.kind == f.PASS and x.line + b"\r\n" not in head.sent_on}
        sent = [x.line for x in self._fields if x.kind == f.PASS and x.line not in named]
        new.sent_on = b"".join([line + b"\r\n" for line in sent])
        new.marked = not f.MARKED.isdisjoint([x.name for x in self._fields])
        return new


def _field(name: bytes, value: bytes) -> Field:
    """Raises ValueError for a field that is the proxy's, and for what is none."""
    try:
        made = READER._read(name + b": " + value)
    except (BadField, BareLineFeed) as error:
        raise ValueError(f"invalid header field: {str(error) or 'line feed in it'}") from None
    if made.kind != f.PASS:
        raise ValueError(f'"{name.decode("latin-1")}" is not for hooks to change')
    return made


class EditFailed(Exception):
    """A change went wrong, and has been complained about."""


#: Changes the answer of a request; whatever it raises is 500.
Edit = Callable[[Exchange, HookedResponse], None]


class Edits:
    """The changes of one location, one after the other; each has a name for the error log."""

    def __init__(self, edits: Sequence[tuple[str, Edit]]) -> None:
        self._edits = edits

    def edited(self, relay: Relay, head: ResponseHead) -> ResponseHead | None:
        """See :class:`~dyups.proxy.forward.plan.HeadEdits`."""
        exchange = relay.client.exchange
        response = HookedResponse(head)
        for name, edit in self._edits:
            try:
                edit(exchange, response)
            except EditFailed:
                _refuse(relay)
                return None
            except Exception:
                report(name, exchange, Failure())
                _refuse(relay)
                return None
        return response.onto(head) if response.changed else head


def _refuse(relay: Relay) -> None:
    client = relay.client
    client.exchange.status = 0
    relay.set_aside()
    client.refuse(500, None)


def edit_of(hook: Any, variables: VariableTable) -> Edit:
    """What a hook does with answers."""
    return lambda exchange, response: hook.response(HookedRequest(exchange, variables), response)
