"""Upstreams as they are written: plain blocks of a dump, kept as text until somebody asks what they say.

A dump of 100,000 upstreams has to be taken in within a second or two, and most of them are asked for later or never.
A block of nothing but ``server`` lines with literal addresses, as dyups writes it, needs no reading to be known as
right: it is cut out of the text whole.  ``persist.dumpfile`` finds them, ``upstream.map``
keeps them and reads those that are wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dyups.config.model import UpstreamSpec
from dyups.config.upstreams import parse_upstreams, print_upstream

# Only what reading takes, and takes for an address: 01.2.3.4 is a name that has to be looked up, and a block that
# reading would refuse must be refused at the start, not by the first request for it.
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PORT = "(?:[1-5][0-9]{4}|6553[0-5]|655[0-2][0-9]|65[0-4][0-9][0-9]|6[0-4][0-9]{3}|[1-9][0-9]{0,3})"

#: The parameters that ``print_upstream`` would print, as it prints them: what is kept as text must be the same text
#: that a worker prints which has read it.
_PARAMETERS = (
    "(?: weight=(?:[2-9]|[1-9][0-9]{1,8}))?(?: max_conns=[1-9][0-9]{0,8})?"
    "(?: max_fails=(?:0|[2-9]|[1-9][0-9]{1,8}))?(?: down)?"
)
#: A block where there is nothing to look up and nothing to check; one with ``backup`` is read, since it may have no
#: other server.
_BLOCK = re.compile(
    r'[ \t]*upstream ([^\x00-\x20\x7f-\xa0\ud800-\udfff/;{}"\'\\$#\s]{1,63}) \{\n'
    rf"((?:[ \t]*server {_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}:{_PORT}{_PARAMETERS};\n)+)"
    r"[ \t]*\}\n"
)


class Written:
    """An upstream of which only the name is known, and that it is right."""

    __slots__ = ("name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        """The whole block, as :func:`~dyups.config.upstreams.print_upstream` writes it."""

    def __repr__(self) -> str:
        return f"<Written {self.name}>"

    def __eq__(self, other: object) -> bool:
        """The same as whatever says the same."""
        if isinstance(other, (Written, UpstreamSpec)):
            return self.text == text_of(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __reduce__(self) -> tuple[Any, ...]:
        return Written, (self.name, self.text)

    def spec(self) -> UpstreamSpec:
        """What it says; read anew each time."""
        [spec] = parse_upstreams(self.text, "")
        return spec


#: An upstream, read or not.
Said = UpstreamSpec | Written


def text_of(said: Said) -> str:
    """The block, as a dump has it."""
    return said.text if isinstance(said, Written) else print_upstream(said)


def spec_of(said: Said) -> UpstreamSpec:
    """What it says."""
    return said.spec() if isinstance(said, Written) else said


def cut(text: str) -> Iterator[Written | tuple[int, int]]:
    """The plain blocks of a dump in order, and between them the places (from, to) of whatever else there is.

    Blocks begin at the beginning of a line.
    """
    position = 0
    match, search = _BLOCK.match, _BLOCK.search
    while position < len(text):
        found = match(text, position)
        if found is None:
            found = search(text, position)
            while found is not None and text[found.start() - 1] != "\n":
                found = search(text, found.end())
            if found is None:
                yield position, len(text)
                return
            yield position, found.start()
        yield Written(found[1], _printed(found[1], found[2]))
        position = found.end()


def _printed(name: str, servers: str) -> str:
    """The block, indented as ``print_upstream`` does it."""
    lines = "".join([f"    {line.strip()}\n" for line in servers.splitlines()])
    return f"upstream {name} {{\n{lines}}}\n"
