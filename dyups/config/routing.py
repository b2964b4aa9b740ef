"""What is said of rewriting, of plain files, and of the fields of answers: frozen, a part of ``model``.

The families of ``directives.rewrite``, ``directives.files`` and ``directives.headers``.  The data plane reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from dyups.config.matching import Regex
from dyups.config.template import Template
from dyups.config.userid import UserIdSettings

if TYPE_CHECKING:
    from dyups.config.model import Location, Step

# -- steps of the rewrite phase ------------------------------------------------------------------------------------

#: A piece of a replacement: a text, or the number of a capture, which is escaped where it has to be.
Piece = Template | int


@dataclass(frozen=True, slots=True)
class BreakStep:
    """``break``: the rewrite phase is over."""


@dataclass(frozen=True, slots=True)
class RewriteStep:
    """``rewrite regex replacement [flag]``."""

    regex: Regex
    source: str
    """The regular expression as written, for the log."""
    path: tuple[Piece, ...]
    """Of a redirect all there is, else what stands before the first ``?``."""
    args: tuple[Piece, ...] | None
    """What follows the first ``?``; None where there is none."""
    keeps_args: bool
    """The request's own arguments are appended: the replacement does not end with ``?``."""
    last: bool = False
    breaks: bool = False
    redirect: int = 0
    """The status of a redirect, else 0."""
    log: bool = False
    """``rewrite_log``."""


class Question(Enum):
    """What a condition of ``if`` looks at."""

    TRUE = ""
    """A variable is neither empty nor ``0``."""
    EQUAL = "="
    MATCH = "~"
    FILE = "f"
    FOLDER = "d"
    EXISTS = "e"
    EXECUTABLE = "x"


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of an ``if``."""

    question: Question
    subject: Template
    """The variable, or the path of a file."""
    value: Template | None = None
    regex: Regex | None = None
    negated: bool = False
    log: bool = False


@dataclass(frozen=True, slots=True)
class IfStep:
    """``if``: where the condition holds, steps run; in a location, another location takes its place."""

    condition: Condition
    steps: tuple[Step, ...]
    location: Location | None = None
    """None in a ``server``."""


@dataclass(frozen=True, slots=True)
class LimitExceptStep:
    """``limit_except``: requests with other methods are served by ``location``, which has no steps."""

    methods: frozenset[bytes]
    location: Location


# -- answers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """``error_page code … [=[code]] uri``."""

    statuses: tuple[int, ...]
    target: Template
    """A path, a named location with its ``@``, or a URL to redirect to."""
    args: bytes = b""
    """Of a path without variables; otherwise they are split off when it is rendered."""
    answer: int = -1
    """The status instead: -1 for the one that failed, 0 for that of whatever answers."""


@dataclass(frozen=True, slots=True)
class AddedField:
    """``add_header`` and ``add_trailer``."""

    name: str
    value: Template
    always: bool = False
    """Whatever the status."""


class ExpiresMode(Enum):
    """How ``expires`` counts."""

    OFF = "off"
    EPOCH = "epoch"
    MAX = "max"
    ACCESS = "access"
    MODIFIED = "modified"
    DAILY = "@"


@dataclass(frozen=True, slots=True)
class Expires:
    """``expires``: seconds after now, after the last change, or into the day."""

    mode: ExpiresMode
    seconds: int = 0
    text: Template | None = None
    """Where it has variables: what it says is read anew for each answer; ``mode`` may then be MODIFIED."""


#: What ``charset_types`` is by default.
CHARSET_TYPES = frozenset(
    b"text/html text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml".split()
)


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """What may be said of answers per location."""

    FAMILIES: ClassVar[dict[str, type]] = {"userid": UserIdSettings}
    absolute_redirect: bool = True
    add_header: tuple[AddedField, ...] = ()
    add_header_inherit: str = "on"
    add_trailer: tuple[AddedField, ...] = ()
    add_trailer_inherit: str = "on"
    charset: Template | None = None
    """What text types are said to be in; None where nothing is said."""
    charset_types: frozenset[bytes] = CHARSET_TYPES
    """Lower case; ``*`` for all."""
    error_page: tuple[ErrorPage, ...] = ()
    expires: Expires | None = None
    port_in_redirect: bool = True
    recursive_error_pages: bool = False
    rewrite_log: bool = False
    server_name_in_redirect: bool = False
    userid: UserIdSettings = field(default_factory=UserIdSettings)


# -- files ---------------------------------------------------------------------------------------------------------

#: ``alias`` in a location given by a regular expression: nothing of the path is appended.
WHOLE = 1 << 30


@dataclass(frozen=True, slots=True)
class TryFiles:
    """``try_files``: (text, is it a folder) in order, and then a status or where to go."""

    candidates: tuple[tuple[Template, bool], ...]
    fallback: Template
    status: int = 0
    """``=code``; 0 where ``fallback`` counts."""


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What may be said of plain files per location."""

    alias: int = -1
    """How much of the path ``root`` stands for, where it is an ``alias``; -1 where it is not."""
    autoindex: bool = False
    autoindex_exact_size: bool = True
    autoindex_format: str = "html"
    autoindex_localtime: bool = False
    etag: bool = True
    if_modified_since: str = "exact"
    index: tuple[Template, ...] = ()
    """Empty for ``index.html``."""
    log_not_found: bool = True
    max_ranges: int | None = None
    """None for any number."""
    root: Template | None = None
    """Absolute where it is constant; the build supplies ``html`` below the prefix."""
    try_files: TryFiles | None = None
    types: Mapping[bytes, bytes] | None = None
    """Content types by lower-case extension; None for nginx's three."""
