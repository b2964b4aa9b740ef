"""The command: its options, what it tells twistd, and how it says that it cannot start."""

from __future__ import annotations

import errno
import os
import sys
from io import StringIO
from pathlib import Path

from twisted.application.service import Application, IService, MultiService, Service
from twisted.logger import ILogObserver
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from dyups import tap
from dyups._version import VERSION
from dyups.errors import ConfigError
from dyups.tap import Options, makeService
from dyups.workers import master, privileges, process
from dyups.workers.pidfile import PidFile
from dyups.workers.privileges import Refused

TWISTDS = {"nodaemon": False, "pidfile": "twistd.pid", "logfile": None, "syslog": None}
"""What twistd's own options are where nobody gave any."""


class Noting:
    """Takes no signal."""

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls

    def install(self) -> None:
        self._calls.append("install")

    def hold(self, reactor: object) -> None:
        self._calls.append("hold")


class TapTestCase(SynchronousTestCase):
    """A prefix with a configuration, and what is said to the person at the terminal."""

    def setUp(self) -> None:
        self.prefix = Path(os.path.abspath(self.mktemp()))
        (self.prefix / "conf").mkdir(parents=True)
        self.said = StringIO()
        self.patch(sys, "stderr", self.said)
        self.patch(tap, "check_can_become", lambda identity: None)
        self.early: list[str] = []
        self.patch(tap, "EarlyEnd", lambda: Noting(self.early))
        self.patch(privileges, "unreadable", lambda identity: None)

    def configure(self, text: str) -> None:
        """The configuration that the command is to read."""
        (self.prefix / "conf/nginx.conf").write_text(text)

    def options(self, *arguments: str, twistd: dict[str, object] | None = None) -> Options:
        """The options as twistd parses them; ``twistd`` are its own."""
        options = Options()
        if twistd is not None:
            options.parent = twistd
        options.parseOptions(["--config", str(self.prefix / "conf/nginx.conf"), *arguments])
        return options

    def ends(self, call: object, *arguments: object, **keywords: object) -> object:
        """The exit status with which the call ends the process."""
        assert callable(call)
        return self.assertRaises(SystemExit, call, *arguments, **keywords).code

    @property
    def logged(self) -> str:
        """What is in the default error log."""
        path = self.prefix / "logs/error.log"
        return path.read_text() if path.exists() else ""


class OptionsTests(TapTestCase):
    """Reading the command line, and the configuration with it."""

    def test_a_good_configuration(self) -> None:
        """Its settings are there; the prefix is the parent of its folder; nobody is told anything."""
        self.configure("events {}")
        options = self.options()
        self.assertEqual(options.settings.prefix, str(self.prefix))
        self.assertEqual(self.said.getvalue(), "")

    def test_prefix(self) -> None:
        """``--prefix`` is where relative paths start."""
        self.configure("pid run/pid; events {}")
        self.assertEqual(self.options("--prefix", "/srv").settings.pid, "/srv/run/pid")

    def test_a_bad_configuration(self) -> None:
        """nginx's words with file and line, status 1; no folder is made."""
        self.configure("events {}\nfoo;\n")
        self.assertEqual(self.ends(self.options), 1)
        place = f"{self.prefix}/conf/nginx.conf:2"
        self.assertEqual(self.said.getvalue(), f'dyups: [emerg] unknown directive "foo" in {place}\n')
        self.assertEqual(os.listdir(self.prefix), ["conf"])

    def test_a_bad_configuration_beside_a_log(self) -> None:
        """The log of earlier starts hears of it."""
        self.configure("foo;")
        (self.prefix / "logs").mkdir()
        self.ends(self.options)
        self.assertIn('unknown directive "foo"', self.logged)
        self.assertIn("[emerg]", self.logged)

    def test_a_bad_configuration_beside_a_log_that_cannot_be_opened(self) -> None:
        """The terminal is enough."""
        self.configure("foo;")
        (self.prefix / "logs/error.log").mkdir(parents=True)
        self.assertEqual(self.ends(self.options), 1)
        self.assertIn('unknown directive "foo"', self.said.getvalue())

    def test_test(self) -> None:
        """``--test`` of a good configuration: two lines and status 0."""
        self.configure("events {}")
        self.assertEqual(self.ends(self.options, "--test"), 0)
        path = self.prefix / "conf/nginx.conf"
        self.assertEqual(
            self.said.getvalue(),
            f"dyups: the configuration file {path} syntax is ok\n"
            f"dyups: configuration file {path} test is successful\n",
        )

    def test_test_of_a_bad_one(self) -> None:
        """``--test`` writes to no log: a check leaves no trace."""
        self.configure("foo;")
        (self.prefix / "logs").mkdir()
        self.assertEqual(self.ends(self.options, "--test"), 1)
        self.assertIn("[emerg]", self.said.getvalue())
        self.assertEqual(self.logged, "")

    def test_version(self) -> None:
        """``--version`` is ours, not twistd's."""
        out = StringIO()
        self.patch(sys, "stdout", out)
        self.assertEqual(self.ends(self.options, "--version"), 0)
        self.assertEqual(out.getvalue(), f"dyups version: dyups/{VERSION}\n")

    def test_too_much(self) -> None:
        """An argument that nobody asked for is an error, not ignored."""
        self.configure("events {}")
        self.assertRaises(UsageError, self.options, "more")

    def test_standard_error_closed(self) -> None:
        """An init system may have closed it: the status has to do."""
        self.configure("foo;")
        self.patch(sys, "stderr", None)
        self.assertEqual(self.ends(self.options), 1)


class TellTwistdTests(TapTestCase):
    """What the configuration says of the process reaches twistd, unless its own options say it."""

    def told(self, text: str, **given: object) -> tuple[dict[str, object], Options]:
        """twistd's options afterwards, and ours."""
        self.configure(f"{text} events {{}}")
        twistd = {**TWISTDS, **given}
        return twistd, self.options(twistd=twistd)

    def test_daemon_off(self) -> None:
        """``daemon off`` is ``--nodaemon``."""
        self.assertIs(self.told("daemon off;")[0]["nodaemon"], True)

    def test_daemon_on(self) -> None:
        """``daemon on``, which is the default, leaves twistd's way; ``--nodaemon`` wins."""
        for text in ("daemon on;", ""):
            self.assertIs(self.told(text)[0]["nodaemon"], False)
        self.assertIs(self.told("daemon on;", nodaemon=True)[0]["nodaemon"], True)

    def test_pid(self) -> None:
        """The pid file is ours, written as nginx does, and twistd writes none; ``--pidfile`` wins."""
        twistd, options = self.told("")
        self.assertEqual((twistd["pidfile"], options.own_pid_file), ("", True))
        twistd, options = self.told("", pidfile="other.pid")
        self.assertEqual((twistd["pidfile"], options.own_pid_file), ("other.pid", False))

    def test_log(self) -> None:
        """``error_log`` is the log; ``--logfile`` and ``--syslog`` win."""
        self.assertTrue(self.told("")[1].own_log)
        self.assertFalse(self.told("", logfile="-")[1].own_log)
        self.assertFalse(self.told("", syslog=True)[1].own_log)


class Refusing:
    """In the place of the serving process: cannot be made."""

    reason: Exception

    def __init__(self, *arguments: object, **keywords: object) -> None:
        raise self.reason


class Quiet(Service):
    """In the place of the serving process: does nothing."""

    def __init__(self, *arguments: object, **keywords: object) -> None:
        self.keywords = keywords


class MakeServiceTests(TapTestCase):
    """The service, and a start that fails once the configuration is known."""

    def made(self, text: str = "events {} http {}", **given: object) -> IService:
        """The service that is made of a configuration."""
        self.configure(text)
        return makeService(self.options(twistd={**TWISTDS, **given}))

    def fails(self, reason: Exception) -> str:
        """What is said when the serving process cannot be made."""
        self.patch(master, "MasterProcess", type("R", (Refusing,), {"reason": reason}))
        self.assertEqual(self.ends(self.made), 1)
        return self.said.getvalue()

    def test_what_is_in_it(self) -> None:
        """The master and the pid file; the application's log is the error log."""
        self.patch(master, "MasterProcess", Quiet)
        service = self.made()
        kinds = [type(child) for child in service]  # type: ignore[attr-defined]
        self.assertEqual(kinds, [Quiet, PidFile])
        application = Application("dyups")
        service.setServiceParent(application)
        self.assertIsNotNone(application.getComponent(ILogObserver))
        self.assertTrue((self.prefix / "logs/error.log").exists())

    def test_user(self) -> None:
        """A ``user`` that has no effect is said, at the terminal and in the log; ``-t`` says it too."""
        self.patch(master, "MasterProcess", Quiet)
        self.patch(os, "geteuid", lambda: 1000)
        text = "user nobody; error_log logs/error.log warn;\nevents {} http {}"
        self.made(text)
        warning = 'the "user" directive makes sense only if '
        self.assertIn(warning, self.said.getvalue())
        self.assertIn(warning, self.logged)
        self.said.truncate(0)
        self.assertEqual(self.ends(self.options, "--test"), 0)
        self.assertIn(warning, self.said.getvalue())

    def test_still_root(self) -> None:
        """Workers that stay root because nobody else would do are spoken of at every start."""
        self.patch(master, "MasterProcess", Quiet)
        self.patch(os, "geteuid", lambda: 0)
        self.patch(privileges, "unreadable", lambda identity: "/root/os.py")
        self.made("error_log logs/error.log warn; events {} http {}")
        for said in (self.said.getvalue(), self.logged):
            self.assertIn("[warn]", said)
            self.assertIn('workers serve as root: there is no "user" directive', said)

    def test_user_that_cannot_be(self) -> None:
        """Where the system does not let workers become the user, nothing is started, and the reason is said."""

        def refuse(identity: object) -> None:
            raise Refused("setgid(65534) failed (1: Operation not permitted)")

        self.patch(os, "geteuid", lambda: 0)
        self.patch(tap, "check_can_become", refuse)
        self.assertEqual(self.ends(self.made, "user root; events {} http {}"), 1)
        reason = "setgid(65534) failed (1: Operation not permitted)"
        self.assertIn(reason, self.said.getvalue())
        self.assertIn(reason, self.logged)

    def test_twistds_own_log_and_pid_file(self) -> None:
        """Given on the command line, they are left to twistd."""
        self.patch(master, "MasterProcess", Quiet)
        service = self.made(logfile="-", pidfile="mine.pid")
        self.assertEqual([type(child) for child in service], [Quiet])  # type: ignore[attr-defined]
        self.assertIs(type(service), MultiService)

    def test_master_process_off(self) -> None:
        """One process does it all."""
        self.patch(process, "ServingProcess", Quiet)
        service = self.made("master_process off; events {} http {}")
        self.assertEqual([type(child) for child in service], [Quiet, PidFile])  # type: ignore[attr-defined]

    def test_pid_off(self) -> None:
        """``pid off``: there is no file."""
        self.patch(master, "MasterProcess", Quiet)
        service = self.made("pid off; events {} http {}")
        self.assertEqual([type(child) for child in service], [Quiet])  # type: ignore[attr-defined]

    def test_no_http(self) -> None:
        """A configuration without ``http`` has a master and workers that serve nothing, as in nginx."""
        self.patch(master, "MasterProcess", Quiet)
        service = self.made("events {}")
        self.assertEqual([type(child) for child in service], [Quiet, PidFile])  # type: ignore[attr-defined]

    def test_early_signals(self) -> None:
        """A start takes signals before it reads anything, and once sockets are open they wait; a test does not."""
        self.patch(master, "MasterProcess", Quiet)
        self.made("events {} http {}")
        self.assertEqual(self.early, ["install", "hold"])
        self.early.clear()
        self.assertEqual(self.ends(self.options, "--test"), 0)
        self.assertEqual(self.early, [])

    def test_port_in_use(self) -> None:
        """nginx's line for it, on the terminal and in the error log."""
        error = OSError(errno.EADDRINUSE, "whatever")
        error.filename = "0.0.0.0:8080"
        said = self.fails(error)
        reason = "bind() to 0.0.0.0:8080 failed (98: Address already in use)"
        self.assertEqual(said, f"dyups: [emerg] {reason}\n")
        self.assertTrue(self.logged.endswith(f": {reason}\n"), self.logged)

    def test_late_mistakes(self) -> None:
        """What only shows when everything is put together (a dump that does not read) is said alike."""
        said = self.fails(ConfigError("host not found", "conf/up.conf", 2))
        self.assertEqual(said, "dyups: [emerg] host not found in conf/up.conf:2\n")
        self.assertIn("[emerg]", self.logged)

    def test_no_prefix(self) -> None:
        """A prefix that is not there is said, and not made."""
        self.configure("events {}")
        options = self.options("--prefix", str(self.prefix / "a/b"))
        self.assertEqual(self.ends(makeService, options), 1)
        path = self.prefix / "a/b/logs/error.log"
        self.assertEqual(
            self.said.getvalue(), f'dyups: [emerg] open() "{path}" failed (2: No such file or directory)\n'
        )
        self.assertFalse((self.prefix / "a").exists())

    def test_no_pid_file(self) -> None:
        """A pid file that cannot be written ends the start, and the error log has it too."""
        self.assertEqual(self.ends(self.made, f"pid {self.prefix}/conf; events {{}}"), 1)
        reason = f'open() "{self.prefix}/conf" failed (21: Is a directory)'
        self.assertEqual(self.said.getvalue(), f"dyups: [emerg] {reason}\n")
        self.assertIn(reason, self.logged)

    def test_asking_for_options_installs_no_reactor(self) -> None:
        """The module binds no reactor: ``twistd --help`` imports it before anybody could choose one."""
        self.assertFalse(hasattr(tap, "reactor"))
