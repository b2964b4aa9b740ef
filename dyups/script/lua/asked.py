"""The request as a script sees it: what ``ngx.req``, ``ngx.var``, ``ngx.header`` and ``ngx.print`` come to.

``scripts`` makes one per request, which all scripts of that request share; its methods are offered to Lua by
:data:`METHODS`.  Ends (``ngx.exit`` and the like) and whatever waits are ``run``'s.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from dyups.config.model import Http
from dyups.config.variables import capture_getter
from dyups.interfaces import Getter
from dyups.proxy.exchange import Exchange
from dyups.proxy.plane import complain
from dyups.proxy.variables import variables_of_run_time
from dyups.script.edits import HookedResponse
from dyups.script.heads import with_field, with_method
from dyups.script.lua.machine import ScriptMistake
from dyups.script.lua.output import Output, key_of
from dyups.script.lua.texts import flat, pairs

#: By the numbers of ``ngx.STDERR`` to ``ngx.DEBUG``.
LEVELS = ("emerg", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")
#: Families of variables that are nil, not empty, where there is no such thing.
_ABSENT = ("http_", "arg_", "cookie_", "upstream_", "sent_http_", "remote_user", "query_string", "content_")


class BodySource(Protocol):
    """Whoever holds the request's body while a script runs."""

    @property
    def ended(self) -> bool:
        """All of it is there."""
        ...

    @property
    def body(self) -> bytes:
        """What has come."""
        ...

    def when_ended(self, call: Callable[[], object]) -> None:
        """Take all of it, however much the client may send; ``call`` when it is there."""
        ...


class Names:
    """The variables that scripts may read, and which of them they may write."""

    def __init__(self, http: Http) -> None:
        self.user = http.user_variables
        self._table = variables_of_run_time(http)
        self.getter = lru_cache(maxsize=1024)(self._getter)

    def _getter(self, name: str) -> Getter | None:
        if name.isdigit():
            return capture_getter(int(name))
        return self._table.lookup(name)


class Asked:
    """One request and what its scripts have said so far."""

    __slots__ = ("_body_read", "_names", "exchange", "key", "moved", "output", "response", "source")

    def __init__(self, exchange: Exchange, key: int, names: Names) -> None:
        self.exchange = exchange
        self.key = key
        self.output = Output(exchange)
        self.source: BodySource | None = None
        """Where the request's body is, while there is one to be had."""
        self.response: HookedResponse | None = None
        """The answer of a server, while a script may change it (``header_filter_by_lua``)."""
        self.moved = False
        """``ngx.req.set_uri`` was called."""
        self._names = names
        self._body_read = False

    # -- output --------------------------------------------------------------------------------------------------

    def print(self, data: bytes) -> Any:
        """``ngx.print``: must it be flushed now."""
        return self.output.put(data)

    def status(self) -> int:
        """``ngx.status``."""
        return self.output.status or self.exchange.status

    def set_status(self, status: float) -> None:
        """``ngx.status = …``."""
        if self.output.began:
            complain(
                "error",
                self.exchange.client.context("attempt to set ngx.status after sending out response headers"),
            )
            return
        if not 100 <= status <= 999:
            raise ScriptMistake("invalid status")
        self.output.status = int(status)

    def headers_sent(self) -> bool:
        """``ngx.headers_sent``."""
        return self.output.began

    def header_get(self, name: bytes) -> tuple[Any, ...]:
        """``ngx.header[name]``."""
        if self.response is not None:
            wanted = key_of(name).decode("latin-1")
            return flat(
                [(b"v", value.encode("latin-1")) for key, value in self.response.headers if key == wanted]
            )
        return flat([(b"v", value) for value in self.output.values(name)])

    def header_set(self, name: bytes, *values: bytes) -> None:
        """``ngx.header[name] = …``."""
        if self.response is not None:
            try:
                self.response.set_raw(name.replace(b"_", b"-"), values)
            except ValueError as error:
                raise ScriptMistake(str(error)) from None
            return
        if self.output.began:
            words = "attempt to set ngx.header.HEADER after sending out response headers"
            complain("error", self.exchange.client.context(words))
            return
        self.output.set_field(name, values)

    def headers_out(self) -> tuple[Any, ...]:
        """``ngx.resp.get_headers``."""
        if self.response is not None:
            return flat([(k.encode("latin-1"), v.encode("latin-1")) for k, v in self.response.headers])
        return flat(self.output.fields())

    # -- the request's head --------------------------------------------------------------------------------------

    def method(self) -> bytes:
        """``ngx.req.get_method``."""
        return self.exchange.head.method

    def set_method(self, method: bytes) -> None:
        """``ngx.req.set_method``."""
        self.exchange.head = with_method(self.exchange.head, method)

    def http_version(self) -> float:
        """``ngx.req.http_version``."""
        return 1.1 if self.exchange.head.minor else 1.0

    def raw_header(self, no_line: bool) -> bytes:
        """``ngx.req.raw_header``, as it was understood."""
        head = self.exchange.head
        lines = [] if no_line else [head.line]
        return b"\r\n".join([*lines, *(field.line for field in head.fields), b"", b""])

    def start_time(self) -> float:
        """``ngx.req.start_time``: seconds since 1970."""
        return round(time.time() - (time.monotonic() - self.exchange.started), 3)

    def is_internal(self) -> bool:
        """``ngx.req.is_internal``."""
        return self.exchange.redirects > 0

    def fields(self, most: float, raw: bool) -> tuple[Any, ...]:
        """``ngx.req.get_headers``."""
        found: list[tuple[bytes, Any]] = [
            (field.line.partition(b":")[0] if raw else field.name, field.value)
            for field in self.exchange.head.fields
        ]
        return flat(found[: int(most)] if most > 0 else found)

    def set_field(self, name: bytes, *values: bytes) -> None:
        """``ngx.req.set_header`` and, without values, ``ngx.req.clear_header``."""
        try:
            self.exchange.head = with_field(self.exchange.head, name, values)
        except ValueError as error:
            raise ScriptMistake(str(error)) from None

    def uri_args(self, most: float) -> tuple[Any, ...]:
        """``ngx.req.get_uri_args``."""
        return flat(pairs(self.exchange.args, most))

    def set_uri(self, uri: bytes) -> None:
        """``ngx.req.set_uri``."""
        self.exchange.move(uri, self.exchange.args)
        self.moved = True

    def set_uri_args(self, args: bytes) -> None:
        """``ngx.req.set_uri_args``."""
        self.exchange.move(self.exchange.uri, args)

    # -- the request's body --------------------------------------------------------------------------------------

    def body_read(self) -> bool:
        """Is all of the body there, now that a script wants it."""
        if self.source is not None and self.source.ended:
            self._body_read = True
        return self._body_read

    def body(self) -> bytes | None:
        """``ngx.req.get_body_data``: nil until it was read, and where there is none."""
        return self.source.body or None if self._body_read and self.source is not None else None

    def post_args(self, most: float) -> tuple[Any, ...]:
        """``ngx.req.get_post_args``."""
        if not self._body_read:
            raise ScriptMistake("no request body found; maybe you should turn on lua_need_request_body?")
        return flat(pairs(self.body() or b"", most))

    # -- variables -----------------------------------------------------------------------------------------------

    def variable(self, name: bytes) -> bytes | None:
        """``ngx.var.NAME``; nil for one that is not there."""
        text = name.decode("latin-1").lower()
        if text in self._names.user:
            return self.exchange.user.get(text, b"")
        getter = self._names.getter(text)
        if getter is None:
            return None
        value = getter(self.exchange)
        return None if not value and (text.startswith(_ABSENT) or text.isdigit()) else value

    def set_variable(self, name: bytes, value: bytes) -> None:
        """``ngx.var.NAME = …``."""
        text = name.decode("latin-1").lower()
        if text in self._names.user:
            self.exchange.user[text] = value
        elif text == "args":
            self.set_uri_args(value)
        elif self._names.getter(text) is not None:
            raise ScriptMistake(f'variable "{text}" not changeable')
        else:
            raise ScriptMistake(
                f'variable "{text}" not found for writing; maybe it is a built-in variable that is not changeable or '
                f"you forgot to use \"set ${text} '';\" in the config file to define it first"
            )


def log(asked: Asked | None, level: float, text: bytes) -> None:
    """``ngx.log``."""
    message = "[lua] " + text.decode("utf-8", "replace")
    complain(LEVELS[int(level)], message if asked is None else asked.exchange.client.context(message))


METHODS: dict[str, Callable[..., Any]] = {
    "body": Asked.body,
    "body_read": Asked.body_read,
    "fields": Asked.fields,
    "header_get": Asked.header_get,
    "header_set": Asked.header_set,
    "headers_out": Asked.headers_out,
    "headers_sent": Asked.headers_sent,
    "http_version": Asked.http_version,
    "is_internal": Asked.is_internal,
    "log": log,
    "method": Asked.method,
    "post_args": Asked.post_args,
    "print": Asked.print,
    "raw_header": Asked.raw_header,
    "set_field": Asked.set_field,
    "set_method": Asked.set_method,
    "set_status": Asked.set_status,
    "set_uri": Asked.set_uri,
    "set_uri_args": Asked.set_uri_args,
    "set_variable": Asked.set_variable,
    "start_time": Asked.start_time,
    "status": Asked.status,
    "uri_args": Asked.uri_args,
    "variable": Asked.variable,
}
