"""Statements to a tree of directives, with every ``include`` followed.

Owns the shape of the tree, the balance of blocks, the reading of files and nginx's rules for ``include``.  Knows no
other directive, save that a dump file which is not there yet counts as empty.  Called by ``build`` for
configurations and by ``upstreams`` for dumps.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from typing import NamedTuple

from dyups.config.lexer import statements
from dyups.errors import ConfigError

#: For blocks, and for includes: a file that includes itself would never end; nginx runs out of descriptors then.
MAX_DEPTH = 100


class Directive(NamedTuple):
    """One directive as written: its name, arguments and place, and the directives of its block if it has one."""

    name: str
    args: tuple[str, ...]
    file: str
    line: int
    block: tuple[Directive, ...] | None = None

    def error(self, message: str) -> ConfigError:
        """The error ``message`` with this directive's place, to be raised."""
        return ConfigError(message, self.file, self.line)


class Tree(NamedTuple):
    """What was read: the directives outside every block, and the files in the order of their reading."""

    directives: tuple[Directive, ...]
    files: tuple[str, ...] = ()


def parse_file(path: str, *, prefix: str = "") -> Tree:
    """The tree of the configuration at ``path``, which errors show as it is given here.

    ``prefix`` is where an ``include`` looks second, behind the folder of ``path``.  Raises ConfigError for a file
    that cannot be read and for text that is not nginx's syntax.
    """
    reader = _Reader(os.path.dirname(path), prefix)
    directives = reader.read(path, None)
    reader.check_missing(directives)
    return Tree(directives, tuple(reader.files))


def parse_text(text: str, file: str = "") -> tuple[Directive, ...]:
    """The directives of a text; ``include`` is a directive like any other here, and never followed.

    Raises ConfigError where the text is not nginx's syntax; ``file`` is what its place names.
    """
    return tuple(_Nesting(text, file, None).directives())


def each_directive(text: str, file: str = "", position: int = 0, line: int = 1) -> Iterator[Directive]:
    """As :func:`parse_text`, one directive at a time: a big dump never stands in memory as a tree.

    What stands before ``position``, which is on line ``line``, counts as read.
    """
    return _Nesting(text, file, None).directives(position, line)


def decode(content: bytes) -> str:
    """The text of a configuration: UTF-8, where bytes that are not pass through unchanged (see :func:`encode`)."""
    return content.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes of a text of a configuration, exactly as they were in the file."""
    return text.encode("utf-8", "surrogateescape")


class _Nesting:
    """Builds the tree of one text; blocks that are still open wait on a stack."""

    __slots__ = ("_file", "_reader", "_text")

    def __init__(self, text: str, file: str, reader: _Reader | None) -> None:
        self._text = text
        self._file = file
        self._reader = reader

    def directives(self, position: int = 0, line: int = 1) -> Iterator[Directive]:
        """The directives outside every block, each as soon as it has ended."""
        file, reader = self._file, self._reader
        here: list[Directive] = []
        waiting: list[tuple[list[Directive], tuple[str, ...], int]] = []
        read = statements(self._text, file, position, line)
        for words, end, line, end_line in read:
            if end == ";":
                if reader is not None and words[0] == "include":
                    here += reader.include(Directive("include", words[1:], file, line))
                else:
                    here.append(Directive(words[0], words[1:], file, line))
                    if reader is not None and words[0] == "dyups_upstream_conf":
                        reader.note_dump(words[1:])
            elif end == "{":
                if len(waiting) == MAX_DEPTH:
                    raise ConfigError(f"blocks are nested more than {MAX_DEPTH} deep", file, line)
                waiting.append((here, words, line))
                here = []
            elif waiting:
                block = tuple(here)
                here, opening, line = waiting.pop()
                here.append(Directive(opening[0], opening[1:], file, line, block))
            else:
                raise ConfigError('unexpected "}"', file, end_line)
            if here and not waiting:
                yield from here
                here = []
        if waiting:
            line = self._text.count("\n") + 1
            raise ConfigError('unexpected end of file, expecting "}"', file, line)
        yield from here


class _Reader:
    """Reads the files of one configuration."""

    __slots__ = ("_depth", "_dump", "_folder", "_missing", "_prefix", "files")

    def __init__(self, folder: str, prefix: str) -> None:
        self._folder = folder
        self._prefix = prefix
        self._depth = 0
        self._dump = ""
        self._missing: list[tuple[tuple[str, ...], ConfigError]] = []
        self.files: list[str] = []

    def note_dump(self, args: tuple[str, ...]) -> None:
        """``dyups_upstream_conf`` was said: an ``include`` of that file that follows is left to ``persist``.

        The dump is read there anyway, with its journal; 100,000 upstreams are not to be read twice.
        """
        if args:
            self._dump = os.path.realpath(os.path.join(self._prefix, args[0]))

    def read(self, path: str, origin: Directive | None) -> tuple[Directive, ...]:
        try:
            with open(path, "rb") as source:
                text = decode(source.read())
        except (OSError, ValueError) as error:
            raise _cannot_open(path, error, origin) from None
        self.files.append(path)
        self._depth += 1
        directives = tuple(_Nesting(text, path, self).directives())
        self._depth -= 1
        return directives

    def include(self, origin: Directive) -> list[Directive]:
        """The directives of the files that an ``include`` names."""
        if len(origin.args) != 1:
            raise origin.error('invalid number of arguments in "include" directive')
        if self._depth >= MAX_DEPTH:
            raise origin.error(f'open() "{origin.args[0]}" failed (24: Too many open files)')
        found: list[Directive] = []
        for path in self._resolve(origin):
            if self._dump and os.path.realpath(path) == self._dump:
                self.files.append(path)
            else:
                found += self.read(path, origin)
        return found

    def _resolve(self, origin: Directive) -> list[str]:
        """The paths that an ``include`` means: in the folder of the configuration, else under the prefix."""
        name = origin.args[0]
        candidates = tuple(dict.fromkeys(os.path.join(base, name) for base in (self._folder, self._prefix)))
        pattern = any(mark in name for mark in "*?[")
        for path in candidates:
            paths = sorted(glob.glob(path)) if pattern else [path] * os.path.lexists(path)
            if paths:
                return paths
        if not pattern:
            error = _cannot_open(candidates[0], FileNotFoundError(2, "No such file or directory"), origin)
            self._missing.append((candidates, error))
        return []

    def check_missing(self, directives: tuple[Directive, ...]) -> None:
        """Raise for the first included file that is not there, unless it is the dump, which comes later."""
        dumps = {os.path.abspath(os.path.join(self._prefix, path)) for path in _dump_paths(directives)}
        for candidates, error in self._missing:
            if not dumps.intersection(map(os.path.abspath, candidates)):
                raise error


def _dump_paths(directives: tuple[Directive, ...]) -> list[str]:
    """The arguments of every ``dyups_upstream_conf`` where it may stand: outside all blocks and in ``http``."""
    level = list(directives)
    for directive in directives:
        if directive.name == "http" and directive.block:
            level += directive.block
    return [
        directive.args[0] for directive in level if directive.name == "dyups_upstream_conf" and directive.args
    ]


def _cannot_open(path: str, error: OSError | ValueError, origin: Directive | None) -> ConfigError:
    reason = f"{error.errno}: {error.strerror}" if isinstance(error, OSError) else "22: Invalid argument"
    message = f'open() "{path}" failed ({reason})'
    return origin.error(message) if origin else ConfigError(message)
