"""``twistd dyups``: the command's options, and the service that they make.

The configuration is read while the options are, so that what it says of the process (``daemon``, ``pid``,
``error_log``) reaches twistd, and what is wrong with it is said before anything starts.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

from twisted.application.service import IService, MultiService
from twisted.logger import ILogObserver
from twisted.python import usage
from twisted.python.components import Componentized

from dyups._version import VERSION
from dyups.config.build import load
from dyups.config.model import Settings
from dyups.errors import ConfigError
from dyups.metrics.errorlog import ErrorLogObserver
from dyups.net.choose import install_preferred
from dyups.proxy.variables import ProxyVariables

DEFAULT_CONFIG = "conf/nginx.conf"


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
    ]
    optFlags = [["test", "t", "Check the configuration and exit."]]

    settings: Settings
    variables: ProxyVariables

    def opt_version(self) -> NoReturn:
        """Print the version of dyups and exit."""
        print(f"dyups version: dyups/{VERSION}")
        sys.exit(0)

    def postOptions(self) -> None:
        """Read the configuration; a wrong one ends the command with status 1 and nginx's words."""
        path: str = self["config"]
        self.variables = ProxyVariables()
        try:
            self.settings = load(path, prefix=self["prefix"], variables=self.variables)
        except ConfigError as error:
            fail(str(error))
        if self["test"]:
            say(f"the configuration file {path} syntax is ok")
            say(f"configuration file {path} test is successful")
            sys.exit(0)
        if self.parent is not None:
            self._tell_twistd(self.parent)
            install_preferred()

    def _tell_twistd(self, parent: Any) -> None:
        """What the configuration says of the process; an option of the command line wins."""
        settings = self.settings
        if not settings.daemon:
            parent["nodaemon"] = True
        if settings.pid and parent.get("pidfile") == "twistd.pid":
            os.makedirs(os.path.dirname(settings.pid) or ".", exist_ok=True)
            parent["pidfile"] = settings.pid


class ErrorLogged(MultiService):
    """The services of the proxy; as they join an application, its log becomes ``error_log``."""

    def __init__(self, observer: ErrorLogObserver) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._observer = observer

    def setServiceParent(self, parent: Any) -> None:
        """Twisted's twistd asks the application for its log observer; a log chosen on the command line wins."""
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]


def makeService(options: Options) -> IService:
    """The service of ``twistd dyups``: every socket listens when it is made, nothing is accepted before it starts."""
    from twisted.internet import reactor

    from dyups.workers.process import ServingProcess

    settings = options.settings
    root = ErrorLogged(ErrorLogObserver(settings.error_log))
    if settings.http is None:
        return root
    try:
        wanted = options.variables.attempts_wanted
        process = ServingProcess(settings, settings.http, reactor, attempts_wanted=wanted)
        process.setServiceParent(root)  # type: ignore[no-untyped-call]
        return root
    except ConfigError as error:
        fail(str(error))
    except OSError as error:
        fail(f"bind() to {error.filename} failed ({error.errno}: {os.strerror(error.errno or 0)})")


def say(text: str) -> None:
    """A line for the person at the terminal; with standard error closed there is nobody to tell."""
    if sys.stderr is not None:
        print(f"dyups: {text}", file=sys.stderr)


def fail(text: str) -> NoReturn:
    """End the command as nginx does: ``[emerg]``, the reason, status 1."""
    say(f"[emerg] {text}")
    sys.exit(1)
