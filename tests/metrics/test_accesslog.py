"""Which lines go to which access log."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.build import build
from dyups.config.model import Http, LocationSettings, Syslog
from dyups.config.parser import Tree, parse_text
from dyups.errors import ConfigError
from dyups.interfaces import Getter
from dyups.metrics import accesslog
from dyups.metrics.accesslog import AccessLogs, check_access_logs, each_settings, used
from dyups.metrics.logfile import PAUSE


class Table:
    """Variables that read what the exchange has of their name."""

    def lookup(self, name: str) -> Getter | None:
        return lambda exchange: getattr(exchange, name, b"")


class LogTestCase(SynchronousTestCase):
    """A prefix, and what was told."""

    def setUp(self) -> None:
        self.prefix = os.path.abspath(self.mktemp())
        os.mkdir(self.prefix)
        self.told: list[str] = []

    def http(self, text: str) -> Http:
        """The inside of ``http``, with a format ``u`` that is the variable ``$u``."""
        tree = Tree(parse_text(f"events {{}} http {{ log_format u $u; {text} }}"))
        found = build(tree, prefix=self.prefix, variables=Table(), default_port=8080).http
        assert found is not None
        return found

    def logs(self, text: str) -> AccessLogs:
        """The logs of that ``http`` block, closed at the end."""
        self.found = self.http(text)
        logs = AccessLogs(self.found, self.told.append)
        self.addCleanup(logs.close)
        return logs

    def exchange(self, place: int = 0, **values: bytes) -> Any:
        """An exchange in the server or location of that number, as they stand in the configuration."""
        settings = list(each_settings(self.found))[place]
        return SimpleNamespace(route=SimpleNamespace(settings=settings), **values)

    def text(self, name: str) -> str:
        """What is in the file."""
        return Path(self.prefix, name).read_text()


class Choice(LogTestCase):
    """Which logs a request goes to."""

    def test_of_its_location(self) -> None:
        """Those of its location, by inheritance or its own, and none where it is off."""
        logs = self.logs(
            "access_log a.log u; server { location /1 { echo x; location /1/2 { access_log b.log u; } }\n"
            "location /3 { access_log off; } }"
        )
        for place in range(4):
            logs.write(self.exchange(place, u=b"%d" % place))
        self.assertEqual((self.text("a.log"), self.text("b.log")), ("0\n1\n", "2\n"))

    def test_several(self) -> None:
        """Each of several gets a line in its own form."""
        logs = self.logs("log_format v 'v=$u'; access_log a.log u; access_log b.log v; server {}")
        logs.write(self.exchange(u=b"x"))
        self.assertEqual((self.text("a.log"), self.text("b.log")), ("x\n", "v=x\n"))

    def test_off_wins(self) -> None:
        """``off`` beside others means off, and their files are not made."""
        logs = self.logs("server { access_log a.log u; access_log off; }")
        logs.write(self.exchange(u=b"x"))
        self.assertEqual(os.listdir(self.prefix), [])

    def test_condition(self) -> None:
        """``if=``: not for an empty value and not for ``0``."""
        logs = self.logs("server { access_log a.log u if=$c; access_log b.log u if=x$c; }")
        for value in (b"", b"0", b"1", b"00", b"no"):
            logs.write(self.exchange(u=value, c=value))
        self.assertEqual(self.text("a.log"), "1\n00\nno\n")
        self.assertEqual(len(self.text("b.log").splitlines()), 5)

    def test_path_with_variables(self) -> None:
        """Each request has the file of its own name."""
        logs = self.logs("server { access_log $h.log u; }")
        for host, value in ((b"a", b"1"), (b"b", b"2"), (b"a", b"3")):
            logs.write(self.exchange(h=host, u=value))
        self.assertEqual((self.text("a.log"), self.text("b.log")), ("1\n3\n", "2\n"))

    def test_one_file(self) -> None:
        """Logs of one path are one file with one buffer, so that lines stay in order."""
        logs = self.logs(
            "server { access_log a.log u; location / { access_log a.log u buffer=8; } }",
        )
        logs.start(Clock())
        for place, value in ((0, b"12"), (1, b"34")):
            logs.write(self.exchange(place, u=value))
        self.assertEqual(self.text("a.log"), "")
        logs.write(self.exchange(0, u=b"5"))
        self.assertEqual(self.text("a.log"), "12\n34\n5\n")

    def test_syslog(self) -> None:
        """Logs to one target share a sender, which follows the life of the files; no file is made for it."""
        made: list[Any] = []

        class Sender(list[bytes]):
            def __init__(self, target: Syslog, tell: object) -> None:
                made.append(self)

            def add(self, line: bytes) -> None:
                self.append(line)

            def reopen(self) -> None:
                self.append(b"reopened")

            def close(self) -> None:
                self.append(b"closed")

        self.patch(accesslog, "SyslogSender", Sender)
        text = "access_log syslog:server=unix:/x u;"
        logs = self.logs(f"server {{ {text} location / {{ {text} }} }}")
        logs.write(self.exchange(0, u=b"a"))
        logs.write(self.exchange(1, u=b"b"))
        self.assertEqual(logs.reopen(), [])
        logs.close()
        self.assertEqual(made, [[b"a\n", b"b\n", b"reopened", b"closed"]])
        check_access_logs(self.found)
        self.assertEqual(os.listdir(self.prefix), [])

    def test_foreign_settings(self) -> None:
        """Settings of another configuration have no logs here."""
        logs = self.logs("server { access_log a.log; }")
        exchange = self.exchange()
        exchange.route.settings = LocationSettings()
        logs.write(exchange)
        self.assertEqual((self.text("a.log"), self.told), ("", []))

    def test_used(self) -> None:
        """What counts of a block's logs."""
        (settings,) = each_settings(self.http("server { access_log a.log; }"))
        (log,) = settings.access_log
        self.assertEqual(used((log, log)), (log, log))
        self.assertEqual(used((log, None)), ())
        self.assertEqual(used(()), ())


class Life(LogTestCase):
    """Starting, stopping, reopening."""

    def test_batches(self) -> None:
        """Between start and stop lines wait for each other; nothing is lost at the end."""
        clock = Clock()
        logs = self.logs("server { access_log a.log u; access_log $u.log u; }")
        logs.start(clock)
        logs.write(self.exchange(u=b"x"))
        self.assertEqual((self.text("a.log"), os.listdir(self.prefix)), ("", ["a.log"]))
        clock.advance(PAUSE)
        self.assertEqual((self.text("a.log"), self.text("x.log")), ("x\n", "x\n"))
        logs.write(self.exchange(u=b"y"))
        logs.stop()
        self.assertEqual((self.text("a.log"), self.text("y.log")), ("x\ny\n", "y\n"))
        self.assertEqual(clock.getDelayedCalls(), [])
        logs.write(self.exchange(u=b"z"))
        self.assertEqual(self.text("a.log"), "x\ny\nz\n")

    def test_buffer_with_time(self) -> None:
        """``flush=`` is how long a buffer waits."""
        clock = Clock()
        logs = self.logs("server { access_log a.log u buffer=1k flush=5s; }")
        logs.start(clock)
        logs.write(self.exchange(u=b"x"))
        clock.advance(4.9)
        self.assertEqual(self.text("a.log"), "")
        clock.advance(0.2)
        self.assertEqual(self.text("a.log"), "x\n")

    def test_reopen(self) -> None:
        """Files are opened anew by their names; what could not be is said, and the others are all the same."""
        logs = self.logs("server { access_log a.log u; access_log b.log u; access_log $u.log u; }")
        for name in ("a.log", "b.log"):
            os.rename(f"{self.prefix}/{name}", f"{self.prefix}/{name}.1")
        os.mkdir(f"{self.prefix}/a.log")
        self.assertEqual(logs.reopen(), [f'open() "{self.prefix}/a.log" failed (21: Is a directory)'])
        logs.write(self.exchange(u=b"x"))
        self.assertEqual((self.text("a.log.1"), self.text("b.log")), ("x\n", "x\n"))

    def test_lost_folder(self) -> None:
        """A file that cannot be opened is told of and stops nothing."""
        logs = self.logs("server { access_log gone/a.log u; access_log b.log u; }")
        logs.write(self.exchange(u=b"x"))
        self.assertEqual(
            self.told, [f'open() "{self.prefix}/gone/a.log" failed (2: No such file or directory)']
        )
        self.assertEqual(self.text("b.log"), "x\n")


class Check(LogTestCase):
    """What a start finds out before it is one."""

    def test_files_are_made(self) -> None:
        """Every file is there, and a folder that is missing is made; those of variables come later."""
        check_access_logs(self.http("server { access_log $u.log; location / { access_log new/b.log; } }"))
        self.assertEqual(os.listdir(self.prefix), ["new"])
        self.assertEqual(self.text("new/b.log"), "")

    def test_default(self) -> None:
        """The default log is made where some block has no other."""
        check_access_logs(self.http("server { access_log off; }"))
        self.assertEqual(os.listdir(self.prefix), [])
        check_access_logs(self.http("server {}"))
        self.assertEqual(self.text("logs/access.log"), "")

    def test_cannot(self) -> None:
        """One that cannot be opened is an error in nginx's words."""
        http = self.http(f"server {{ access_log {self.prefix}; }}")
        with self.assertRaises(ConfigError) as caught:
            check_access_logs(http)
        self.assertEqual(str(caught.exception), f'open() "{self.prefix}" failed (21: Is a directory)')
