"""``user``: the user and group that workers serve as, where the master was started as root.

The master stays root: it opens the sockets and logs and writes the dump.  A worker starts as root too, opens its logs
(and whatever else it needs of the disk) and then becomes the user, for good; ``entry`` has it do so.  The rules are
nginx's (``ngx_set_user``, ``ngx_worker_process_init``, ``ngx_reopen_files``), and one is not: where the user is
nobody's choice and could not read Python's modules (an interpreter below ``/root``), workers stay root and it is said.
Python loads some modules when they are first needed, and a worker that fails then fails in the middle of a request.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple, TypeVar

import dyups
import twisted
from dyups.config.model import ErrorLog, Settings
from dyups.config.parser import Directive, Tree
from dyups.errors import ConfigError
from dyups.metrics.accesslog import each_settings, used
from dyups.metrics.logfile import failed, open_log

#: Who serves where nobody was named: what nginx is compiled with unless its builder chose another.
DEFAULT_USER = "nobody"
DEFAULT_GROUPS = ("nobody", "nogroup")

NOT_ROOT = "makes sense only if the master process runs with super-user privileges, ignored"
ONE_PROCESS = 'has no effect with "master_process off", requests are served as root'
UNREADABLE = 'names a user that cannot read "{}", nor other modules that may be needed later'
NO_DEFAULT = (
    'workers serve as root: there is no "user" directive, '
    f'and "{DEFAULT_USER}" cannot read "{{}}", nor other modules that may be needed later'
)

T = TypeVar("T")


class Identity(NamedTuple):
    """Whom a worker becomes."""

    name: str
    user: int
    group: int


class Refused(Exception):
    """The system does not let us become somebody: the message is nginx's."""


class Choice(NamedTuple):
    """Whom workers become, None for nobody else, and what is to be said of that; empty for nothing."""

    identity: Identity | None = None
    warning: str = ""
    """Of the directive."""
    still_root: str = ""
    """Of the system, which does not let the default be."""


NO_CHOICE = Choice()


def choose(tree: Tree, settings: Settings) -> Choice:
    """Whom the workers of a configuration become.

    Nobody may believe that root was given up when it was not, so there is a warning then.  Raises ConfigError for a
    user or group that the system does not know.
    """
    directive = next((directive for directive in tree.directives if directive.name == "user"), None)
    if os.geteuid() != 0:
        return Choice(None, _said(directive, NOT_ROOT) if directive else "")
    if directive is None:
        return _default() if settings.master_process else Choice()
    identity = _named(directive)
    if not settings.master_process and identity.user == 0:
        return Choice()
    if not settings.master_process:
        return Choice(None, _said(directive, ONE_PROCESS))
    module = unreadable(identity)
    return Choice(identity, _said(directive, UNREADABLE.format(module)) if module else "")


def _default() -> Choice:
    user = _known("getpwnam", DEFAULT_USER, pwd.getpwnam, None)
    identity = Identity(DEFAULT_USER, user.pw_uid, _default_group(user.pw_gid))
    module = unreadable(identity)
    return Choice(still_root=NO_DEFAULT.format(module)) if module else Choice(identity)


def _named(directive: Directive) -> Identity:
    name, group = directive.args[0], directive.args[-1]  # a group that was not named has the user's name
    user = _known("getpwnam", name, pwd.getpwnam, directive)
    return Identity(name, user.pw_uid, _known("getgrnam", group, grp.getgrnam, directive).gr_gid)


def _said(directive: Directive, reason: str) -> str:
    return str(_error(f'the "user" directive {reason}', directive))


def _known(call: str, name: str, look: Callable[[str], T], directive: Directive | None) -> T:
    try:
        return look(name)
    except KeyError:
        raise _error(f'{call}("{name}") failed', directive) from None


def _error(reason: str, directive: Directive | None) -> ConfigError:
    if directive is not None and not directive.file:
        return ConfigError(f"{reason} in command line")
    return ConfigError(reason) if directive is None else directive.error(reason)


def _default_group(otherwise: int) -> int:
    for name in DEFAULT_GROUPS:
        with suppress(KeyError):
            return grp.getgrnam(name).gr_gid
    return otherwise


def unreadable(identity: Identity) -> str | None:
    """A module that the user cannot read; those that it can stand for all that come from the same places."""
    if identity.user == 0:
        return None
    groups = {identity.group, *os.getgrouplist(identity.name, identity.group)}
    found = (os.path.realpath(str(module.__file__)) for module in (os, twisted, dyups))
    return next((path for path in found if not can_read(path, identity.user, groups)), None)


def can_read(path: str, user: int, groups: set[int], look: Callable[[str], os.stat_result] = os.stat) -> bool:
    """Can the user read the file?  By owner, groups and modes, from the root of the file system down."""
    folder = os.path.dirname(path)
    if folder != path and not can_read(folder, user, groups, look):
        return False
    found = look(path)
    bit = stat.S_IXOTH if stat.S_ISDIR(found.st_mode) else stat.S_IROTH
    if found.st_uid == user:
        bit <<= 6
    elif found.st_gid in groups:
        bit <<= 3
    return bool(found.st_mode & bit)


def become(identity: Identity) -> None:
    """Be that user from now on, for good.  Raises :class:`Refused`.

    Unlike in nginx, groups that cannot be given up are as bad as a user that cannot.
    """
    name, user, group = identity
    if (user, group) == (os.geteuid(), os.getegid()):
        return  # ``user root``: nothing is given up, and no capability is needed for that
    _call(f"setgid({group})", lambda: os.setgid(group))
    _call(f"initgroups({name}, {group})", lambda: os.initgroups(name, group))
    _call(f"setuid({user})", lambda: os.setuid(user))


def _call(words: str, call: Callable[[], None]) -> None:
    try:
        call()
    except OSError as error:
        raise Refused(f"{words} failed ({error.errno}: {error.strerror})") from None


def check_can_become(identity: Identity) -> None:
    """Raise :class:`Refused` where a worker could not: a container that took the capability away, say.

    A child process tries it, so that a start says on the terminal what every worker would die of.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            become(identity)
        except Refused as refused:
            os.write(writing, str(refused).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        reason = answer.read().decode()
    os.waitpid(child, 0)
    if reason:
        raise Refused(reason)


def hand_over_logs(settings: Settings, identity: Identity) -> Iterator[str]:
    """Make the log files, which workers are about to open by name (USR1), theirs; the reasons of what fails."""
    for path in log_paths(settings):
        try:
            _hand_over(path, identity.user)
        except OSError as error:
            yield failed("open", path, error)


def make_temp_folders(settings: Settings, identity: Identity | None) -> Iterator[str]:
    """Make the folders for bodies of requests, whoever is to write there; the reasons of what fails."""
    blocks = each_settings(settings.http) if settings.http is not None else ()
    wanted = (found.bodies for found in blocks if found.bodies.client_body_in_file_only != "off")
    paths = (bodies.client_body_temp_path for bodies in wanted)
    for folder in dict.fromkeys(path.folder for path in paths if path is not None):
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            if identity is not None and os.stat(folder).st_uid != identity.user:
                os.chown(folder, identity.user, -1)
        except OSError as error:
            yield failed("mkdir", folder, error)


def log_paths(settings: Settings) -> Iterable[str]:
    """The log files with names that no request decides, each once."""
    paths = dict.fromkeys(_files_of(settings.error_log))
    for found in each_settings(settings.http) if settings.http is not None else ():
        paths |= dict.fromkeys(_files_of(found.error_log))
        for log in used(found.access_log):
            if log.path.constant is not None and log.syslog is None:
                paths[log.path.source] = None
    return paths


def _files_of(logs: Iterable[ErrorLog]) -> Iterator[str]:
    return (log.path for log in logs if log.syslog is None and log.path != "stderr")


def _hand_over(path: str, user: int) -> None:
    """Only a file of another user's, and only a file: not ``/dev/stdout``."""
    descriptor = open_log(path)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return
        if found.st_uid != user:
            os.fchown(descriptor, user, -1)
        if found.st_mode & 0o600 != 0o600:
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode) | 0o600)
    finally:
        os.close(descriptor)
