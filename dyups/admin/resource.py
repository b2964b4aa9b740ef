"""The REST interface of ``dyups_interface`` as a Twisted web resource, on Klein.

Owns which request is which call, and nothing more: changes go to ``control.change``, texts come from
``admin.status`` and ``admin.preview``, the form of every answer from ``admin.answers``.  The data plane mounts the
resource with the location's prefix stripped, has read the whole body, and has refused one that is too big.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import parse_qs
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from werkzeug.exceptions import MethodNotAllowed, NotFound

from dyups.admin import answers, status
from dyups.admin.answers import Answer
from dyups.admin.preview import preview, preview_facts, preview_text
from dyups.config.model import UpstreamSpec
from dyups.control.change import Changes
from dyups.control.condition import Condition, condition_of, etag_of
from dyups.control.reading import PATCH_REFUSED, REFUSED, known, read_patch, read_update
from dyups.errors import ChangeError, CommandRefused
from dyups.interfaces import Clock
from dyups.upstream.group import Group
from dyups.upstream.map import UpstreamMap

METHODS = (b"GET", b"HEAD", b"POST", b"PATCH", b"DELETE")

_log = Logger()


Roster = Callable[[], "Deferred[list[dict[str, Any]]]"]
"""Fires with the facts of every worker; see :func:`~dyups.admin.status.workers_text`."""


def dyups_interface(
    upstreams: UpstreamMap, changes: Changes, clock: Clock, roster: Roster | None = None
) -> IResource:
    """The interface to these upstreams; ``clock`` is the one by which the data plane judges its servers.

    Without a ``roster`` this process is the only one.
    """
    if roster is None:
        roster = partial(_only_this_process, upstreams)
    return _Door(Interface(upstreams, changes, clock, roster).app.resource())


def _only_this_process(upstreams: UpstreamMap) -> Deferred[list[dict[str, Any]]]:
    return succeed([status.own_facts(os.getpid(), upstreams)])


class Interface:
    """The calls of the interface.  The state is the map, which is only read here, and the way of a change."""

    app = Klein()
    # A path with an empty part is another path, not one to be redirected to.
    app.url_map.merge_slashes = False

    def __init__(self, upstreams: UpstreamMap, changes: Changes, clock: Clock, roster: Roster) -> None:
        self._upstreams = upstreams
        self._changes = changes
        self._clock = clock
        self._roster = roster

    @app.route("/list", methods=["GET"])
    def list(self, request: IRequest) -> bytes:
        """The names."""
        return _tagged(request, status.map_tag(self._upstreams), self._list)

    def _list(self, request: IRequest) -> Answer:
        if not len(self._upstreams):
            return Answer(204)
        if _wants_json(request):
            return answers.as_json(status.list_facts(self._upstreams))
        return Answer(200, status.list_text(self._upstreams))

    @app.route("/detail", methods=["GET"])
    async def detail(self, request: IRequest) -> bytes:
        """Every upstream with its servers, or every worker (``?workers=1``)."""
        if _asked(request, b"workers"):
            workers = await self._roster()
            if _wants_json(request):
                return _read(request, answers.as_json({"workers": workers}))
            return _read(request, Answer(200, status.workers_text(workers)))
        return _tagged(request, status.map_tag(self._upstreams), self._detail)

    def _detail(self, request: IRequest) -> Answer:
        if not len(self._upstreams):
            return Answer(204)
        if _wants_json(request):
            return answers.as_json(status.detail_facts(self._upstreams, self._clock.seconds()))
        return Answer(200, status.detail_text(self._upstreams, _verbose(request)))

    @app.route("/upstream/<name>", methods=["GET"])
    def show(self, request: IRequest, name: str) -> bytes:
        """One upstream."""
        group = known(self._upstreams, name)
        return _tagged(request, etag_of(group.spec), partial(self._show, group))

    def _show(self, group: Group, request: IRequest) -> Answer:
        if _wants_json(request):
            return answers.as_json(status.upstream_facts(group, self._clock.seconds()))
        return Answer(200, status.upstream_text(group, _verbose(request)))

    @app.route("/upstream/<name>", methods=["POST"])
    def update(self, request: IRequest, name: str) -> bytes | Deferred[bytes]:
        """Create or replace an upstream.  A client that leaves while it waits is not waited for (Klein cancels)."""
        body, condition = _body(request, REFUSED), _condition(request)
        if _dry(request):
            before = self._upstreams.find(name)
            condition.require(None if before is None else before.spec)
            return _preview(request, name, before, read_update(self._upstreams, name, body))
        return self._changes.update(name, body, condition).addCallback(_made, request)

    @app.route("/upstream/<name>", methods=["PATCH"])
    def patch(self, request: IRequest, name: str) -> bytes | Deferred[bytes]:
        """Change servers of an upstream, by all commands or none."""
        commands, condition = _body(request, PATCH_REFUSED), _condition(request)
        if _dry(request):
            before = known(self._upstreams, name)
            condition.require(before.spec)
            return _preview(request, name, before, read_patch(self._upstreams, before.spec, commands))
        return self._changes.patch(name, commands, condition).addCallback(_made, request)

    @app.route("/upstream/<name>", methods=["DELETE"])
    def delete(self, request: IRequest, name: str) -> bytes | Deferred[bytes]:
        """Take an upstream away."""
        condition = _condition(request)
        if _dry(request):
            before = known(self._upstreams, name)
            condition.require(before.spec)
            return _preview(request, name, before, None)
        return self._changes.delete(name, condition).addCallback(_made, request)

    @app.handle_errors(ChangeError)
    def refused(self, request: IRequest, failure: Failure) -> bytes:
        """The change was not made, or what was asked for is not there."""
        return _fail(request, answers.of_error(_change_error(failure)))

    @app.handle_errors(NotFound, MethodNotAllowed)
    def nowhere(self, request: IRequest, failure: Failure) -> bytes:
        """No call of the interface."""
        return _fail(request, answers.nowhere(request.method.decode(), _path(request)))

    @app.handle_errors(Exception)
    def broken(self, request: IRequest, failure: Failure) -> bytes:
        """Our own mistake: the log has it whole, the client hears that it was not its own."""
        _log.failure("{method} {path} failed", failure, method=request.method, path=request.path)
        return _fail(request, Answer(500, "internal error"))


class _Door(Resource):
    """In front of Klein: what its router cannot be told, or stumbles over.

    Methods that nothing here has; parts of a path that are no text, or hold a slash (``%2F``); words in another case;
    one slash at the end, which the C module does not see either; and the ``Host`` field, which the router reads
    and which is the data plane's business.
    """

    isLeaf = True

    def __init__(self, inner: Resource) -> None:
        Resource.__init__(self)
        self._inner = inner

    def render(self, request: IRequest) -> Any:
        """Answer, or let Klein answer."""
        answer = self._refusal(request)
        if answer is not None:
            return _fail(request, answer)
        request.requestHeaders.setRawHeaders("Host", ["localhost"])
        return self._inner.render(request)

    def _refusal(self, request: IRequest) -> Answer | None:
        """The answer to what Klein is better not shown; else the path is made ready for it."""
        parts = request.postpath
        if parts and not parts[-1]:
            parts.pop()
        if parts:
            parts[0] = parts[0].lower()
        if request.method not in METHODS:
            path = [part.decode("latin-1") for part in parts]
            return Answer(405, answers.NO_INTERFACE, fields=(("Allow", answers.allowed(path)),))
        if not all(map(_is_name, parts)):
            return Answer(400, "path is not UTF-8, or holds an encoded slash")
        return None


def _change_error(failure: Failure) -> ChangeError:
    assert isinstance(failure.value, ChangeError)
    return failure.value


def _is_name(part: bytes) -> bool:
    try:
        return "/" not in part.decode()
    except UnicodeDecodeError:
        return False


def _path(request: IRequest) -> list[str]:
    return [part.decode() for part in request.postpath]


def _body(request: IRequest, refused: str) -> str:
    """The body as text.  Raises :class:`CommandRefused`, whose reason begins with ``refused``."""
    data: bytes = request.content.read()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CommandRefused(f"{refused}text is not UTF-8 in line {line}") from error


def _wants_json(request: IRequest) -> bool:
    return answers.wants_json(_field(request, b"Accept"))


def _verbose(request: IRequest) -> bool:
    return _asked(request, b"verbose")


def _dry(request: IRequest) -> bool:
    return _asked(request, b"dry_run")


def _asked(request: IRequest, name: bytes) -> bool:
    """Is the argument there, and neither empty nor ``0``?

    ``request.args`` has what looks like a form in the body, too, where a comment could say ``dry_run=1``.
    """
    arguments: bytes = request.uri.partition(b"?")[2]
    if not arguments:
        return False
    values: list[bytes] = parse_qs(arguments).get(name, [b"0"])
    return values[-1] not in (b"0", b"")


def _made(_: None, request: IRequest) -> bytes:
    """Tell that the change was made."""
    return answers.send(request, Answer(200, answers.SUCCESS))


def _condition(request: IRequest) -> Condition:
    """Raises :class:`CommandRefused`."""
    return condition_of(_field(request, b"If-Match"), _field(request, b"If-None-Match"))


def _field(request: IRequest, name: bytes) -> str | None:
    """The lines of a field as one (RFC 9110 section 5.2), whatever bytes they hold (section 5.5)."""
    values: list[bytes] | None = request.requestHeaders.getRawHeaders(name)
    return None if values is None else b", ".join(values).decode("latin-1")


def _tagged(request: IRequest, tag: str, make: Callable[[IRequest], Answer]) -> bytes:
    """Send what was asked for with its entity tag; 304 where the client has it, 412 where it wants another one."""
    failed = _condition(request).failed(tag)
    if failed:
        answer = (
            Answer(304) if failed == "If-None-Match" else Answer(412, f"{failed}: it is another one by now")
        )
    else:
        answer = make(request)
    return _read(request, answer._replace(fields=(("ETag", tag),)))


def _preview(request: IRequest, name: str, before: Group | None, after: UpstreamSpec | None) -> bytes:
    """Send what a change would change."""
    found = preview(name, before, after)
    if _wants_json(request):
        return _read(request, answers.as_json(preview_facts(found)))
    return _read(request, Answer(200, preview_text(found)))


def _read(request: IRequest, answer: Answer) -> bytes:
    """Send what was asked for; the form depends on ``Accept``."""
    return answers.send(request, answer._replace(fields=(*answer.fields, ("Vary", "Accept"))))


def _fail(request: IRequest, answer: Answer) -> bytes:
    """Send why not, in the form that the client prefers where it only reads."""
    if request.method in METHODS[:2] and _wants_json(request):
        facts = answers.as_json({"error": answer.text}, answer.status)
        return _read(request, facts._replace(fields=answer.fields))
    return answers.send(request, answer)
