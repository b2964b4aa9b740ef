"""The journal: acknowledged commands since the last dump, each on disk before its client hears ``success``.

Owns the format and the file.  ``persist.store`` appends and drops (from one thread at a time), ``persist.reload``
reads through :func:`scan`.  What a payload means is the caller's.

    file      HEADER, then records
    record    marker (4 bytes), length of the payload (4), sequence number (8), crc32 of these 16 bytes (4),
              crc32 of the payload (4), payload; numbers big endian, sequence numbers rise

A record that was cut short by a crash stands at the end, was never acknowledged, and is dropped without a word.
Anything else that does not check is damage: reported with its offset, skipped up to the next record that checks, and
the damaged file is kept aside.  The marker holds a byte that UTF-8 never has, so that the search is not misled by
texts.

After a failed ``fsync`` the system may have marked the pages clean without writing them, and a second ``fsync``
would report a success that is none.  So nothing in that file is trusted any more: the records that were acknowledged
are written to another file, which takes its place; until that has worked every append tries it first and fails.

Another file takes its place with every start and after every dump, too.  That needs as much room as the records, which
a full disk may not have when there is room for a change again: then the file that is there is gone on with, if it
checks and nothing in it is distrusted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from zlib import crc32

from dyups.persist.files import Files, install, write_all

SUFFIX = ".journal"
HEADER = b"dyups journal 1\n"
MODE = 0o600
MARKER = b"\xffREC"
_FACTS = struct.Struct(">4sIQ")
_SUMS = struct.Struct(">II")
_HEAD = _FACTS.size + _SUMS.size


class Record(NamedTuple):
    """One acknowledged command; ``start`` and ``end`` are where it stands in the file."""

    sequence: int
    payload: bytes
    start: int
    end: int


class Damage(NamedTuple):
    """A part that does not check, by the offset at which it begins."""

    offset: int
    reason: str


@dataclass(slots=True)
class Scan:
    """What a journal holds."""

    records: list[Record] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    torn: int | None = None
    """Where the last record was cut short, if it was."""


class _Torn(NamedTuple):
    """The record at the end was cut short by a crash."""


def encode_record(sequence: int, payload: bytes) -> bytes:
    """The record as it stands in the file."""
    facts = _FACTS.pack(MARKER, len(payload), sequence)
    return facts + _SUMS.pack(crc32(facts), crc32(payload)) + payload


def scan(data: bytes) -> Scan:
    """Everything in ``data`` that checks, with a report of what does not.  Never raises."""
    found = Scan()
    offset = _after_header(data, found)
    last = 0
    while 0 <= offset < len(data):
        item = _item(data, offset, last)
        if isinstance(item, Record):
            found.records.append(item)
            last, offset = item.sequence, item.end
        elif isinstance(item, _Torn):
            found.torn = offset
            break
        else:
            _note(found, item)
            offset = data.find(MARKER, offset + 1)
    return found


def _after_header(data: bytes, found: Scan) -> int:
    """Where the first record begins."""
    if data.startswith(HEADER):
        return len(HEADER)
    if data:
        found.damages.append(Damage(0, "not a journal"))
    return data.find(MARKER)


def _note(found: Scan, damage: Damage) -> None:
    """Report one stretch of damage once, however many false starts are in it."""
    end = found.records[-1].end if found.records else len(HEADER)
    if not found.damages or found.damages[-1].offset < end:
        found.damages.append(damage)


def _item(data: bytes, offset: int, last: int) -> Record | _Torn | Damage:
    """What stands at ``offset``."""
    if offset + _HEAD > len(data):
        cut = data[offset:]
        begun = cut.startswith(MARKER[: len(cut)])
        return _Torn() if begun or not any(cut) else Damage(offset, "unreadable record")
    marker, length, sequence = _FACTS.unpack_from(data, offset)
    facts_sum, payload_sum = _SUMS.unpack_from(data, offset + _FACTS.size)
    if marker != MARKER or crc32(data[offset : offset + _FACTS.size]) != facts_sum:
        # A file system may have grown the file before the crash and not have written what belongs there.
        zeros = not data[offset] and not data[offset:].strip(b"\0")
        return _Torn() if zeros else Damage(offset, "unreadable record")
    start, end = offset + _HEAD, offset + _HEAD + length
    if end > len(data):
        return _Torn()
    if crc32(data[start:end]) != payload_sum:
        return Damage(offset, "checksum of a record differs")
    if sequence <= last:
        return Damage(offset, f"sequence number {sequence} after {last}")
    return Record(sequence, data[start:end], offset, end)


def read(files: Files, path: str) -> Scan:
    """What the journal at ``path`` holds; nothing where there is none.  Raises OSError."""
    return scan(_content(files, path))


def _content(files: Files, path: str) -> bytes:
    try:
        return files.read(path)[0]
    except FileNotFoundError:
        return b""


class Journal:
    """The journal open for appending; the file is looked at when it is first needed.

    Every method blocks and raises OSError.  After an error the journal mends itself with the next call that can.
    """

    def __init__(self, path: str, files: Files) -> None:
        self._path = path
        self._files = files
        self._handle: int | None = None
        self._end: int | None = None
        """Where the acknowledged records end; None until the file was looked at."""
        self._distrusted = False
        """An ``fsync`` of the file has failed."""

    def append(self, sequence: int, payload: bytes) -> None:
        """Return when the record is on disk for good; when this raises, it is not there and will not be."""
        handle = self._ready()
        record = encode_record(sequence, payload)
        try:
            write_all(self._files, handle, record)
        except Exception:
            self._take_back(handle)
            raise
        try:
            self._files.fsync(handle)
        except Exception:
            self._distrust(handle)
            raise
        self._end = (self._end or 0) + len(record)

    def drop(self, sequence: int) -> None:
        """Forget the records up to ``sequence``: they are in the dump."""
        self.close()
        self._renew(sequence)

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        handle, self._handle = self._handle, None
        if handle is not None:
            with suppress(OSError):
                self._files.close(handle)

    def _ready(self) -> int:
        """The handle of a file that can be trusted, ending with the last acknowledged record."""
        if self._handle is None:
            self._renew(0)
            self._handle = self._files.append_to(self._path)
        return self._handle

    def _renew(self, dropped: int) -> None:
        """Have a file that holds the acknowledged records after ``dropped``: another one, or else the present one."""
        try:
            self._rewrite(dropped)
        except OSError:
            if not self._stays(dropped):
                raise

    def _rewrite(self, dropped: int) -> None:
        """Write the acknowledged records after ``dropped`` to another file, which takes the place of this one."""
        data = _content(self._files, self._path)
        if self._end is None:
            self._keep_aside(data)
        found = scan(data[: self._end])
        kept = _joined(data, (record for record in found.records if record.sequence > dropped))
        install(self._files, self._path, kept, MODE)
        self._end = len(kept)
        self._distrusted = False

    def _stays(self, dropped: int) -> bool:
        """Make the present file end with its last acknowledged record; False where it cannot be gone on with.

        Records that are dropped leave it only together; until then whoever reads knows by their numbers.
        """
        data = _content(self._files, self._path)
        found = scan(data[: self._end])
        if self._distrusted or found.damages or not data.startswith(HEADER):
            return False
        needed = any(record.sequence > dropped for record in found.records)
        self._cut(found.records[-1].end if needed else len(HEADER))
        return True

    def _cut(self, end: int) -> None:
        """Cut the file off there, for good."""
        handle = self._files.append_to(self._path)
        try:
            self._files.truncate(handle, end)
            self._sync(handle)
        finally:
            self._files.close(handle)
        self._end = end

    def _sync(self, handle: int) -> None:
        """Have file and name on disk: the name may be from an attempt that failed at the very end."""
        try:
            self._files.fsync(handle)
        except OSError:
            self._distrusted = True
            raise
        self._files.fsync_folder(self._path)

    def _keep_aside(self, data: bytes) -> None:
        """A damaged journal is kept under another name, whatever is made of it."""
        damages = scan(data).damages
        if damages:
            name = f"{self._path}.damaged-{crc32(data):08x}"
            install(self._files, name, data, MODE)

    def _take_back(self, handle: int) -> None:
        """A write failed, most often for want of room: cut off what was written of the record."""
        try:
            self._files.truncate(handle, self._end or 0)
            self._files.fsync(handle)
        except OSError:
            self._distrust(handle)

    def _distrust(self, handle: int) -> None:
        """Nothing in this file can be trusted: move to another one, now if possible, else before the next append."""
        self._distrusted = True
        with suppress(OSError):
            self._files.truncate(handle, self._end or 0)
        self.close()
        with suppress(OSError):
            self._rewrite(0)


def _joined(data: bytes, records: Iterable[Record]) -> bytes:
    return HEADER + b"".join(data[record.start : record.end] for record in records)
