"""The types of checks: what each sends, and which answers are good.

Pure: ``link`` has the connection.  The rules are Tengine's, but for two.  ``ssl_hello`` greets as today's TLS does,
since servers refuse Tengine's greeting, which is SSLv3's; and an answer that cannot become one ends the check at
once.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from functools import cache
from typing import NamedTuple

from dyups.config.checks import CheckSpec

#: More than this of an answer is not looked at; no status line is so long.
MOST_BYTES = 16384
DEFAULT_REQUEST = b"GET / HTTP/1.0\r\n\r\n"

_STATUS_LINE = re.compile(rb"HTTP/[1-9][0-9]*\.[0-9]+ +([0-9]{3})(?:[ .][^\r\n]*)?\r?\n")
_BEGINNING = re.compile(rb"H(?:T(?:T(?:P(?:/[^\r\n]*\r?)?)?)?)?\Z")

#: Content type, version, length; handshake type, its length; version, time, random (RFC 8446 sections 4 and 5.1).
_LEAST_HELLO = 43
_HANDSHAKE, _SERVER_HELLO = b"\x16", 0x02
_LEAST_GREETING = 5
_CPING = b"\x12\x34\x00\x01\x0a"
_CPONG = b"AB\x00\x01\x09"


class Outcome(Enum):
    """What an answer, as far as it has come, says of the server."""

    UNKNOWN = "not enough of it is here"
    GOOD = "it is well"
    BAD = "it is not"


#: From all that has come so far to what it says.
Read = Callable[[bytes, CheckSpec], Outcome]


class Probe(NamedTuple):
    """One type of check."""

    hello: Callable[[CheckSpec], bytes]
    """What is sent once the connection stands."""
    read: Read | None
    """None where a connection that stands is good."""


def status_of(answer: bytes) -> int:
    """The status code of an answer whose status line is whole; 0 for any other."""
    found = _STATUS_LINE.match(answer)
    return int(found[1]) if found is not None else 0


def _read_http(answer: bytes, check: CheckSpec) -> Outcome:
    status = status_of(answer)
    if status:
        return Outcome.GOOD if status // 100 in check.alive else Outcome.BAD
    if not answer or (len(answer) <= MOST_BYTES and _BEGINNING.match(answer)):
        return Outcome.UNKNOWN
    return Outcome.BAD


def _read_hello(answer: bytes, check: CheckSpec) -> Outcome:
    """A rough look, as Tengine's: is it a handshake, and in it the server's hello?"""
    if answer[:1] not in (b"", _HANDSHAKE):
        return Outcome.BAD  # an alert, or no TLS at all
    if len(answer) < _LEAST_HELLO:
        return Outcome.UNKNOWN
    return Outcome.GOOD if answer[5] == _SERVER_HELLO else Outcome.BAD


def _read_greeting(answer: bytes, check: CheckSpec) -> Outcome:
    """MySQL's first packet, whose number is 0."""
    if len(answer) < _LEAST_GREETING:
        return Outcome.UNKNOWN
    return Outcome.BAD if answer[3] else Outcome.GOOD


def _read_cpong(answer: bytes, check: CheckSpec) -> Outcome:
    if len(answer) < len(_CPONG):
        return Outcome.UNKNOWN
    return Outcome.GOOD if answer.startswith(_CPONG) else Outcome.BAD


@cache
def client_hello() -> bytes:
    """The first flight of a TLS client; one serves for every check, as no handshake is finished."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing)
    with suppress(ssl.SSLWantReadError):  # there is no server
        client.do_handshake()
    return outgoing.read()


def _nothing(check: CheckSpec) -> bytes:
    return b""


PROBES: dict[str, Probe] = {
    "tcp": Probe(_nothing, None),
    "http": Probe(lambda check: check.send or DEFAULT_REQUEST, _read_http),
    "ssl_hello": Probe(lambda check: client_hello(), _read_hello),
    "mysql": Probe(_nothing, _read_greeting),
    "ajp": Probe(lambda check: _CPING, _read_cpong),
}
