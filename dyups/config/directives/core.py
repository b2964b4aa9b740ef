"""The directives outside ``http``: the process, its logs, and ``events``."""

from __future__ import annotations

from collections.abc import Sequence

from dyups.config.directives.entry import Call, Context, Entry, Kind, Merge, harmless, setting, structure
from dyups.config.directives.kinds import (
    BLOCK,
    FLAG,
    NUMBER,
    SIZE,
    TEXT,
    TIME,
    words,
)
from dyups.config.model import ErrorLog, Settings
from dyups.config.syslog import PREFIX, parse_syslog
from dyups.config.values import parse_number
from dyups.errors import ConfigError

LOG_LEVELS = ("debug", "info", "notice", "warn", "error", "crit", "alert", "emerg")
#: What of its own doings nginx tells besides, where it was built to debug it.
_DEBUG_LEVELS = frozenset(
    f"debug_{part}" for part in ("core", "alloc", "mutex", "event", "http", "mail", "stream")
)


def _error_log(call: Call) -> ErrorLog:
    path, *words = call.args
    if path.startswith("memory:"):
        raise ConfigError('"memory:" is not supported in "error_log" directive')
    syslog = parse_syslog(path) if path.startswith(PREFIX) else None
    level = _log_level(words) if words else "error"
    return ErrorLog(path if syslog or path == "stderr" else call.scope.path(path), level, syslog)


def _log_level(words: Sequence[str]) -> str:
    """As ``ngx_log_set_levels`` reads it: ``debug_http`` and its like are ``debug``."""
    level = ""
    for word in words:
        if word not in LOG_LEVELS and word not in _DEBUG_LEVELS:
            raise ConfigError(f'invalid log level "{word}"')
        if word in LOG_LEVELS and level:
            raise ConfigError(f'duplicate log level "{word}"')
        if word in _DEBUG_LEVELS and level not in ("", "debug"):
            raise ConfigError(f'invalid log level "{word}"')
        level = "debug" if word in _DEBUG_LEVELS else word
    return level


def _worker_processes(call: Call) -> int:
    if call.args[0] == "auto":
        return 0
    try:
        count = parse_number(call.args[0])
    except ConfigError:
        count = 0
    if not count:
        raise ConfigError('"worker_processes" directive invalid value')
    return count


def _pid(call: Call) -> str:
    return "" if call.args[0] == "off" else call.scope.path(call.args[0])


ERROR_LOG = Kind(
    "file | stderr | syslog:server=address[,…] [debug | info | notice | warn | error | crit | alert | emerg]",
    1,
    None,
    _error_log,
)

_MAIN = Context.MAIN
_EVENTS = Context.EVENTS

ENTRIES: tuple[Entry, ...] = (
    structure(
        "events", _MAIN, BLOCK, "The block that nginx requires; nothing in it matters here.", block=True
    ),
    structure(
        "http",
        _MAIN,
        BLOCK,
        "The block of everything that serves HTTP.",
        block=True,
        owner=Settings,
        attribute="http",
    ),
    structure(
        "include",
        _MAIN | _EVENTS | Context.HTTP_SERVER_LOCATION,
        words("file | pattern", 1, 1),
        "Takes in other files: relative to the folder of the main configuration file, and where nothing is there, "
        "to the prefix.  A pattern without matches is fine, a missing file is an error.",
    ),
    setting(
        "daemon",
        _MAIN,
        FLAG,
        Settings,
        "on",
        "Whether to leave the terminal and go on in the background.",
        merge=Merge.NONE,
    ),
    setting(
        "master_process",
        _MAIN,
        FLAG,
        Settings,
        "on",
        "Whether workers are processes of their own; ``off`` keeps everything in one.",
        merge=Merge.NONE,
    ),
    setting(
        "worker_processes",
        _MAIN,
        Kind("number | auto", 1, 1, _worker_processes),
        Settings,
        "1",
        "How many workers there are; ``auto`` is one for each processor.",
        merge=Merge.NONE,
    ),
    setting(
        "worker_shutdown_timeout",
        _MAIN,
        TIME,
        Settings,
        "0s",
        "How long a worker that ends gracefully may go on with the requests that it has; then their connections "
        "are closed.  Without it there is no limit.",
        merge=Merge.NONE,
    ),
    setting(
        "pid",
        _MAIN,
        Kind("file | off", 1, 1, _pid),
        Settings,
        "logs/dyups.pid",
        "The file with the process id, relative to the prefix.",
        merge=Merge.NONE,
        reads_default=False,
    ),
    setting(
        "error_log",
        _MAIN,
        ERROR_LOG,
        Settings,
        "logs/error.log error",
        "A log and the lowest level it takes; several may stand side by side.  A file relative to the prefix, "
        "``stderr``, or ``syslog:server=`` with what ``access_log`` knows behind it: there the severity is the "
        "line's level.",
        several=True,
        merge=Merge.NONE,
        reads_default=False,
    ),
    structure(
        "user",
        _MAIN,
        words("user [group]", 1, 2),
        "The user and group that workers serve as where the master was started as root; a group that is not named "
        "has the user's name.  The master stays root.",
        several=False,
        default="nobody nogroup",
    ),
    harmless("debug_points", _MAIN, TEXT, "A tool of nginx's own developers."),
    harmless("env", _MAIN, TEXT, "The environment is never cleared here.", several=True),
    harmless("lock_file", _MAIN, TEXT, "Nothing is locked through a file."),
    harmless("pcre_jit", _MAIN, FLAG, "What PCRE2 searches is always compiled."),
    harmless(
        "thread_pool",
        _MAIN,
        words("name threads=number [max_queue=number]", 2, 3),
        "No file is served.",
        several=True,
    ),
    harmless("timer_resolution", _MAIN, TIME, "The clock is read when it is needed."),
    harmless("worker_aio_requests", _EVENTS, NUMBER, "No file is served through aio."),
    harmless("worker_cpu_affinity", _MAIN, words("auto | mask …", 1, None), "The kernel places the workers."),
    harmless(
        "worker_priority", _MAIN, words("number", 1, 1), "Start the service with the priority it needs."
    ),
    harmless("worker_rlimit_core", _MAIN, SIZE, "The limits of whoever starts the service hold."),
    harmless("worker_rlimit_nofile", _MAIN, NUMBER, "The limits of whoever starts the service hold."),
    harmless("working_directory", _MAIN, TEXT, "Only core files of nginx go there."),
    harmless("accept_mutex", _EVENTS, FLAG, "The kernel spreads connections over the workers."),
    harmless("accept_mutex_delay", _EVENTS, TIME, "See ``accept_mutex``."),
    harmless(
        "debug_connection", _EVENTS, TEXT, "The level of ``error_log`` holds for all clients.", several=True
    ),
    harmless("multi_accept", _EVENTS, FLAG, "The reactor decides how many connections it accepts at a time."),
    harmless("use", _EVENTS, TEXT, "The reactor chooses how it waits."),
    harmless("worker_connections", _EVENTS, NUMBER, "The number of connections is not limited."),
)
