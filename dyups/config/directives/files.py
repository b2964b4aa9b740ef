"""Plain files: where they are, which one is meant, what they are."""

from __future__ import annotations

from dyups.config.directives.entry import Call, Context, Entry, Fields, Kind, harmless, setting, structure
from dyups.config.directives.kinds import BLOCK, BUFS, FLAG, NOTHING, NUMBER, SIZE, TEXT, TIME, choice, words
from dyups.config.model import Location, Template
from dyups.config.routing import FileSettings
from dyups.errors import ConfigError

_ANYWHERE = Context.HTTP_SERVER_LOCATION
_PIECES = "Files are read in small pieces, from memory at once and from the disk on a thread."
_NO_CACHE = "Files are opened anew for each request."


def _root(call: Call) -> Fields:
    return Fields(root=call.scope.full(call.args[0].rstrip("/")), alias=-1)


def _index(call: Call) -> tuple[Template, ...]:
    for name in call.args[:-1]:
        if name.startswith("/"):
            raise ConfigError(f'only the last index in "index" directive should be absolute (not "{name}")')
    return tuple(call.scope.template(name) for name in call.args)


def _file(name: str, kind: Kind, default: str, doc: str) -> Entry:
    return setting(name, _ANYWHERE, kind, FileSettings, default, doc)


ENTRIES: tuple[Entry, ...] = (
    structure(
        "empty_gif",
        Context.LOCATION,
        NOTHING,
        "Answers with a picture of one transparent pixel.",
        owner=Location,
        attribute="content",
        several=False,
    ),
    setting(
        "root",
        _ANYWHERE | Context.IF,
        Kind("path", 1, 1, _root),
        FileSettings,
        "html",
        "The folder that paths start from, relative to the prefix; it may have variables.",
        reads_default=False,
    ),
    structure(
        "alias",
        Context.LOCATION,
        words("path", 1, 1),
        "What stands in place of the location's own path; in a location given by a regular expression, in place of "
        "the whole path.",
        owner=FileSettings,
        attribute="alias",
        several=False,
    ),
    structure(
        "try_files",
        Context.SERVER_LOCATION,
        words("file … uri | =code", 2, None),
        "The first of the files that is there is served (with ``/`` at its end it is a folder); if there is none, "
        "the last argument: a path, a named location, or a status.",
        owner=FileSettings,
        attribute="try_files",
        several=False,
    ),
    structure(
        "types",
        _ANYWHERE,
        BLOCK,
        "Content types by extension: lines of ``type extension …``.",
        owner=FileSettings,
        attribute="types",
        block=True,
    ),
    setting(
        "index",
        _ANYWHERE,
        Kind("file …", 1, None, _index),
        FileSettings,
        "index.html",
        "What is served for a path that ends with ``/``: the first that is there.",
        reads_default=False,
    ),
    _file("autoindex", FLAG, "off", "Whether folders without an index are listed."),
    _file("autoindex_exact_size", FLAG, "on", "Whether the list in HTML has sizes in bytes."),
    _file(
        "autoindex_format",
        choice("html", "xml", "json", "jsonp"),
        "html",
        "How folders are listed.  ``jsonp`` calls the function that the argument ``callback`` names; without one it is "
        "``json``.",
    ),
    _file("autoindex_localtime", FLAG, "off", "Whether the list in HTML has local times."),
    _file("etag", FLAG, "on", "Whether files have an ``ETag``, of their time and size."),
    _file(
        "if_modified_since",
        choice("off", "exact", "before"),
        "exact",
        "Which ``If-Modified-Since`` make an answer 304: none, the file's very time, or later ones too.",
    ),
    _file("log_not_found", FLAG, "on", "Whether files that are not there are logged."),
    setting(
        "max_ranges",
        _ANYWHERE,
        NUMBER,
        FileSettings,
        "",
        "How many ranges a request may ask for; with more of them it gets the whole file, with 0 always.",
    ),
    harmless("aio", _ANYWHERE, TEXT, _PIECES),
    harmless("aio_write", _ANYWHERE, FLAG, _PIECES),
    harmless("directio", _ANYWHERE, TEXT, _PIECES),
    harmless("directio_alignment", _ANYWHERE, SIZE, _PIECES),
    harmless("open_file_cache", _ANYWHERE, words("off | max=number [inactive=time]", 1, 2), _NO_CACHE),
    harmless("open_file_cache_errors", _ANYWHERE, FLAG, _NO_CACHE),
    harmless("open_file_cache_min_uses", _ANYWHERE, NUMBER, _NO_CACHE),
    harmless("open_file_cache_valid", _ANYWHERE, TIME, _NO_CACHE),
    harmless("output_buffers", _ANYWHERE, BUFS, _PIECES),
    harmless("read_ahead", _ANYWHERE, SIZE, _PIECES),
    harmless("sendfile", _ANYWHERE | Context.IF, FLAG, _PIECES),
    harmless("sendfile_max_chunk", _ANYWHERE, SIZE, _PIECES),
)
