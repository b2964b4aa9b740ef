"""``twistd dyups``: the command's options, and the service that they make.

The configuration is read while the options are, so that what it says of the process (``daemon``, ``pid``,
``error_log``) reaches twistd, and what is wrong with it is said before anything starts.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, NoReturn

from twisted.application.service import IService, MultiService
from twisted.logger import ILogObserver
from twisted.python import usage
from twisted.python.components import Componentized

from dyups._version import VERSION
from dyups.config.build import DEFAULT_ERROR_LOG
from dyups.config.model import ErrorLog, Settings
from dyups.errors import ConfigError
from dyups.metrics.errorlog import ErrorLogObserver, observer_of
from dyups.net.choose import install_preferred
from dyups.workers.configuration import Configuration, Source, read_configuration
from dyups.workers.early import EarlyEnd
from dyups.workers.notify import manager_of
from dyups.workers.pidfile import PidFile
from dyups.workers.privileges import Refused, check_can_become
from dyups.workers.truth import rehearse

DEFAULT_CONFIG = "conf/nginx.conf"
TWISTD_PID = "twistd.pid"
"""twistd's own ``--pidfile`` where nobody gave one."""


class Options(usage.Options):
    """The options of ``twistd dyups``."""

    synopsis = "[--config FILE] [--prefix DIR] [--test]"
    longdesc = (
        "A reverse proxy whose upstreams change at run time, without a reload. "
        "It reads an ordinary nginx configuration."
    )
    optParameters = [
        ["config", "c", DEFAULT_CONFIG, "The configuration file."],
        [
            "prefix",
            "p",
            None,
            "The folder that relative paths of the configuration start from "
            "[default: the parent of the configuration's folder].",
        ],
        ["globals", "g", "", "Global directives besides those of the file."],
        ["error-log", "e", None, "The error log where the configuration names none."],
    ]
    optFlags = [["test", "t", "Check the configuration and exit."]]

    source: Source
    configuration: Configuration
    own_pid_file = False
    """The process's number is ours to write: nobody gave twistd a ``--pidfile``."""
    own_log = True
    """``error_log`` counts: nobody gave twistd a log of its own."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.early = EarlyEnd()
        """What TERM and INT do before the reactor runs."""

    def opt_version(self) -> NoReturn:
        """Print the version of dyups and exit."""
        print(f"dyups version: dyups/{VERSION}")
        sys.exit(0)

    def postOptions(self) -> None:
        """Read the configuration; a wrong one ends the command with status 1 and nginx's words."""
        path: str = self["config"]
        if not self["test"]:
            self.early.install()
        self.source = Source(path, self["prefix"], self["globals"], self["error-log"])
        try:
            self.configuration = read_configuration(self.source)
            if self["test"]:
                say_warnings(self.configuration)
        except ConfigError as error:
            fail(str(error), None if self["test"] else self._early_log())
        if self["test"]:
            say(f"the configuration file {path} syntax is ok")
            say(f"configuration file {path} test is successful")
            sys.exit(0)
        if self.parent is not None:
            self._tell_twistd(self.parent)
            install_preferred()

    @property
    def settings(self) -> Settings:
        """What the configuration says."""
        return self.configuration.settings

    def _early_log(self) -> ErrorLogObserver | None:
        """The log of a start that knows no ``error_log`` yet: the default one, if its folder is there."""
        prefix = self["prefix"] or os.path.dirname(os.path.dirname(os.path.abspath(self["config"])))
        path = os.path.join(os.path.abspath(prefix), DEFAULT_ERROR_LOG)
        if not os.path.isdir(os.path.dirname(path)):
            return None
        try:
            return ErrorLogObserver([ErrorLog(path)])
        except OSError:
            return None

    def _tell_twistd(self, parent: Any) -> None:
        """What the configuration says of the process; an option of the command line wins."""
        if not self.settings.daemon:
            parent["nodaemon"] = True
        if parent.get("pidfile") == TWISTD_PID:
            # twistd takes any process that has the old file's number for itself, and does not start.
            parent["pidfile"] = ""
            self.own_pid_file = True
        self.own_log = not (parent.get("logfile") or parent.get("syslog"))


class ErrorLogged(MultiService):
    """The services of the proxy; as they join an application, its log becomes ``error_log``."""

    def __init__(self, observer: ErrorLogObserver) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._observer = observer

    def setServiceParent(self, parent: Any) -> None:
        """Twisted's twistd asks the application for its log observer; its ``--logger`` wins."""
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]


def makeService(options: Options) -> IService:
    """The service of ``twistd dyups``: every socket listens when it is made, nothing is accepted before it starts."""
    settings = options.settings
    try:
        observer = observer_of(settings)
    except OSError as error:
        fail(open_failed(error))
    root = ErrorLogged(observer) if options.own_log else MultiService()
    _, *warnings = options.configuration.serve_as
    for text in filter(None, warnings):
        warn(text, observer)
    serving(options, observer).setServiceParent(root)
    if options.own_pid_file and settings.pid:  # ``pid off``

        def refuse(error: OSError) -> NoReturn:
            fail(open_failed(error), observer)

        try:
            PidFile(settings.pid, refuse).setServiceParent(root)  # type: ignore[no-untyped-call]
        except OSError as error:
            refuse(error)
    return root


def serving(options: Options, observer: ErrorLogObserver) -> IService:
    """What serves ``http``, its sockets listening: a master with its workers, or this process alone."""
    # Not before now: this module is imported to list the options, and then no reactor must be installed yet.
    from twisted.internet import reactor

    from dyups.workers.master import MasterProcess
    from dyups.workers.process import ServingProcess

    configuration, manager = options.configuration, manager_of(os.environ)
    service: IService
    try:
        if configuration.settings.master_process:
            if (identity := configuration.serve_as.identity) is not None:
                check_can_become(identity)
            service = MasterProcess(options.source, configuration, observer, reactor, manager=manager)
        else:
            service = ServingProcess(configuration, observer, reactor, manager)
        options.early.hold(reactor)
        return service
    except (ConfigError, Refused) as error:
        fail(str(error), observer)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        fail(f"bind() to {error.filename} failed ({error.errno}: {reason})", observer)


def open_failed(error: OSError) -> str:
    """nginx's words for a file that cannot be opened."""
    return f'open() "{error.filename}" failed ({error.errno}: {error.strerror})'


def say(text: str) -> None:
    """A line for the person at the terminal; with standard error closed there is nobody to tell."""
    if sys.stderr is not None:
        print(f"dyups: {text}", file=sys.stderr)


def say_warnings(configuration: Configuration) -> None:
    """What a test tells of a configuration that is right; a start has it in the error log.

    Raises ConfigError for what reading alone does not show: a wrong dump, a name that is not found.
    """
    for text in (configuration.serve_as.warning, *rehearse(configuration)):
        if text:
            say(f"[warn] {text}")


def warn(text: str, observer: ErrorLogObserver) -> None:
    """A warning, there and in the error log."""
    say(f"[warn] {text}")
    observer({"log_format": "{text}", "text": text, "log_time": time.time(), "nginx_level": "warn"})


def fail(text: str, observer: ErrorLogObserver | None = None) -> NoReturn:
    """End the command as nginx does: ``[emerg]`` and the reason, there and in the error log; status 1."""
    say(f"[emerg] {text}")
    if observer is not None:
        observer({"log_format": "{text}", "text": text, "log_time": time.time(), "nginx_level": "emerg"})
    sys.exit(1)
