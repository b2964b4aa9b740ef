"""What travels between the master and a worker, as bytes: frames, and the words that every change takes.

    frame     length of the content (4 bytes), kind (1), content; numbers big endian
    BOX       an AMP box: all the words that are rare, in ``link``
    CALL      number (8), verb (1), lengths of three texts (4 each), the texts name, commands, If-Match, If-None-Match
    OUTCOME   number of the call (8), status (4), reason
    RING      sequence number (8)
    STATE     sequence number (8), digest (16)

AMP takes a tenth of a millisecond for a word, which was a third of what a change cost; a frame takes a few
microseconds.  Both ends are of one installation (docs/workers.rst, Reload), so there is no version in it.  ``channel``
and ``link`` call in here.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from dyups.control.condition import Condition
from dyups.control.remote import Outcome

BOX: Final = 0
CALL: Final = 1
OUTCOME: Final = 2
RING: Final = 3
STATE: Final = 4

UPDATE: Final = b"U"
PATCH: Final = b"P"
DELETE: Final = b"D"

_HEAD = struct.Struct(">IB")
_CALL = struct.Struct(">QcIII")
_OUTCOME = struct.Struct(">QI")
_RING = struct.Struct(">IBQ")
_SEQUENCE = struct.Struct(">Q")
_STATE = struct.Struct(">Q16s")


class State(NamedTuple):
    """What a worker routes by."""

    sequence: int
    digest: int


class Call(NamedTuple):
    """A client's change; ``text`` is its body or its commands, ``number`` tells one call of a worker from another."""

    number: int
    verb: bytes
    name: str
    text: str
    condition: Condition


class Frames:
    """Cuts what arrives, in whatever pieces, into frames."""

    __slots__ = ("_rest", "_wanted")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._wanted = 0
        """How long ``_rest`` has to be before it is worth another look."""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames that are whole by now, as kind and content."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._wanted:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        found: list[tuple[int, bytes]] = []
        start, end = 0, len(data)
        self._wanted = _HEAD.size
        while end - start >= _HEAD.size:
            length, kind = _HEAD.unpack_from(data, start)
            behind: int = start + _HEAD.size + length
            if behind > end:
                self._wanted = behind - start
                break
            found.append((kind, data[start + _HEAD.size : behind]))
            start = behind
        if start < end:
            self._rest += data[start:]
        return found


def frame(kind: int, content: bytes) -> bytes:
    """The frame."""
    return _HEAD.pack(len(content), kind) + content


def call_frame(call: Call) -> bytes:
    """A frame of kind CALL."""
    name, text = call.name.encode(), call.text.encode()
    if_match, if_none_match = call.condition.if_match.encode(), call.condition.if_none_match.encode()
    facts = _CALL.pack(call.number, call.verb, len(name), len(text), len(if_match))
    return frame(CALL, b"".join((facts, name, text, if_match, if_none_match)))


def read_call(content: bytes) -> Call:
    """What :func:`call_frame` was given."""
    number, verb, name, text, if_match = _CALL.unpack_from(content)
    name += _CALL.size
    text += name
    if_match += text
    condition = Condition(content[text:if_match].decode(), content[if_match:].decode())
    return Call(number, verb, content[_CALL.size : name].decode(), content[name:text].decode(), condition)


def outcome_frame(number: int, outcome: Outcome) -> bytes:
    """A frame of kind OUTCOME: what became of the call ``number``."""
    return frame(OUTCOME, _OUTCOME.pack(number, outcome.status) + outcome.reason.encode())


def read_outcome(content: bytes) -> tuple[int, Outcome]:
    """What :func:`outcome_frame` was given."""
    number, status = _OUTCOME.unpack_from(content)
    return number, Outcome(status, content[_OUTCOME.size :].decode())


def ring_frame(sequence: int) -> bytes:
    """A frame of kind RING: there are changes up to ``sequence``."""
    return _RING.pack(_SEQUENCE.size, RING, sequence)


def read_ring(content: bytes) -> int:
    """What :func:`ring_frame` was given."""
    (sequence,) = _SEQUENCE.unpack(content)
    return int(sequence)


def state_frame(state: State) -> bytes:
    """A frame of kind STATE: the answer to RING."""
    return frame(STATE, _STATE.pack(state.sequence, state.digest.to_bytes(16, "big")))


def read_state(content: bytes) -> State:
    """What :func:`state_frame` was given."""
    sequence, digest = _STATE.unpack(content)
    return State(sequence, int.from_bytes(digest, "big"))
