"""The ``dyups`` command: nginx's command line for people and tools that have it in their fingers.

    dyups [-c FILE] [-p PREFIX] [-e FILE] [-g DIRECTIVES] [-t] [-T] [-q] [-s SIGNAL] [-v] [-V] [-h]

It starts what ``twistd dyups`` starts, daemonising as ``daemon`` says; messages go to standard error, as nginx's do,
and the exit statuses are nginx's.  ``tap`` reads the configuration and makes the service.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from dyups.about import build_text, version_text
from dyups.config.model import Settings
from dyups.errors import ConfigError
from dyups.tap import DEFAULT_CONFIG, fail, say, say_warnings
from dyups.workers.configuration import Source, read_configuration
from dyups.workers.early import EarlyEnd

SIGNALS = {"stop": signal.SIGTERM, "quit": signal.SIGQUIT, "reload": signal.SIGHUP, "reopen": signal.SIGUSR1}


class _Parser(argparse.ArgumentParser):
    """argparse, ending a wrong command line as nginx ends it: ``[emerg]``, status 1."""

    def error(self, message: str) -> NoReturn:
        fail(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dyups",
        description="A reverse proxy whose upstreams change at run time, on an nginx configuration.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("-c", dest="config", metavar="FILE", help=f"configuration file (default: {DEFAULT_CONFIG})")
    add("-p", dest="prefix", metavar="PREFIX", help="prefix path (default: the parent of the file's folder)")
    add("-e", dest="error_log", metavar="FILE", help="error log file in place of the default one")
    add("-g", dest="globals", metavar="DIRECTIVES", default="", help="global directives besides the file's")
    add("-t", dest="test", action="store_true", help="test the configuration and exit")
    add("-T", dest="dump", action="store_true", help="test the configuration, print it and exit")
    add("-q", dest="quiet", action="store_true", help="while testing, say errors only")
    add("-s", dest="signal", metavar="SIGNAL", help="signal a running proxy: stop, quit, reload, reopen")
    add("-v", dest="version", action="store_true", help="show the version and exit")
    add("-V", dest="build", action="store_true", help="show the version and what is built in, and exit")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv`` (without its own name); the exit status."""
    options = _parser().parse_args(argv)
    if options.version or options.build:
        tell(build_text() if options.build else version_text())
        return 0
    if options.signal is not None:
        return send_signal(options)
    if options.test or options.dump:
        return test(options)
    return start(options)


def config_path(options: argparse.Namespace) -> str:
    """The file of ``-c``; a relative one starts at the prefix, wherever the command is run."""
    path: str = options.config or DEFAULT_CONFIG
    return os.path.join(options.prefix, path) if options.prefix else path


def read_settings(options: argparse.Namespace) -> Settings:
    """The configuration that the options name; a wrong one ends the command."""
    path = config_path(options)
    try:
        source = Source(path, options.prefix, options.globals, options.error_log)
        found = read_configuration(source)
        if options.test or options.dump:
            say_warnings(found)
        return found.settings
    except ConfigError as error:
        say(f"[emerg] {error}")
        if options.test or options.dump:
            say(f"configuration file {path} test failed")
        sys.exit(1)


def test(options: argparse.Namespace) -> int:
    """``-t`` and ``-T``."""
    settings = read_settings(options)
    if not options.quiet:
        say(f"the configuration file {config_path(options)} syntax is ok")
        say(f"configuration file {config_path(options)} test is successful")
    if options.dump:
        for path in settings.files:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                text = file.read()
            sys.stdout.buffer.write(
                f"# configuration file {path}:\n{text}\n".encode(errors="surrogateescape")
            )
        sys.stdout.flush()
    return 0


def send_signal(options: argparse.Namespace) -> int:
    """``-s``: to the process whose number the pid file holds."""
    number = SIGNALS.get(options.signal)
    if number is None:
        fail(f'invalid option: "-s {options.signal}"')
    path = read_settings(options).pid
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            text = file.read().strip()
    except OSError as error:
        say(f'[error] open() "{path}" failed ({error.errno}: {error.strerror})')
        return 1
    if not text.isdigit() or text == "0":
        say(f'[error] invalid PID number "{text}" in "{path}"')
        return 1
    return kill(int(text), number)


def kill(pid: int, number: signal.Signals) -> int:
    """Send a signal; the command's exit status."""
    try:
        os.kill(pid, number)
    except (OSError, OverflowError) as error:
        code = getattr(error, "errno", None) or errno.ESRCH
        say(f"[alert] kill({pid}, {int(number)}) failed ({code}: {os.strerror(code)})")
        return 1
    return 0


def start(options: argparse.Namespace) -> int:
    """Start the proxy through twistd, which daemonises unless the configuration says ``daemon off``.

    TERM and INT are how it is meant to end: status 0, as nginx's.  twistd's own command would end by the signal.
    """
    early = EarlyEnd()
    early.install()
    from twisted.scripts._twistd_unix import ServerOptions, UnixApplicationRunner

    config = ServerOptions()
    config.parseOptions(twistd_arguments(options))
    UnixApplicationRunner(config).run()
    early.over()
    return 0


def twistd_arguments(options: argparse.Namespace) -> list[str]:
    """The same start as a command line of twistd's."""
    arguments = ["dyups", "--config", config_path(options)]
    if options.prefix:
        arguments += ["--prefix", options.prefix]
    if options.globals:
        arguments += ["--globals", options.globals]
    if options.error_log:
        arguments += ["--error-log", options.error_log]
    return arguments


def tell(text: str) -> None:
    """Print on standard error, as nginx prints its version; with it closed there is nobody to tell."""
    if sys.stderr is not None:
        print(text, file=sys.stderr)
