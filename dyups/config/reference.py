"""The directive reference, written from the table: ``python -m dyups.config.reference docs``.

Owns the form of ``docs/directives.rst`` and ``docs/supported.rst``; the facts are the table's.  Called by ``make
docs``, and by a test that keeps the committed files current.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

from dyups.config.directives import Context, Effect, Entry, all_entries

_NOTE = ".. Written by ``make docs`` from dyups/config/directives; change the table, not this file.\n"
_CONTEXTS = (
    (Context.MAIN, "main"),
    (Context.EVENTS, "events"),
    (Context.HTTP, "http"),
    (Context.SERVER, "server"),
    (Context.LOCATION, "location"),
    (Context.UPSTREAM, "upstream"),
)


def pages() -> dict[str, str]:
    """The text of each page by its file name."""
    return {"directives.rst": _directives(), "supported.rst": _supported()}


def main(arguments: list[str]) -> int:
    """Write the pages into the folder that is the one argument; returns the exit status."""
    if len(arguments) != 1:
        print("usage: python -m dyups.config.reference FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


def _with(effect: Effect) -> list[Entry]:
    return sorted((entry for entry in all_entries() if entry.effect is effect), key=_order)


def _order(entry: Entry) -> tuple[str, int]:
    return entry.name, entry.contexts.value


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 110, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def context_names(entry: Entry) -> str:
    """``http, server, location``."""
    return ", ".join(name for context, name in _CONTEXTS if context in entry.contexts)


def _directives() -> str:
    parts = [
        _NOTE,
        _title("Directives", "="),
        "Every directive that does something here.  What nginx knows besides is in :doc:`supported`.\n",
    ]
    entries = _with(Effect.SUPPORTED)
    names = [entry.name for entry in entries]
    for entry in entries:
        heading = entry.name if names.count(entry.name) == 1 else f"{entry.name} ({context_names(entry)})"
        parts += [_title(heading, "-"), _skeleton(entry)]
    return "\n".join(parts)


def _skeleton(entry: Entry) -> str:
    end = "" if entry.block else ";"
    default = "none"
    if entry.default:
        default = f"``{entry.name} {entry.default};``"
    repeated = "\nIt may stand several times.\n" if entry.several and not entry.block else ""
    return (
        f":Syntax: ``{entry.name} {entry.kind.syntax}".rstrip()
        + f"{end}``\n:Default: {default}\n:Context: {context_names(entry)}\n\n{_filled(entry.doc)}\n{repeated}"
    )


def _supported() -> str:
    parts = [
        _NOTE,
        _title("What is supported of nginx", "="),
        _filled(
            "A directive of nginx does what it says (described in :doc:`directives`), or is accepted without effect "
            "because it has no meaning here and is harmless, or is refused when the configuration is read.  None is "
            "ever ignored that would change what happens."
        )
        + "\n",
        _title("Supported", "-"),
        _filled(_names(_with(Effect.SUPPORTED))) + "\n",
        _title("Accepted without effect", "-"),
        _accepted(),
        _title("Refused", "-"),
        _refused(),
    ]
    return "\n".join(parts)


def _names(entries: Iterable[Entry]) -> str:
    return ", ".join(f"``{name}``" for name in dict.fromkeys(entry.name for entry in entries))


def _accepted() -> str:
    lines = []
    for entry in _with(Effect.NO_EFFECT):
        lines.append(f"``{entry.name} {entry.kind.syntax}".rstrip() + f"`` ({context_names(entry)})")
        lines.append(_filled(entry.doc, "    "))
    return "\n".join(lines) + "\n"


def _refused() -> str:
    families: dict[str, list[Entry]] = {}
    for entry in _with(Effect.REFUSED):
        families.setdefault(entry.doc.rstrip("."), []).append(entry)
    blocks = [
        f"{family}\n{_filled(_names(entries), '    ')}\n" for family, entries in sorted(families.items())
    ]
    return "\n".join(blocks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
