"""What is said of sticky sessions: nginx's ``sticky`` and Tengine's ``session_sticky``, as values.

``directives.sticky`` reads them, ``balancing.sticky`` does what they say.
"""

from __future__ import annotations

from dataclasses import dataclass

#: What ``samesite=`` may be.
SAMESITE = ("strict", "lax", "none")


@dataclass(frozen=True, slots=True)
class StickyCookie:
    """``sticky cookie``: a cookie of ours names the server."""

    name: str
    expires: float | None = None
    """Seconds that browsers keep it; None for as long as they run, infinity for ever."""
    domain: str = ""
    """A text with variables, as ``samesite``."""
    httponly: bool = False
    secure: bool = False
    samesite: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class StickyRoute:
    """``sticky route``: the first of some variables that is not empty names the server."""

    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StickyLearn:
    """``sticky learn``: sessions that servers create are remembered."""

    create: tuple[str, ...]
    """Variables that name a session in an answer."""
    lookup: tuple[str, ...]
    """Variables that name one in a request."""
    zone: str
    size: int
    """Bytes; one session takes 128."""
    timeout: float = 600.0
    """Seconds without use after which a session is forgotten."""


@dataclass(frozen=True, slots=True)
class SessionSticky:
    """``session_sticky``; times are whole seconds, None where they are not said."""

    cookie: str = "route"
    domain: str = ""
    path: str = "/"
    maxage: int | None = None
    mode: str = "insert"
    indirect: bool = False
    """Servers do not see the cookie."""
    maxidle: int | None = None
    maxlife: int | None = None
    fallback: bool = True
    """A request whose server cannot be asked goes to another."""
    plain: bool = False
    """The cookie has the server's address, not a digest of it."""


Sticky = StickyCookie | StickyRoute | StickyLearn | SessionSticky
