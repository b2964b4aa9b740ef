"""What a text with variables is once it is compiled; ``variables`` compiles, everybody renders.

A module of its own, so that every module of frozen settings may hold texts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Template:
    """A text with variables, compiled: ``render(exchange)`` gives its value."""

    source: str
    render: Callable[[Any], bytes]
    constant: bytes | None = None
    """The value, where there is no variable in the text."""
