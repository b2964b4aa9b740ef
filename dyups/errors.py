"""Every error that crosses a floor, in families, each with what its reader needs to answer it.

Owns the classes alone.  ``admin.answers`` turns the :class:`ChangeError` family into answers for operators,
``proxy`` turns :class:`RequestRefused` and :class:`UpstreamFault` into answers for clients, and ``tap`` prints
:class:`ConfigError` as nginx prints ``[emerg]``.
"""

from __future__ import annotations


class DyupsError(Exception):
    """The root of the family."""


class ConfigError(DyupsError):
    """A configuration, dump or command text is wrong.

    ``file`` is empty for a text that came from no file (the body of a POST); ``line`` starts at 1, and 0 means
    that no line is to blame.
    """

    def __init__(self, message: str, file: str = "", line: int = 0) -> None:
        super().__init__(message, file, line)
        self.message = message
        self.file = file
        self.line = line

    def __str__(self) -> str:
        """The message with its place as nginx words it: ``… in FILE:LINE``, or ``… in line N``."""
        if not self.line:
            return self.message
        place = f"{self.file}:{self.line}" if self.file else f"line {self.line}"
        return f"{self.message} in {place}"


class ChangeError(DyupsError):
    """A change of the upstreams was not made; nothing has changed anywhere.  ``status`` is HTTP's."""

    status = 500

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CommandRefused(ChangeError):
    """The command is wrong: mend it and call again."""

    status = 400


class UnknownUpstream(ChangeError):
    """There is no upstream of that name."""

    status = 404


class LostRace(ChangeError):
    """The upstream is not what ``If-Match`` or ``If-None-Match`` asked for: somebody else was faster."""

    status = 412


class LockHeld(ChangeError):
    """Another change holds the lock and ``dyups_trylock`` is on: send the same command again later."""

    status = 409

    def __init__(self, reason: str = "wait and try again\n") -> None:
        super().__init__(reason)


class ChangeFailed(ChangeError):
    """The command is good but could not be stored, or not everywhere."""

    status = 500


class UnexpectedAnswer(ChangeError):
    """An answer that the admin interface does not give to such a call; ``client`` raises it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Unreachable(DyupsError):
    """The admin interface gave no answer, or none in time; whether a change was made is not known."""


class JournalDamaged(DyupsError):
    """A dump or journal does not check; ``offset`` is the byte at which the unreadable part begins."""

    def __init__(self, reason: str, path: str, offset: int) -> None:
        super().__init__(f"{reason} in {path} at byte {offset}")
        self.reason = reason
        self.path = path
        self.offset = offset


class ZoneDamaged(DyupsError):
    """What stands in the shared zone cannot be what was written there, or is no zone."""


class ZoneFull(DyupsError):
    """A record would go over what a reader of the shared zone has not read yet."""


class RequestRefused(DyupsError):
    """A client's request cannot be served: ``status`` is the answer, ``reason`` is for the error log."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


class RegexFailed(DyupsError):
    """A regular expression of the configuration takes too many steps for a text; worded as nginx logs it."""

    def __init__(self, code: int, text: bytes, source: str) -> None:
        shown = text.decode("latin-1")
        super().__init__(f'pcre2_match() failed: {code} on "{shown}" using "{source}"')
        self.code = code


class NameUnresolved(DyupsError):
    """DNS gave no address of a name; ``code`` and ``reason`` are nginx's (``ngx_resolver_strerror``)."""

    def __init__(self, name: str, code: int, reason: str) -> None:
        super().__init__(f"{name} could not be resolved ({code}: {reason})")
        self.code = code
        self.reason = reason


class HandshakeFailed(DyupsError):
    """There is no TLS connection to a server, or not to the right one; the text is nginx's.

    ``late`` where it took too long.
    """

    def __init__(self, reason: str, late: bool = False) -> None:
        super().__init__(reason)
        self.late = late


class BadResponse(DyupsError):
    """A server's answer is not HTTP/1.x as RFC 9112 has it; the client gets 502."""
