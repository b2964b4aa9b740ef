"""Cookies that tell visitors apart: ``userid`` and its siblings, frozen.

A family of ``routing.AnswerSettings``; field names are nginx's directive names.  ``proxy.filters.visitors`` sets them.
"""

from __future__ import annotations

from dataclasses import dataclass

#: ``userid_expires max``.
FOREVER = -1


@dataclass(frozen=True, slots=True)
class UserIdSettings:
    """What may be said of them per location."""

    userid: str = "off"
    """``on`` and ``v1`` set cookies, ``log`` only reads them."""
    userid_domain: str = ""
    userid_expires: int = 0
    """Seconds; 0 for the browser's session."""
    userid_flags: tuple[str, ...] = ()
    userid_mark: str = ""
    """One character; empty for none."""
    userid_name: str = "uid"
    userid_p3p: str = ""
    userid_path: str = "/"
    userid_service: int | None = None
    """None for the address of the server, or with ``v1`` for 0."""
