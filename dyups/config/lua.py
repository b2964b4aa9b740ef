"""Where a ``*_by_lua_block { … }`` ends: the one thing the lexer must know of Lua.

Owns the skipping of Lua's strings, long brackets and comments, inside which braces do not count.  Called by
``lexer``; what the text means is for the floor that runs it.
"""

from __future__ import annotations

import re

# A string that is not closed is taken to the end of its line: an error of Lua's, not ours, and linear to read.
_PIECE = re.compile(
    r"(?:--)?\[(?P<level>=*)\["
    r"|--[^\n]*"
    r'|"(?:[^"\\\n]|\\.)*"?'
    r"|'(?:[^'\\\n]|\\.)*'?"
    r"|[{}]",
    re.DOTALL,
)


def end_of_block(text: str, start: int) -> int:
    """The position of the ``}`` that closes the block whose ``{`` is just before ``start``; -1 if there is none."""
    depth, position = 1, start
    while depth:
        piece = _PIECE.search(text, position)
        if piece is None:
            return -1
        position = piece.end()
        if piece["level"] is not None:
            close = f"]{piece['level']}]"
            position = text.find(close, position) + len(close)
            if position < len(close):
                return -1
        depth += {"{": 1, "}": -1}.get(piece[0], 0)
    return position - 1
