"""The calls of the admin interface as coroutines, on treq.

Owns how a call becomes a request, an answer a result or an error, and the patience with which a held lock is met
(409).  Errors are those of the proxy itself: the ``ChangeError`` family, told apart by status, and
:class:`~dyups.errors.Unreachable` where there is no answer.  ``command`` and other people's scripts call in here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.interfaces import IConsumer
from twisted.internet.task import deferLater
from twisted.web.client import (
    HTTPConnectionPool,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from dyups.client.place import DEFAULT_URL, agent_for, place_of
from dyups.client.watching import INTERVAL, Watch
from dyups.errors import (
    ChangeError,
    ChangeFailed,
    CommandRefused,
    LockHeld,
    LostRace,
    UnexpectedAnswer,
    UnknownUpstream,
    Unreachable,
)

Facts = dict[str, Any]
"""JSON as it came."""
Names = list[str]
ManyFacts = list[Facts]

JSON = "application/json"
#: Seconds to wait after a 409 that does not say how long.
PAUSE = 1.0
_UNKNOWN = "not found upstream"
_DONE = "success"
_NONE = "this is no dyups interface"
_NOTHING: Facts = {"sequence": 0, "upstreams": []}
_PHRASES = {
    401: "name and password are wanted (http://NAME:PASSWORD@HOST, unix:NAME:PASSWORD@/PATH)",
    403: "this address may not ask",
    413: "the text is too large (client_max_body_size)",
}
_ERRORS: dict[int, type[ChangeError]] = {
    kind.status: kind for kind in (CommandRefused, LockHeld, LostRace, ChangeFailed)
}
_TRANSPORT = (
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
    OSError,
)


class Shown(NamedTuple):
    """An upstream: the commands that would make it again, one a line, and its entity tag."""

    commands: str
    etag: str


class Reply(NamedTuple):
    """An answer as it came."""

    status: int
    text: str
    headers: Headers

    def field(self, name: str) -> str:
        """The first value of a field; empty where there is none."""
        return (self.headers.getRawHeaders(name) or [""])[0]

    def facts(self, *keys: str) -> Facts:
        """The JSON that was asked for, which has ``keys``.  Raises :class:`UnexpectedAnswer` where it is no such."""
        try:
            facts = json.loads(self.text)
        except ValueError:
            facts = None
        if not isinstance(facts, dict) or not facts.keys() >= set(keys):
            raise UnexpectedAnswer(self.status, _NONE)
        return facts


class Client:
    """The interface at ``url`` (see :mod:`~dyups.client.place`).

    ``timeout`` is the most that a call takes, in seconds, waiting for a lock included.  With ``wait`` a call that
    meets a held lock (409, ``dyups_trylock on``) is made again when the interface says; otherwise it fails with
    :class:`~dyups.errors.LockHeld` at once.  ``http`` takes the place of the connections that the client makes.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        timeout: float = 10.0,
        wait: bool = True,
        reactor: Any = None,
        http: HTTPClient | None = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        place = place_of(url)
        self.url = place.shown
        self.reactor = reactor
        self._base = place.base
        self._auth = place.auth
        self._timeout = timeout
        self._wait = wait
        self._pool = HTTPConnectionPool(reactor)
        self._http = HTTPClient(agent_for(place, reactor, self._pool)) if http is None else http

    # -- reading -------------------------------------------------------------------------------------------------

    async def list(self) -> Names:
        """The names of all upstreams, in order of definition."""
        facts = await self._facts("/list", {"upstreams": []})
        return cast("Names", facts["upstreams"])

    async def detail(self) -> Facts:
        """Every upstream: ``sequence``, and ``upstreams`` as the interface describes them."""
        return await self._facts("/detail", _NOTHING)

    async def detail_unless(self, etag: str) -> tuple[str, Facts | None]:
        """The tag of everything, and :meth:`detail`; None in its place where the tag is still ``etag``."""
        fields = {"Accept": JSON, **({"If-None-Match": etag} if etag else {})}
        reply = await self._read("/detail", fields, (200, 204, 304))
        if reply.status == 304:
            return etag, None
        facts = _NOTHING if reply.status == 204 else reply.facts(*_NOTHING)
        return reply.field("ETag"), facts

    async def show(self, name: str) -> Shown:
        """One upstream.  Raises :class:`UnknownUpstream`."""
        reply = await self._read(_path(name), {"Accept": "text/plain"})
        if not reply.field("ETag"):  # whoever else may listen there: what it says is no upstream
            raise UnexpectedAnswer(reply.status, _NONE)
        lines = (line if line.endswith(";") else f"{line};" for line in reply.text.splitlines())
        return Shown("".join(f"{line}\n" for line in lines), reply.field("ETag"))

    async def facts(self, name: str) -> Facts:
        """One upstream as the interface describes it.  Raises :class:`UnknownUpstream`."""
        return (await self._read(_path(name), {"Accept": JSON})).facts("name", "etag")

    async def workers(self) -> ManyFacts:
        """The workers, and which changes each of them routes by."""
        reply = await self._read("/detail?workers=1", {"Accept": JSON})
        return cast("ManyFacts", reply.facts("workers")["workers"])

    async def _facts(self, path: str, empty: Facts) -> Facts:
        """What has the keys of ``empty``, which is what there is where there is nothing (204)."""
        reply = await self._read(path, {"Accept": JSON}, (200, 204))
        return empty if reply.status == 204 else reply.facts(*empty)

    async def _read(self, path: str, fields: Mapping[str, str], good: tuple[int, ...] = (200,)) -> Reply:
        reply = await self._within(self._once("GET", path, None, fields))
        if reply.status not in good:
            raise error_of(reply)
        return reply

    def watch(self, interval: float = INTERVAL) -> Watch:
        """What changes from now on: ``async for changes in client.watch(): …``."""
        return Watch(self, interval)

    # -- changing ------------------------------------------------------------------------------------------------

    async def set(self, name: str, body: str, *, if_match: str = "", create: bool = False) -> None:
        """Create or replace the upstream by the commands of ``body``.

        With ``if_match``, the tag of :class:`Shown`, only if it is still the same; with ``create`` only if there is
        none.  Raises a :class:`~dyups.errors.ChangeError` where the change was not made, and
        :class:`~dyups.errors.Unreachable` where that is not known.
        """
        await self.change("POST", name, body, if_match=if_match, create=create)

    async def patch(self, name: str, commands: str, *, if_match: str = "") -> None:
        """Change single servers (``add server …;``, ``set``, ``drain``, ``remove``); see :meth:`set`."""
        await self.change("PATCH", name, commands, if_match=if_match)

    async def delete(self, name: str, *, if_match: str = "") -> None:
        """Take the upstream away; see :meth:`set`."""
        await self.change("DELETE", name, if_match=if_match)

    async def preview(self, method: str, name: str, body: str | None = None, **conditions: Any) -> Facts:
        """What :meth:`change` would change, as facts; nothing is changed."""
        reply = await self.change(method, name, body, dry_run=JSON, **conditions)
        return reply.facts("action")

    async def preview_text(self, method: str, name: str, body: str | None = None, **conditions: Any) -> str:
        """The same, for people."""
        reply = await self.change(method, name, body, dry_run="text/plain", **conditions)
        if not reply.text.startswith("would "):
            raise UnexpectedAnswer(reply.status, _NONE)
        return reply.text

    async def change(
        self,
        method: str,
        name: str,
        body: str | None = None,
        *,
        if_match: str = "",
        create: bool = False,
        dry_run: str = "",
    ) -> Reply:
        """A ``POST``, ``PATCH`` or ``DELETE``; see :meth:`set`.

        ``dry_run`` is the media type in which to be told what would change; then nothing is changed.
        """
        path, fields = _path(name), {}
        if dry_run:
            path, fields["Accept"] = f"{path}?dry_run=1", dry_run
        if if_match:
            fields["If-Match"] = if_match
        if create:
            fields["If-None-Match"] = "*"
        reply = await self._within(self._until_let_in(method, path, body, fields))
        if reply.status != 200:
            raise error_of(reply)
        if (
            not dry_run and reply.text.strip() != _DONE
        ):  # a web server that answers everything has changed nothing
            raise UnexpectedAnswer(reply.status, _NONE)
        return reply

    async def _until_let_in(
        self, method: str, path: str, body: str | None, fields: Mapping[str, str]
    ) -> Reply:
        """Ask again while another change holds the lock, as often as the time that is left allows."""
        until = self.reactor.seconds() + self._timeout
        while True:
            reply = await self._once(method, path, body, fields)
            if reply.status != LockHeld.status or not self._wait:
                return reply
            pause = _seconds(reply.field("Retry-After"))
            if self.reactor.seconds() + pause >= until:
                return reply
            await deferLater(self.reactor, pause, lambda: None)

    # -- requests ------------------------------------------------------------------------------------------------

    async def _once(self, method: str, path: str, body: str | None, fields: Mapping[str, str]) -> Reply:
        headers = Headers({name: [value] for name, value in fields.items()})
        data = None
        if body is not None:
            headers.setRawHeaders("Content-Type", ["text/plain; charset=utf-8"])
            data = _Body(body.encode())
        try:
            response = await self._http.request(
                method,
                self._base + path,
                headers=headers,
                data=data,
                allow_redirects=False,
                reactor=self.reactor,
                auth=self._auth,
            )
            content = await response.content()
        except _TRANSPORT as error:
            raise Unreachable(f"{self.url}: {_reason(error)}") from error
        return Reply(response.code, content.decode("utf-8", "replace"), response.headers)

    async def _within(self, call: Any) -> Reply:
        """What ``call`` gives; fails with :class:`Unreachable` where that takes too long."""
        asked: Deferred[Reply] = Deferred.fromCoroutine(call)
        late = self.reactor.callLater(self._timeout, asked.cancel)
        try:
            return await asked
        except (CancelledError, Unreachable) as error:
            if late.active():
                raise
            raise Unreachable(f"{self.url}: no answer within {self._timeout:g} seconds") from error
        finally:
            if late.active():
                late.cancel()

    async def close(self) -> None:
        """Close the connections that are kept for later."""
        await self._pool.closeCachedConnections()


@implementer(IBodyProducer)
class _Body:
    """A body that is sent in one piece: treq's own producers need the reactor's next turn for it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length = len(data)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """See :class:`~twisted.web.iweb.IBodyProducer`."""
        consumer.write(self._data)
        return succeed(None)

    def pauseProducing(self) -> None:
        """There is one write, nothing to pause."""

    def resumeProducing(self) -> None:
        """There is one write, nothing to resume."""

    def stopProducing(self) -> None:
        """There is one write, nothing to stop."""


def error_of(reply: Reply) -> ChangeError:
    """The error that an answer stands for."""
    reason = reply.text
    if reply.field("Content-Type").startswith(JSON):
        reason = str(reply.facts().get("error", ""))
    elif not reply.field("Content-Type").startswith("text/plain"):
        return UnexpectedAnswer(
            reply.status, f"the answer is {reply.status}: {_PHRASES.get(reply.status, _NONE)}"
        )
    if reply.status == UnknownUpstream.status and reason == _UNKNOWN:
        return UnknownUpstream(reason)
    kind = _ERRORS.get(reply.status)
    return UnexpectedAnswer(reply.status, reason.strip()) if kind is None else kind(reason.strip())


def _path(name: str) -> str:
    return "/upstream/" + quote(name, safe="")


def _seconds(text: str) -> float:
    """``Retry-After`` (RFC 9110 section 10.2.3) where it is a number; the interface sends no dates."""
    return float(text) if text.isascii() and text.isdigit() else PAUSE


def _reason(error: BaseException) -> str:
    """What Twisted wraps and words, in a line."""
    inner = getattr(error, "reasons", None)
    if inner:
        return _reason(inner[0].value)
    return str(error).rstrip(".") or type(error).__name__
