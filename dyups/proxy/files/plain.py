"""Plain files: what a location without any other content serves (``ngx_http_static_module``,
``ngx_http_index_module``).

Opening is done at once, as nginx does it; ``filebody`` sends, ``ranges`` reads what is asked for, ``autoindex`` lists
folders, ``precompressed`` has copies.
"""

from __future__ import annotations

import errno
import os
import stat
from itertools import count

from dyups.config.model import Location
from dyups.http1.target import escape
from dyups.proxy import answers
from dyups.proxy.client import BodySink
from dyups.proxy.exchange import Exchange
from dyups.proxy.files.autoindex import BadCallback, listing
from dyups.proxy.files.filebody import FileBody, Part
from dyups.proxy.files.filepaths import path_of
from dyups.proxy.files.mimetypes import type_of
from dyups.proxy.files.precompressed import NO_COPY, Copy, precompressed
from dyups.proxy.files.ranges import NotSatisfiable, Ranges, status_of_conditions, wanted_ranges
from dyups.proxy.filters.added import format_date, parse_date, value_of, without
from dyups.proxy.filters.answerhead import AnswerHead
from dyups.proxy.filters.coded import begin_coded
from dyups.proxy.filters.coding import Coder
from dyups.proxy.filters.pacing import PacedClient, paced
from dyups.proxy.plane import complain
from dyups.proxy.serving import DISCARD

_METHODS = frozenset({b"GET", b"HEAD", b"POST"})
#: What opening may fail with, and what it means to the client (``ngx_http_static_handler``).
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP})

_LENGTH = frozenset({b"content-length"})

#: Numbers of boundaries, one for each answer with several parts.
_boundaries = count(1)


class Files:
    """The files of one location."""

    __slots__ = ("_copies", "_indexes", "_location", "_settings")

    def __init__(self, location: Location) -> None:
        settings = location.settings.files
        self._settings = settings
        self._location = location.settings
        self._indexes = settings.index
        self._copies = precompressed(location.settings.compression)

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """The file, a way to it, or why there is none."""
        exchange.held = body
        if exchange.head.method not in _METHODS:
            return _page(exchange, 405)
        if exchange.uri.endswith(b"/"):
            return self._folder(exchange, body, ended)
        path = path_of(exchange, exchange.uri)
        if path is None:
            text = exchange.uri.decode("latin-1")
            complain(
                "alert", exchange.client.context(f'"alias" cannot be used where URI "{text}" was rewritten')
            )
            return _page(exchange, 500)
        copy = NO_COPY if self._copies is None else self._copies.copy(exchange, path)
        if copy.fd >= 0:
            return self._send(exchange, copy.fd, os.fstat(copy.fd), copy)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            return self._unopened(exchange, path, error)
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode) and exchange.head.method != b"POST":
            return self._send(exchange, fd, status, copy)
        os.close(fd)
        if stat.S_ISDIR(status.st_mode):
            return _slash_added(exchange)
        if not stat.S_ISREG(status.st_mode):
            complain("crit", exchange.client.context(f'"{_shown(path)}" is not a regular file'))
            return _page(exchange, 404)
        return _page(exchange, 405)

    def _unopened(self, exchange: Exchange, path: bytes, error: OSError | ValueError) -> BodySink:
        number = error.errno or 0 if isinstance(error, OSError) else errno.EINVAL
        level, status = "crit", 500
        if number in _MISSING:
            level, status = "error", 404
        elif number in _FORBIDDEN:
            level, status = "error", 403
        if status != 404 or self._settings.log_not_found:
            reason = f"{number}: {os.strerror(number)}"
            complain(level, exchange.client.context(f'open() "{_shown(path)}" failed ({reason})'))
        return _page(exchange, status)

    # -- folders -----------------------------------------------------------------------------------------------------

    def _folder(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """The first index that is there, a list, or 403."""
        uri = exchange.uri
        folder = path_of(exchange, uri)
        if folder is None:
            return _page(exchange, 500)
        names = [name.render(exchange) for name in self._indexes] or [b"index.html"]
        for name in filter(None, names):
            if name.startswith(b"/"):
                exchange.client.redirect(name, exchange.args, body, ended)
                return DISCARD
            try:
                os.stat(folder + name)
            except (OSError, ValueError) as error:
                refusal = _no_index(folder, error)
                if refusal:
                    return self._unopened(exchange, folder + name, refusal)
            else:
                exchange.client.redirect(uri + name, exchange.args, body, ended)
                return DISCARD
        if self._settings.autoindex and exchange.head.method != b"POST":
            return self._list(exchange, folder)
        complain("error", exchange.client.context(f'directory index of "{_shown(folder)}" is forbidden'))
        return _page(exchange, 403)

    def _list(self, exchange: Exchange, folder: bytes) -> BodySink:
        try:
            kind, text = listing(folder, exchange.uri, exchange.args, self._settings)
        except BadCallback:
            return _page(exchange, 400)
        except OSError as error:
            return self._unopened(exchange, folder, error)
        answers.send(exchange.client, 200, text, kind)
        return DISCARD

    # -- sending -----------------------------------------------------------------------------------------------------

    def _send(self, exchange: Exchange, fd: int, status: os.stat_result, copy: Copy) -> BodySink:
        """The whole file, parts of it, or that it has not changed; ``copy`` is what was found in its place."""
        size, changed = status.st_size, int(status.st_mtime)
        tag = b'"%x-%x"' % (changed, size) if self._settings.etag else b""
        about = (b"ETag: %b\r\n" % tag if tag else b"") + copy.vary
        kind = self._type_of(exchange)
        if exchange.error_status not in (0, 200):
            return _send_parts(exchange, fd, 200, _entity(kind, size) + about + copy.lines, [(0, size)])
        about = b"Last-Modified: %b\r\n%b" % (format_date(changed), about)
        refusal = status_of_conditions(exchange.head, changed, tag, self._settings.if_modified_since)
        if refusal:
            os.close(fd)
            return _conditional(exchange, refusal, about)
        about += copy.lines
        ranges: Ranges = []
        most = 0 if copy.lines else self._settings.max_ranges  # of a copy nginx gives no parts
        if not _changes(exchange, _entity(kind, size) + about, size):
            if exchange.route.adds is not None and exchange.head.value(b"if-range"):
                changed, tag = _as_told(exchange, about)
            try:
                ranges = wanted_ranges(exchange.head, size, changed, tag, most)
            except NotSatisfiable:
                os.close(fd)
                answers.send_page(exchange.client, 416, b"Content-Range: bytes */%d\r\n" % size)
                return DISCARD
        if ranges:
            return _send_ranges(exchange, fd, size, kind, about, ranges)
        if most != 0:
            about += b"Accept-Ranges: bytes\r\n"
        return _send_parts(exchange, fd, 200, _entity(kind, size) + about, [(0, size)])

    def _type_of(self, exchange: Exchange) -> bytes:
        """The content type, by the extension unless a server has said it."""
        if exchange.carried is not None and exchange.carried.content_type:
            return exchange.carried.content_type  # what a server says of it (X-Accel-Redirect)
        return type_of(self._location, exchange.uri)


def _no_index(folder: bytes, error: OSError | ValueError) -> OSError | ValueError | None:
    """What an index that is not there means: None where the next may be, else why there is none at all."""
    if not isinstance(error, OSError) or error.errno != errno.ENOENT:
        return error
    try:
        os.stat(folder)
    except OSError as missing:
        return missing
    return None


def _send_ranges(
    exchange: Exchange, fd: int, size: int, kind: bytes, about: bytes, ranges: Ranges
) -> BodySink:
    if len(ranges) == 1:
        first, after = ranges[0]
        lines = (
            _entity(kind, after - first)
            + about
            + b"Content-Range: bytes %d-%d/%d\r\n" % (first, after - 1, size)
        )
        return _send_parts(exchange, fd, 206, lines, [*ranges])
    boundary = b"%020d" % next(_boundaries)
    parts: list[Part] = []
    typed = b"Content-Type: %b\r\n" % kind if kind else b""
    for first, after in ranges:
        place = (boundary, typed, first, after - 1, size)
        parts += [b"\r\n--%b\r\n%bContent-Range: bytes %d-%d/%d\r\n\r\n" % place, (first, after)]
    parts.append(b"\r\n--%b--\r\n" % boundary)
    lines = _entity(b"multipart/byteranges; boundary=%b" % boundary, _size(parts)) + about
    return _send_parts(exchange, fd, 206, lines, parts)


def _send_parts(exchange: Exchange, fd: int, status: int, lines: bytes, parts: list[Part]) -> BodySink:
    if exchange.error_status in (204, 304):  # error_page says so: there is no body
        os.close(fd)
        answers.send(exchange.client, status, b"", b"")
        return DISCARD
    client = exchange.client
    adds = exchange.route.adds
    if adds is not None and adds.trails(exchange, exchange.error_status or status):
        lines = without(lines, _LENGTH) + answers.CHUNKED
    else:
        adds = None
    lines = answers.lines_of(client, status, lines)
    coder: Coder | None = None
    if exchange.route.bodies is not None:
        answer = AnswerHead(exchange, lines, _size(parts))
        coder = exchange.route.bodies.begin(answer)
        lines = answer.lines
    if exchange.head.method == b"HEAD":
        parts = []
    elif coder is not None:
        return _send_coded(exchange, fd, lines, parts, coder)
    head = answers.head_of(client, lines)
    if exchange.route.rates is not None or exchange.user:
        client = paced(client)
    body = FileBody(client, fd, parts, adds)
    if isinstance(client, PacedClient):
        client.source = body
    return body.begin(head)


def _size(parts: list[Part]) -> int:
    return sum(len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts)


def _as_told(exchange: Exchange, about: bytes) -> tuple[int, bytes]:
    """Time and tag as the client will get them (``add_header Last-Modified``): what ``If-Range`` is compared with."""
    lines = answers.lines_of(exchange.client, 200, about)
    changed = parse_date(value_of(lines, b"last-modified"))
    return -1 if changed is None else changed, value_of(lines, b"etag")


def _changes(exchange: Exchange, lines: bytes, size: int) -> bool:
    """Will what is sent of the whole file be something else: then no part of it can be asked for."""
    bodies = exchange.route.bodies
    if bodies is None or not exchange.head.value(b"range"):
        return False
    return bodies.begin(AnswerHead(exchange, answers.lines_of(exchange.client, 200, lines), size)) is not None


def _send_coded(exchange: Exchange, fd: int, lines: bytes, parts: list[Part], coder: Coder) -> BodySink:
    """The file as ``coder`` makes it."""
    client = exchange.client
    if exchange.route.rates is not None or exchange.user:
        client = paced(client)
    coded = begin_coded(client, coder, lambda line: answers.head_of(client, lines + line), flushes=False)
    body = coded.source = FileBody(coded, fd, parts)
    if isinstance(client, PacedClient):
        client.source = body
    return body.begin(b"")


def _entity(kind: bytes, length: int) -> bytes:
    typed = b"Content-Type: %b\r\n" % kind if kind else b""
    return b"%bContent-Length: %d\r\n" % (typed, length)


def _conditional(exchange: Exchange, status: int, about: bytes) -> BodySink:
    if status == 412:
        return _page(exchange, 412)
    client = exchange.client
    client.write(answers.begin(client, 304, about))
    client.answered()
    return DISCARD


def _slash_added(exchange: Exchange) -> BodySink:
    """A folder without its slash: 301 to where it has one."""
    location = escape(exchange.uri) + b"/"
    if exchange.args:
        location = b"%b?%b" % (location, exchange.args)
    answers.send_redirect(exchange.client, 301, location)
    return DISCARD


def _page(exchange: Exchange, status: int) -> BodySink:
    answers.send_page(exchange.client, status)
    return DISCARD


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "replace")
