"""The list of a folder (``ngx_http_autoindex_module``), in HTML, XML, JSON, or JSON that calls a function."""

from __future__ import annotations

import html
import json
import os
import re
import time
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from dyups.config.routing import FileSettings
from dyups.proxy.filters.added import format_date

#: Characters of a name that the HTML list shows.
_SHOWN = 50
#: What a function may be called (``ngx_http_autoindex_jsonp_callback``).
_FUNCTION = re.compile(rb"[0-9A-Za-z_.]{0,128}").fullmatch


class BadCallback(ValueError):
    """What the client asks to be called is no function's name: 400."""


class _Entry(NamedTuple):
    """One file or folder."""

    name: bytes
    folder: bool
    file: bool
    size: int
    changed: float


def listing(folder: bytes, uri: bytes, args: bytes, settings: FileSettings) -> tuple[bytes, bytes]:
    """Content type and text of the list of ``folder``, which is shown as ``uri``.

    ``args`` are the request's.  Raises OSError, or :class:`BadCallback`.
    """
    form = settings.autoindex_format
    callback = _callback(args) if form == "jsonp" else b""
    entries = sorted(_entries(folder), key=lambda entry: (not entry.folder, entry.name))
    if callback:
        return b"application/javascript", b"/* callback */\r\n%b(%b);" % (callback, _json(entries))
    if form in ("json", "jsonp"):
        return b"application/json", _json(entries)
    if form == "xml":
        return b"text/xml; charset=utf-8", _xml(entries)
    return b"text/html", _html(entries, uri, settings)


def _callback(args: bytes) -> bytes:
    """The argument ``callback``, as it came; empty for none."""
    for argument in args.split(b"&"):
        name, equals, value = argument.partition(b"=")
        if equals and name.lower() == b"callback":
            if _FUNCTION(value) is None:
                raise BadCallback
            return value
    return b""


def _entries(folder: bytes) -> list[_Entry]:
    """What is in the folder; names that begin with a dot are hidden, links that lead nowhere are left away."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(b"."):
                continue
            try:
                status = entry.stat()
                found.append(
                    _Entry(entry.name, entry.is_dir(), entry.is_file(), status.st_size, status.st_mtime)
                )
            except OSError:
                continue
    return found


def _json(entries: list[_Entry]) -> bytes:
    lines = []
    for entry in entries:
        name = json.dumps(entry.name.decode("utf-8", "replace"), ensure_ascii=False)
        date = format_date(entry.changed).decode()
        size = f', "size":{entry.size}' if entry.file else ""
        lines.append(f'{{ "name":{name}, "type":"{_kind(entry)}", "mtime":"{date}"{size} }}')
    return ("[\r\n" + ",\r\n".join(lines) + "\r\n" * bool(lines) + "]").encode()


def _xml(entries: list[_Entry]) -> bytes:
    lines = ['<?xml version="1.0"?>', "<list>"]
    for entry in entries:
        kind = _kind(entry)
        name = html.escape(entry.name.decode("utf-8", "replace"), quote=False).replace('"', "&quot;")
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.changed))
        size = f' size="{entry.size}"' if entry.file else ""
        lines.append(f'<{kind} mtime="{date}"{size}>{name}</{kind}>')
    return "\r\n".join([*lines, "</list>\r\n"]).encode()


def _kind(entry: _Entry) -> str:
    return "directory" if entry.folder else "file" if entry.file else "other"


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
