"""Requests' bodies in files: ``client_body_in_file_only``, the last phase before a request is passed on.

The body is written as it comes, on a thread, and the client waits where the disk is slow.  What serves the location
then gets it: a short one from memory, a long one from the file, piece by piece at the pace of whoever takes it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import count
from typing import Final

from twisted.python.failure import Failure

from dyups.config.bodies import BodySettings, TempPath
from dyups.proxy.client import MOST_HELD, BodySink
from dyups.proxy.exchange import Exchange
from dyups.proxy.passage import Passage
from dyups.proxy.plane import DataPlane, complain, system_words
from dyups.proxy.rewrite.verdicts import DONE, NEXT, WAIT

#: Where ``exchange.user`` has the file's name (``$request_body_file``); no variable can have this name.
BODY_FILE: Final = "request body file"
#: Bytes that wait to be written before the client does.
MOST_WAITING: Final = 1 << 18
#: Bytes that are read at a time, and seconds between two looks at somebody who takes no more.
PIECE: Final = 1 << 16
PAUSE: Final = 0.02

#: Numbers of files of this process: whoever finds a file there already takes the next one.
_numbers = count(os.getpid() % 10_000 * 100_000)


def make_file(path: TempPath) -> tuple[int, str]:
    """A new file, open for reading and writing, and its name.  Raises OSError."""
    while True:
        name = path.place(next(_numbers))
        os.makedirs(os.path.dirname(name), mode=0o700, exist_ok=True)
        try:
            return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), name
        except FileExistsError:
            continue


class BodyInFile:
    """The phase (:class:`~dyups.proxy.passage.Phase`)."""

    __slots__ = ("_cleans", "_path", "_plane")

    def __init__(self, settings: BodySettings, path: TempPath, plane: DataPlane) -> None:
        self._cleans = settings.client_body_in_file_only == "clean"
        self._path = path
        self._plane = plane

    def run(self, exchange: Exchange, passage: Passage) -> int:
        """Have the body written, if there is one."""
        if exchange.sub or not exchange.head.has_body() or BODY_FILE in exchange.user:
            return NEXT
        try:
            descriptor, name = make_file(self._path)
        except OSError as error:
            return _refused(exchange, f'open() "{error.filename}" failed ({system_words(error)})')
        spool = _Spool(self._plane, exchange, passage, descriptor)
        exchange.at_end.append(spool.end)
        if self._cleans:
            exchange.at_end.append(lambda: _remove(name))
        exchange.user[BODY_FILE] = os.fsencode(name)
        passage.divert(spool.take)
        return WAIT


def _remove(name: str) -> None:
    with suppress(OSError):  # whoever was told its name may have taken it away
        os.unlink(name)


def _refused(exchange: Exchange, reason: str) -> int:
    complain("crit", exchange.client.context(reason))
    exchange.client.refuse(500)
    return DONE


class _Spool:
    """One body on its way to its file, and from there to whoever serves."""

    def __init__(self, plane: DataPlane, exchange: Exchange, passage: Passage, descriptor: int) -> None:
        self._plane = plane
        self._exchange = exchange
        self._client = passage.client
        self._passage = passage
        self._fd = descriptor
        self._waiting = bytearray()
        self._short = bytearray()
        """All of the body as long as it is short."""
        self._size = 0
        self._position = 0
        self._ended = False
        self._busy = False
        """A thread uses the descriptor."""
        self._over = False

    # -- to the file ---------------------------------------------------------------------------------------------------

    def take(self, data: bytes, ended: bool) -> None:
        """More of the body."""
        self._waiting += data
        self._ended = ended
        if len(self._waiting) > MOST_WAITING:
            self._client.pause_body()
        self._write()

    def _write(self) -> None:
        if self._busy or self._over:
            return
        if self._waiting:
            data, self._waiting = bytes(self._waiting), bytearray()
            if self._size + len(data) <= MOST_HELD:
                self._short += data
            self._size += len(data)
            self._in_thread(lambda: _write_all(self._fd, data), self._written)
        elif self._ended:
            self._whole()

    def _written(self, nothing: object) -> None:
        self._client.resume_body()
        self._write()

    def _whole(self) -> None:
        """All of it is there: the request goes on."""
        if self._size <= MOST_HELD:
            self._passage.restore(bytes(self._short), True)
        else:
            self._passage.restore(b"", False, self._feed)
        self._passage.go_on()

    # -- from the file -------------------------------------------------------------------------------------------------

    def _feed(self, sink: BodySink) -> None:
        """Give the body to ``sink``, or whoever serves later, as if it came now."""
        self._later(0)

    def _later(self, seconds: float) -> None:
        self._plane.deadlines.call_later(seconds, self._read)

    def _read(self) -> None:
        if self._over:
            return
        if self._client.body_paused():
            self._later(PAUSE)
            return
        at = self._position
        self._in_thread(lambda: os.pread(self._fd, PIECE, at), self._give)

    def _give(self, data: object) -> None:
        assert isinstance(data, bytes)
        self._position += len(data)
        ended = not data or self._position >= self._size
        self._client.pass_body(data, ended)
        if not ended:
            self._later(0)

    # -- the thread, and the end -------------------------------------------------------------------------------------

    def _in_thread(self, call: object, then: object) -> None:
        assert callable(call) and callable(then)
        self._busy = True

        def done(result: object) -> None:
            self._busy = False
            if self._over:
                self._close()
            else:
                then(result)

        self._plane.in_thread(call).addCallbacks(done, self._failed)

    def _failed(self, reason: Failure) -> None:
        self._busy = False
        if self._over:
            self._close()
            return
        complain("crit", self._client.context(f"a request's body and its file: {system_words(reason.value)}"))
        if self._exchange.head_sent:
            self._client.cut()
        else:
            self._client.refuse(500)

    def end(self) -> None:
        """The request is over, whatever became of it."""
        self._over = True
        if not self._busy:
            self._close()

    def _close(self) -> None:
        descriptor, self._fd = self._fd, -1
        if descriptor >= 0:
            os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
