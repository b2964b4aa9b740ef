"""The directives about requests' bodies in files."""

from __future__ import annotations

from contextlib import suppress

from dyups.config.bodies import BodySettings, TempPath
from dyups.config.directives.entry import Call, Context, Entry, Kind, setting
from dyups.config.directives.kinds import choice
from dyups.config.values import parse_number
from dyups.errors import ConfigError

_ANYWHERE = Context.HTTP_SERVER_LOCATION
DEFAULT_TEMP_PATH = "client_body_temp"


def _temp_path(call: Call) -> TempPath:
    path, *levels = call.args
    return TempPath(call.scope.path(path), tuple(map(_level, levels)))


def _level(text: str) -> int:
    """As ``ngx_conf_set_path_slot`` reads it."""
    with suppress(ConfigError):
        found = parse_number(text)
        if 1 <= found <= 3:
            return found
    raise ConfigError(f'"client_body_temp_path" directive invalid value "{text}"')


ENTRIES: tuple[Entry, ...] = (
    setting(
        "client_body_in_file_only",
        _ANYWHERE,
        choice("off", "on", "clean"),
        BodySettings,
        "off",
        "Whether a request's body that is to be passed on is written to a file first, whose name "
        "``$request_body_file`` is; the request goes on once it is there as a whole.  ``on`` leaves the file where it "
        "is, ``clean`` removes it after the request.",
    ),
    setting(
        "client_body_temp_path",
        _ANYWHERE,
        Kind("path [level1 [level2 [level3]]]", 1, 4, _temp_path),
        BodySettings,
        DEFAULT_TEMP_PATH,
        "Where such files are made, relative to the prefix; a level is the number of digits that name a folder below.  "
        "Whoever serves (``user``) must be able to write there.",
        reads_default=False,
    ),
)
