"""``upstream`` blocks that are written plainly, read at a stroke.

A dump of 100,000 upstreams is read at every start, and nearly every block of it is a name and some ``server`` lines
without quotes, comments or escapes.  One regular expression finds such a block whole, ``str.split`` cuts it up.
Whatever is not plain, or not right, is left to the reader of statements, which knows all of nginx's rules and words
its errors.  ``upstreams`` alone calls this.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager

from dyups.config.lexer import MAX_WORD
from dyups.config.model import ServerSpec
from dyups.config.parser import Directive

#: White space, and comments on lines of their own, between blocks.
GAP = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BLOCK = re.compile(r"""upstream[ \t]+([^\s;{}"'\\$#]+)[ \t\r\n]*\{([^{}"'\\#]*)\}""")
#: White space that nginx does not take for such, but str.split does.
ODD_SPACE = re.compile(r"[^\S \t\r\n]")
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = rf"({_OCTET}(?:\.{_OCTET}){{3}}):([1-9][0-9]{{0,4}})"
_SPACE = r"[ \t\r\n]"
_PLAIN_ADDRESS = re.compile(rf"{_ADDRESS}\Z").match
_PLAIN_COMMAND = re.compile(
    rf"{_SPACE}*server{_SPACE}+({_ADDRESS})"
    rf"(?:{_SPACE}+weight=([1-9][0-9]{{0,8}}))?"
    rf"(?:{_SPACE}+max_fails=([0-9]{{1,9}}))?"
    rf"(?:{_SPACE}+fail_timeout=([0-9]{{1,6}})s)?{_SPACE}*;"
).match


def plain_block(text: str, position: int, file: str, line: int) -> tuple[Directive, int] | None:
    """The block at ``position``, which is line ``line``, and where it ends; None where it is not plain."""
    found = _BLOCK.match(text, position)
    if found is None:
        return None
    name, body = found.groups()
    here = line + text.count("\n", position, found.start(2))
    commands: list[Directive] = []
    statements = body.split(";")
    if statements.pop().strip():
        return None
    for statement in statements:
        words = statement.split()
        if not words or len(statement) >= MAX_WORD:
            return None
        first = here + statement.count("\n", 0, len(statement) - len(statement.lstrip()))
        here += statement.count("\n")
        commands.append(Directive(words[0], tuple(words[1:]), file, first))
    return Directive("upstream", (name,), file, line, tuple(commands)), found.end()


def plain_server(args: tuple[str, ...]) -> ServerSpec | None:
    """The server of an IPv4 address with its port, and nothing else; None for any other."""
    if len(args) != 1:
        return None
    found = _PLAIN_ADDRESS(args[0])
    if found is None:
        return None
    port = int(found[2])
    return ServerSpec(args[0], found[1], port) if port <= 65535 else None


def plain_servers(body: str) -> tuple[ServerSpec, ...]:
    """The servers of the body of a POST that has nothing but plain ones; none where there is anything else in it.

    A change is read by the master and by each worker, while clients wait for it.
    """
    servers: list[ServerSpec] = []
    position = 0
    while (found := _PLAIN_COMMAND(body, position)) is not None:
        address, host, port, weight, max_fails, fail_timeout = found.groups()
        if len(port) == 5 and int(port) > 65535:
            return ()
        servers.append(
            ServerSpec(
                address,
                host,
                int(port),
                weight=int(weight or 1),
                max_fails=int(max_fails or 1),
                fail_timeout=float(fail_timeout or 10),
            )
        )
        position = found.end()
    return () if body[position:].strip(" \t\r\n") else tuple(servers)


@contextmanager
def no_collection() -> Iterator[None]:
    """Without Python's cycle collector, which would walk all that was read again and again while more is read."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
