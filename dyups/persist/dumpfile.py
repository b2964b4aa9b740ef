"""The dump: what the configuration alone does not say about the upstreams, as an nginx configuration file.

Owns the text and its reading.  ``persist.store`` writes it, ``persist.reload`` and ``persist.watch`` read it.  The
file is valid for ``include``: nginx ``upstream`` blocks, and comments for what a block cannot say.

    # Upstreams as dyups last had them. …
    # sequence 42                         the last change that is in here
    # sha256 5f70…                        of everything after this line
    # configured host1                    stands in the configuration, unchanged; here for its place in the order
    # deleted host2                       stands in the configuration, was deleted while running
    upstream dyhost {
        server 127.0.0.1:8089;
    }

So an edit of a configured upstream that was never touched takes effect at the next start, and a change that was made
while running wins over the configuration.  A file whose checksum differs, or that has none, was written by hand or by
a third party, and is honoured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from dyups.config.model import UpstreamSpec, fold
from dyups.config.upstreams import parse_upstreams
from dyups.config.variables import NO_VARIABLES
from dyups.config.written import Said, Written, cut, text_of
from dyups.errors import ConfigError
from dyups.interfaces import VariableTable
from dyups.persist.files import Files, Stamp, install

MODE = 0o644
TITLE = "# Upstreams as dyups last had them. Edits by hand are honoured at the next start.\n"
_HEAD = re.compile(rb"(?:#[^\n]*\n)*?# sequence (\d{1,19})\n# sha256 ([0-9a-f]{64})\n")
_REMARK = re.compile(r"^# (configured|deleted) (\S+)$")


class Origin(Enum):
    """Who wrote a dump file last, as far as its checksum tells."""

    DYUPS = "dyups"
    EDITED = "edited"
    """It was dyups', and then somebody else changed it."""
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump file as it was read."""

    sequence: int
    origin: Origin
    entries: tuple[Said | str, ...]
    """In order: an upstream, or the name of one that stands in the configuration unchanged."""
    deleted: frozenset[bytes]
    """Configured upstreams that were deleted while running, folded."""
    stamp: Stamp

    @property
    def specs(self) -> tuple[Said, ...]:
        """The upstreams that the file says itself, in order."""
        return tuple([entry for entry in self.entries if not isinstance(entry, str)])


def print_dump(specs: Iterable[Said], configured: Sequence[UpstreamSpec], sequence: int) -> bytes:
    """The dump of the upstreams ``specs`` beside a configuration that has ``configured`` outside the dump file."""
    said = {fold(spec.name): spec for spec in configured}
    body = "".join(_entries(specs, said)).encode()
    checksum = sha256(body).hexdigest()
    return f"{TITLE}# sequence {sequence}\n# sha256 {checksum}\n".encode() + body


def _entries(specs: Iterable[Said], said: Mapping[bytes, UpstreamSpec]) -> Iterable[str]:
    present: set[bytes] = set()
    for spec in specs:
        key = fold(spec.name)
        present.add(key)
        if said.get(key) == spec:
            yield f"# configured {spec.name}\n"
        else:
            yield text_of(spec)
    for key, spec in said.items():
        if key not in present:
            yield f"# deleted {spec.name}\n"


def write_dump(files: Files, path: str, data: bytes) -> None:
    """Put ``data`` in the place of the dump file, atomically; the file keeps its mode.  Raises OSError."""
    stamp = files.stamp(path)
    install(files, path, data, MODE if stamp is None else stamp.mode)


def read_dump(files: Files, path: str, variables: VariableTable = NO_VARIABLES) -> Dump | None:
    """The dump at ``path``, or None where there is no such file.

    Raises :class:`ConfigError` with file and line for a file that nginx would not include, and for one that cannot
    be read.
    """
    try:
        data, stamp = files.read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f'open() "{path}" failed ({error.errno}: {error.strerror})') from error
    return parse_dump(data, path, stamp, variables)


def parse_dump(data: bytes, path: str, stamp: Stamp, variables: VariableTable = NO_VARIABLES) -> Dump:
    """The dump that ``data`` is.  Raises :class:`ConfigError` with file and line."""
    text = _decoded(data, path)
    sequence, origin = _head(data)
    try:
        entries, deleted = _cut_up(text, path, variables)
    except ConfigError:  # or something that only looks like a block, within quotes: reading it whole tells
        entries, deleted = _read_up(text, path, variables)
    return Dump(sequence, origin, tuple(entries), deleted, stamp)


def _read_up(
    text: str, path: str, variables: VariableTable, line: int = 1
) -> tuple[list[Said | str], frozenset[bytes]]:
    """Everything in order, and what was deleted; every word is read.  ``text`` begins at ``line``."""
    remarks, deleted = _remarks(text, line)
    placed: list[tuple[int, Said | str]] = [*remarks]
    specs = _unrepeated(parse_upstreams(text, path, variables, line))
    placed.extend((spec.place.line, spec) for spec in specs)
    placed.sort(key=lambda item: item[0])
    return [entry for _, entry in placed], deleted


def _cut_up(text: str, path: str, variables: VariableTable) -> tuple[list[Said | str], frozenset[bytes]]:
    """As :func:`_read_up`, but what is plain stays as it is written."""
    entries: list[Said | str] = []
    deleted: frozenset[bytes] = frozenset()
    for piece in cut(text):
        if isinstance(piece, Written):
            entries.append(piece)
        else:
            line = text.count("\n", 0, piece[0]) + 1
            more, gone = _read_up(text[slice(*piece)], path, variables, line)
            entries += more
            deleted |= gone
    said = [fold(entry.name) for entry in entries if not isinstance(entry, str)]
    if len(set(said)) < len(said):
        raise ConfigError("duplicate upstream", path)
    return entries, deleted


def _unrepeated(specs: Iterable[UpstreamSpec]) -> Iterable[UpstreamSpec]:
    """``specs``, unless a name comes twice; nginx refuses that too."""
    seen: set[bytes] = set()
    for spec in specs:
        key = fold(spec.name)
        if key in seen:
            raise ConfigError(f'duplicate upstream "{spec.name}"', spec.place.file, spec.place.line)
        seen.add(key)
        yield spec


def _decoded(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("text is not UTF-8", path, line) from error


def is_dump(data: bytes, sequence: int) -> bool:
    """Is this a dump as dyups wrote it, up to the change of that number?"""
    return _head(data) == (sequence, Origin.DYUPS)


def _head(data: bytes) -> tuple[int, Origin]:
    """The sequence number, and whether what follows is as dyups wrote it."""
    head = _HEAD.match(data)
    if head is None:
        return 0, Origin.FOREIGN
    same = sha256(data[head.end() :]).hexdigest() == head[2].decode()
    return int(head[1]), Origin.DYUPS if same else Origin.EDITED


def _remarks(text: str, first: int) -> tuple[list[tuple[int, str]], frozenset[bytes]]:
    """The names after ``# configured`` with their lines, and those after ``# deleted``."""
    configured: list[tuple[int, str]] = []
    deleted: set[bytes] = set()
    for number, line in enumerate(text.split("\n"), first):
        remark = _REMARK.match(line) if line.startswith("# ") else None
        if remark is None:
            continue
        if remark[1] == "configured":
            configured.append((number, remark[2]))
        else:
            deleted.add(fold(remark[2]))
    return configured, frozenset(deleted)
