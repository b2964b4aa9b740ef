"""The list of a folder (``ngx_http_autoindex_module``), in HTML or JSON."""

from __future__ import annotations

import html
import json
import os
import time
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from dyups.config.routing import FileSettings
from dyups.proxy.filters.added import format_date

#: Characters of a name that the HTML list shows.
_SHOWN = 50


class _Entry(NamedTuple):
    """One file or folder."""

    name: bytes
    folder: bool
    size: int
    changed: float


def listing(folder: bytes, uri: bytes, settings: FileSettings) -> tuple[bytes, bytes]:
    """Content type and text of the list of ``folder``, which is shown as ``uri``; raises OSError."""
    entries = sorted(_entries(folder), key=lambda entry: (not entry.folder, entry.name))
    if settings.autoindex_format == "json":
        return b"application/json", _json(entries)
    return b"text/html", _html(entries, uri, settings)


def _entries(folder: bytes) -> list[_Entry]:
    """What is in the folder; names that begin with a dot are hidden, links that lead nowhere are left away."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(b"."):
                continue
            try:
                status = entry.stat()
                found.append(_Entry(entry.name, entry.is_dir(), status.st_size, status.st_mtime))
            except OSError:
                continue
    return found


def _json(entries: list[_Entry]) -> bytes:
    lines = []
    for entry in entries:
        name = json.dumps(entry.name.decode("utf-8", "replace"), ensure_ascii=False)
        kind = "directory" if entry.folder else "file"
        date = format_date(entry.changed).decode()
        size = "" if entry.folder else f', "size":{entry.size}'
        lines.append(f'{{ "name":{name}, "type":"{kind}", "mtime":"{date}"{size} }}')
    return ("[\r\n" + ",\r\n".join(lines) + "\r\n" * bool(lines) + "]").encode()


def _html(entries: list[_Entry], uri: bytes, settings: FileSettings) -> bytes:
    title = html.escape(uri.decode("utf-8", "replace"))
    lines = [
        f"<html>\r\n<head><title>Index of {title}</title></head>\r\n<body>\r\n<h1>Index of {title}</h1><hr>"
        f'<pre><a href="../">../</a>\r\n'
    ]
    lines += [_line(entry, settings) for entry in entries]
    lines.append("</pre><hr></body>\r\n</html>\r\n")
    return "".join(lines).encode()


def _line(entry: _Entry, settings: FileSettings) -> str:
    slash = "/" if entry.folder else ""
    link = quote_from_bytes(entry.name, safe="!$&'()*+,;=@~") + slash
    name = entry.name.decode("utf-8", "replace") + slash
    shown = name if len(name) <= _SHOWN else name[: _SHOWN - 3] + "..>"
    pad = " " * (_SHOWN + 1 - len(shown))
    when = (time.localtime if settings.autoindex_localtime else time.gmtime)(entry.changed)
    date = time.strftime("%d-%b-%Y %H:%M", when)
    size = "-" if entry.folder else _size(entry.size, settings.autoindex_exact_size)
    width = 19 if entry.folder or settings.autoindex_exact_size else 7
    width = 7 if not settings.autoindex_exact_size else width
    return f'<a href="{link}">{html.escape(shown)}</a>{pad}{date} {size:>{width}}\r\n'


def _size(size: int, exact: bool) -> str:
    """In bytes, or rounded with its unit."""
    if exact:
        return str(size)
    for unit, factor in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if size >= factor or (unit == "K" and size > 9999):
            return f"{(size + factor // 2) // factor}{unit}"
    return str(size)
