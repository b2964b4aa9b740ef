"""``error_log``: the form of its lines, levels, several files, and what happens when a file goes wrong."""

from __future__ import annotations

import gc
import os
import re
import sys
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ErrorLog, Syslog
from dyups.metrics import syslog
from dyups.metrics.errorlog import (
    ORDER,
    ErrorLogObserver,
    format_line,
    level_of,
)
from tests.metrics.test_syslog import FakeNet

ENTRY = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(\w+)\] (\d+)#(\d+): (.*)\n")


def complaint(level: str, text: str) -> dict[str, Any]:
    """An event as ``plane.complain`` emits it."""
    return {
        "log_format": "{text}",
        "text": text,
        "nginx_level": level,
        "log_time": 0.0,
        "log_level": LogLevel.error,
    }


class LineTests(SynchronousTestCase):
    """The form of an entry."""

    def test_form(self) -> None:
        """Time, level, process and thread, and the message, as nginx writes them."""
        match = ENTRY.fullmatch(format_line(complaint("error", "*7 connect() failed"), "error"))
        assert match is not None
        self.assertEqual(match[1], "error")
        self.assertEqual(int(match[2]), os.getpid())
        self.assertEqual(int(match[3]), os.getpid())  # the main thread has its process's number
        self.assertEqual(match[4], "*7 connect() failed")

    def test_levels(self) -> None:
        """Our own level counts; Twisted's levels are translated, and no level at all is info."""
        self.assertEqual([level_of(complaint(name, "")) for name in ORDER], list(ORDER))
        translated = [level_of({"log_level": level}) for level in LogLevel.iterconstants()]
        self.assertEqual(translated, ["debug", "info", "warn", "error", "crit"])
        self.assertEqual(level_of({}), "info")
        self.assertEqual(level_of({"nginx_level": "loud", "log_level": LogLevel.warn}), "warn")

    def test_traceback(self) -> None:
        """A failure's traceback follows its message on indented lines."""
        try:
            raise ValueError("boom")
        except ValueError:
            event = {"log_format": "it broke", "log_failure": Failure(), "log_time": 0.0}
        first, *more = format_line(event, "crit").splitlines()
        self.assertTrue(first.endswith(": it broke"))
        self.assertTrue(all(line.startswith("\t") for line in more))
        self.assertIn("ValueError: boom", more[-1])

    def test_further_lines(self) -> None:
        """Further lines of our own are indented; nothing in them begins another one."""
        event = {**complaint("error", "it broke"), "further": ["here", "and\nthere"]}
        _, *more = format_line(event, "error").splitlines()
        self.assertEqual(more, ["\there", "\tand\\x0Athere"])

    def test_no_format(self) -> None:
        """An event that cannot be formatted is still an entry."""
        self.assertIsNotNone(
            ENTRY.fullmatch(format_line({"log_format": "{nothing.at.all}"}, "info")[:40] + "\n")
        )

    @given(st.text())
    @settings(deadline=None, max_examples=50)
    def test_one_entry(self, text: str) -> None:
        """Whatever a client puts into a message, the message stays on its line."""
        line = format_line(complaint("error", text), "error")
        self.assertEqual(line.count("\n"), 1)
        self.assertIsNotNone(ENTRY.fullmatch(line.replace("\x85", "").replace("\u2028", "")))

    @given(st.text())
    @settings(deadline=None, max_examples=50)
    def test_no_forged_entry(self, text: str) -> None:
        """A text of several lines from elsewhere cannot begin an entry of its own."""
        event = {"log_format": "{text}", "text": f"{text}\n2026/11/22 12:00:00 [emerg] 1#1: forged"}
        _, *more = format_line(event, "info")[:-1].split("\n")
        self.assertTrue(all(line.startswith("\t") for line in more))


class FileTests(SynchronousTestCase):
    """What is written where."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.mkdir(self.folder)

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def read(self, name: str) -> list[str]:
        """The messages of a file."""
        with open(self.path(name), encoding="utf-8") as file:
            return [line.split(": ", 1)[1].rstrip("\n") for line in file]

    def observer(self, *specs: tuple[str, str]) -> ErrorLogObserver:
        """An observer that writes to (name, level) each."""
        made = ErrorLogObserver(ErrorLog(self.path(name), level) for name, level in specs)
        self.addCleanup(made.close)
        return made

    def test_from_the_start(self) -> None:
        """Each file exists before anything is logged."""
        self.observer(("a", "error"), ("b", "emerg"))
        self.assertEqual(sorted(os.listdir(self.folder)), ["a", "b"])

    def test_each_from_its_level(self) -> None:
        """Every file gets what reaches its own level."""
        observer = self.observer(("all", "debug"), ("some", "warn"), ("few", "crit"))
        for level in ORDER:
            observer(complaint(level, level))
        self.assertEqual(self.read("all"), list(ORDER))
        self.assertEqual(self.read("some"), list(ORDER[3:]))
        self.assertEqual(self.read("few"), list(ORDER[5:]))

    def test_nothing_formatted_below_all(self) -> None:
        """An event that no file wants costs no formatting."""
        observer = self.observer(("a", "error"))
        with mock.patch("dyups.metrics.errorlog.format_line") as formatted:
            observer(complaint("info", "x"))
        formatted.assert_not_called()

    def test_no_files(self) -> None:
        """Without any file nothing happens."""
        observer = ErrorLogObserver(())
        observer(complaint("emerg", "x"))
        self.assertEqual(observer.reopen(), [])

    def test_appends(self) -> None:
        """What stood in a file stays."""
        for text in ("one", "two"):
            self.observer(("a", "error"))(complaint("error", text))
        self.assertEqual(self.read("a"), ["one", "two"])

    def test_odd_characters(self) -> None:
        """What has no UTF-8 is written with backslashes."""
        self.observer(("a", "error"))(complaint("error", "\udcff é"))
        self.assertEqual(self.read("a"), ["\\udcff é"])

    def test_moved(self) -> None:
        """After a file was moved away, reopening makes a new one under its name."""
        observer = self.observer(("a", "error"))
        observer(complaint("error", "one"))
        os.rename(self.path("a"), self.path("a.1"))
        observer(complaint("error", "two"))
        self.assertEqual(observer.reopen(), [])
        observer(complaint("error", "three"))
        self.assertEqual(self.read("a.1"), ["one", "two"])
        self.assertEqual(self.read("a"), ["three"])

    def test_become(self) -> None:
        """After a reload the new configuration's files are written, at their levels, and the old ones are closed."""
        observer = self.observer(("a", "error"))
        observer.become(self.observer(("b", "error"), ("c", "info")))
        observer(complaint("info", "one"))
        observer(complaint("error", "two"))
        self.assertEqual((self.read("a"), self.read("b"), self.read("c")), ([], ["two"], ["one", "two"]))

    def test_cannot_reopen(self) -> None:
        """A file that cannot be opened anew goes on as it was, and the others are opened all the same."""
        observer = self.observer(("one", "error"), ("two", "error"))
        for name in ("one", "two"):
            os.rename(self.path(name), self.path(name + ".old"))
        os.mkdir(self.path("one"))
        (problem,) = observer.reopen()
        self.assertIn("Is a directory", problem)
        observer(complaint("error", "x"))
        self.assertEqual(self.read("one.old"), ["x"])
        self.assertEqual(self.read("two"), ["x"])

    def test_cannot_open(self) -> None:
        """A file that cannot be opened at the start is an error, and none is left open."""
        gc.collect()  # what other tests have left
        before = len(os.listdir("/proc/self/fd"))
        specs = [ErrorLog(self.path("good")), ErrorLog(self.path("no/such/folder"))]
        self.assertRaises(FileNotFoundError, ErrorLogObserver, specs)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_one_write(self) -> None:
        """A line is one system call, so that lines of several processes do not mix."""
        observer = self.observer(("a", "error"))
        with mock.patch("os.write", return_value=1 << 20) as write:
            observer(complaint("error", "x" * 100_000))
        write.assert_called_once()

    def test_fifo(self) -> None:
        """A pipe that is full is not waited for."""
        os.mkfifo(self.path("pipe"))
        reader = os.open(self.path("pipe"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        observer = self.observer(("pipe", "error"))
        for _ in range(40):
            observer(complaint("error", "x" * 8192))
        self.assertEqual(os.read(reader, 4)[:2], b"19")


class SyslogTests(SynchronousTestCase):
    """``error_log syslog:``."""

    def setUp(self) -> None:
        self.net = FakeNet()
        self.patch(syslog, "socket", self.net)
        self.spec = ErrorLog("syslog:…", "info", Syslog("127.0.0.1", 514, "", 23 * 8 + 6, "tag", False))

    def test_lines(self) -> None:
        """A line is sent whole, with its own level as severity, from the log's level on."""
        observer = ErrorLogObserver([self.spec])
        for level in ("debug", "info", "emerg"):
            observer(complaint(level, level))
        first, second = self.net.sent
        self.assertRegex(first, rb"^<190>[A-Z][a-z]{2} [ \d]\d [\d:]{8} tag: \d{4}/.* \[info\] .*: info\Z")
        self.assertRegex(second, rb"^<184>.* \[emerg\] .*: emerg\Z")

    def test_shared(self) -> None:
        """Two blocks that say the same server share a socket; USR1 connects anew, the end closes it."""
        observer = ErrorLogObserver([self.spec], [(self.spec, self.spec)])
        self.assertEqual(len(self.net.made), 1)
        self.assertEqual(observer.reopen(), [])
        self.assertEqual([made.closed for made in self.net.made], [True, False])
        observer.close()
        self.assertTrue(self.net.made[-1].closed)

    def test_trouble(self) -> None:
        """That lines cannot be sent is said in the other logs, once, also when it fails from the start."""
        self.net.refuses = True
        path = self.mktemp()
        observer = ErrorLogObserver([self.spec, ErrorLog(path)])
        self.addCleanup(observer.close)
        for _ in range(3):
            observer(complaint("error", "x"))
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertIn("[alert]", lines[0])
        self.assertIn("while logging to syslog, server: 127.0.0.1:514", lines[0])
        self.assertEqual([line[-3:] for line in lines[1:]], [": x"] * 3)


class StandardErrorTests(SynchronousTestCase):
    """``error_log stderr``."""

    def setUp(self) -> None:
        self.reader, self.writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        self.stderr = os.fdopen(self.writer, "w")
        self.addCleanup(self.stderr.close)
        self.patch(sys, "__stderr__", self.stderr)

    def test_written(self) -> None:
        """Lines go to the standard error that the process was started with, at once."""
        observer = ErrorLogObserver([ErrorLog("stderr")])
        self.addCleanup(observer.close)
        observer(complaint("error", "hello"))
        self.assertTrue(os.read(self.reader, 1000).endswith(b": hello\n"))
        self.assertEqual(observer.reopen(), [])
        observer(complaint("error", "again"))
        self.assertTrue(os.read(self.reader, 1000).endswith(b": again\n"))

    def test_daemon(self) -> None:
        """A process that becomes a daemon, and so loses descriptor 2, goes on writing there."""
        observer = ErrorLogObserver([ErrorLog("stderr")])
        self.addCleanup(observer.close)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.writer)
        os.close(null)
        observer(complaint("error", "hello"))
        self.assertTrue(os.read(self.reader, 1000).endswith(b": hello\n"))

    def test_daemon_reloads(self) -> None:
        """Standard error stays the one of the start, for workers too, with the level of the new configuration."""
        observer = ErrorLogObserver([ErrorLog("stderr", "error")])
        self.addCleanup(observer.close)
        before = observer.standard_error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.writer)
        os.close(null)
        observer.become(ErrorLogObserver([ErrorLog("stderr", "crit")]))
        observer(complaint("error", "hello"))
        observer(complaint("crit", "worse"))
        self.assertTrue(os.read(self.reader, 1000).endswith(b": worse\n"))
        self.assertEqual(observer.standard_error, before)
        observer.become(ErrorLogObserver(()))
        self.assertIsNone(observer.standard_error)

    def test_closed_from_the_start(self) -> None:
        """Started without a standard error, nothing is written anywhere."""
        self.patch(sys, "__stderr__", None)
        observer = ErrorLogObserver([ErrorLog("stderr")])
        with mock.patch("os.write") as write:
            observer(complaint("error", "hello"))
        write.assert_not_called()
        self.assertEqual(observer.reopen(), [])

    def test_not_read(self) -> None:
        """A terminal or pipe that takes no more is not waited for."""
        observer = ErrorLogObserver([ErrorLog("stderr")])
        self.addCleanup(observer.close)
        for _ in range(100):
            observer(complaint("error", "x" * 2000))
        self.assertLess(len(os.read(self.reader, 1 << 20)), 100 * 2000)
