"""The files of access logs."""

from __future__ import annotations

import errno
import gzip
import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.metrics import logfile
from dyups.metrics.logfile import MOST_FILES, PAUSE, BatchFile, NamedFiles

FULL = OSError(errno.ENOSPC, "full")


class FileTestCase(SynchronousTestCase):
    """A folder, a clock, and what was told."""

    def setUp(self) -> None:
        self.folder = Path(os.path.abspath(self.mktemp()))
        self.folder.mkdir()
        self.path = str(self.folder / "a.log")
        self.clock = Clock()
        self.told: list[str] = []
        self.writes: list[bytes] = []

    def text(self, name: str = "a.log") -> str:
        """What is in the file."""
        return (self.folder / name).read_text()

    def file(self, bound: int = 100, pause: float | None = 1.0) -> BatchFile:
        """A started file, closed at the end."""
        file = BatchFile(self.path, self.told.append, bound, pause)
        self.addCleanup(file.close)
        file.start(self.clock)
        return file

    def disk(self, *outcomes: int | OSError) -> None:
        """The next writes take so many bytes, or fail; those after them take all."""
        left, real = list(outcomes), os.write

        def write(descriptor: int, data: bytes) -> int:
            outcome = left.pop(0) if left else len(data)
            if isinstance(outcome, OSError):
                raise outcome
            self.writes.append(data)
            return real(descriptor, data[:outcome])

        self.patch(logfile.os, "write", write)


class Batches(FileTestCase):
    """When lines are written."""

    def test_after_a_pause(self) -> None:
        """Lines wait for others, from the first on as long as the pause; then they go in one write."""
        self.disk()
        file = self.file()
        file.add(b"one\n")
        self.clock.advance(0.9)
        file.add(b"two\n")
        self.assertEqual(self.text(), "")
        self.clock.advance(0.1)
        self.assertEqual(self.writes, [b"one\ntwo\n"])
        self.assertEqual(self.text(), "one\ntwo\n")

    def test_no_timer_when_idle(self) -> None:
        """A timer is there only while something waits."""
        file = self.file()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        file.add(b"one\n")
        file.add(b"two\n")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        file.flush()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_full(self) -> None:
        """What would not fit is written before, and what fills the buffer at once."""
        self.disk()
        file = self.file(bound=10)
        file.add(b"12345\n")
        file.add(b"abcde\n")
        self.assertEqual(self.writes, [b"12345\n"])
        file.add(b"xyz\n")
        self.assertEqual(self.writes, [b"12345\n", b"abcde\nxyz\n"])
        file.add(b"longer than the buffer\n")
        self.assertEqual(self.writes[2:], [b"longer than the buffer\n"])

    def test_without_time(self) -> None:
        """A buffer without a time is written when it is full, or at the end."""
        file = self.file(pause=None)
        file.add(b"one\n")
        self.clock.advance(3600)
        self.assertEqual(self.text(), "")
        file.stop()
        self.assertEqual(self.text(), "one\n")

    def test_before_start_and_after_stop(self) -> None:
        """Then each line is written at once."""
        file = BatchFile(self.path, self.told.append)
        self.addCleanup(file.close)
        file.add(b"one\n")
        self.assertEqual(self.text(), "one\n")
        file.start(self.clock)
        file.add(b"two\n")
        file.stop()
        file.add(b"three\n")
        self.assertEqual(self.text(), "one\ntwo\nthree\n")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closed(self) -> None:
        """A closed file writes no more."""
        file = self.file()
        file.add(b"one\n")
        file.close()
        file.add(b"two\n")
        file.close()
        self.assertEqual(self.text(), "one\n")

    @given(lines=st.lists(st.integers(1, 30).map(lambda size: b"x" * size + b"\n")), bound=st.integers(1, 60))
    @settings(deadline=None, max_examples=50)
    def test_nothing_is_lost(self, lines: list[bytes], bound: int) -> None:
        """Whatever comes, all of it is in the file in order, and no more than the bound waits."""
        path = Path(self.path)
        path.unlink(missing_ok=True)
        file = BatchFile(self.path, self.told.append, bound, None)
        file.start(self.clock)
        done = 0
        for line in lines:
            file.add(line)
            done += len(line)
            self.assertLessEqual(done - path.stat().st_size, bound)
        file.close()
        self.assertEqual(path.read_bytes(), b"".join(lines))


class Troubles(FileTestCase):
    """What cannot be written."""

    def test_full_disk(self) -> None:
        """It is told once, the lines are lost, and later ones are written; the next trouble is told again."""
        self.disk(FULL, FULL, 4, FULL)
        file = self.file()
        for line in (b"a\n", b"b\n", b"ok1\n", b"c\n", b"ok2\n"):
            file.add(line)
            file.flush()
        self.assertEqual(self.text(), "ok1\nok2\n")
        words = f'write() to "{self.path}" failed (28: No space left on device) while logging requests'
        self.assertEqual(self.told, [words, words])

    def test_torn_line(self) -> None:
        """A line that was cut short does not take the next one along."""
        self.disk(3)
        file = self.file()
        file.add(b"first line\n")
        file.flush()
        file.add(b"second\n")
        file.flush()
        self.assertEqual(self.text(), "fir\nsecond\n")
        self.assertEqual(
            self.told, [f'write() to "{self.path}" was incomplete: 3 of 11 while logging requests']
        )

    def test_cut_between_lines(self) -> None:
        """Where it was cut between two lines there is nothing to end."""
        self.disk(2)
        file = self.file()
        file.add(b"a\n")
        file.add(b"b\n")
        file.flush()
        file.add(b"c\n")
        file.flush()
        self.assertEqual(self.text(), "a\nc\n")

    def test_cannot_be_opened(self) -> None:
        """It is told, lines are lost; once it can be opened, they are written."""
        self.path = str(self.folder / "gone/a.log")
        file = self.file()
        self.assertEqual(self.told, [f'open() "{self.path}" failed (2: No such file or directory)'])
        file.add(b"lost\n")
        file.flush()
        self.assertRaises(FileNotFoundError, file.reopen)
        (self.folder / "gone").mkdir()
        file.reopen()
        file.add(b"kept\n")
        file.flush()
        self.assertEqual(self.text("gone/a.log"), "kept\n")

    def test_pipe_that_nobody_reads(self) -> None:
        """A full pipe is not waited for."""
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        file = self.file(bound=1 << 16)
        for _ in range(3):
            file.add(b"x" * 65535 + b"\n")
        self.assertEqual(len(self.told), 1)
        self.assertIn("Resource temporarily unavailable", self.told[0])


class Reopening(FileTestCase):
    """A file that was moved away."""

    def test_reopen(self) -> None:
        """What waited goes to the old file, what comes after to a new one."""
        file = self.file()
        file.add(b"old\n")
        os.rename(self.path, self.folder / "a.log.1")
        file.reopen()
        file.add(b"new\n")
        file.flush()
        self.assertEqual((self.text("a.log.1"), self.text()), ("old\n", "new\n"))

    def test_cannot(self) -> None:
        """Where it cannot be opened the old one goes on."""
        file = self.file()
        os.rename(self.path, self.folder / "a.log.1")
        os.mkdir(self.path)
        self.assertRaises(IsADirectoryError, file.reopen)
        file.add(b"more\n")
        file.flush()
        self.assertEqual(self.text("a.log.1"), "more\n")


class Named(FileTestCase):
    """A path with variables."""

    def files(self) -> NamedFiles:
        """Started, closed at the end."""
        files = NamedFiles(self.told.append)
        self.addCleanup(files.close)
        files.start(self.clock)
        return files

    def add(self, files: NamedFiles, name: str, line: bytes) -> None:
        """A line for the file of that name."""
        files.add(line, os.fsencode(self.folder / name))

    def test_one_write_for_each_file(self) -> None:
        """Lines of a file go together, soon after the first line for any."""
        self.disk()
        files = self.files()
        for name, line in (("a", b"1\n"), ("b", b"2\n"), ("a", b"3\n")):
            self.add(files, name, line)
        self.clock.advance(PAUSE)
        self.assertEqual(self.writes, [b"1\n3\n", b"2\n"])
        self.assertEqual((self.text("a"), self.text("b")), ("1\n3\n", "2\n"))

    def test_nothing_stays_open(self) -> None:
        """A file that is moved away is made again by the next line."""
        files = self.files()
        self.add(files, "a", b"1\n")
        files.flush()
        os.rename(self.folder / "a", self.folder / "b")
        self.add(files, "a", b"2\n")
        files.reopen()
        self.assertEqual((self.text("b"), self.text("a")), ("1\n", "2\n"))

    def test_many_names(self) -> None:
        """What waits is bounded in the number of files, too."""
        files = self.files()
        for number in range(MOST_FILES):
            self.assertEqual(os.listdir(self.folder), [])
            self.add(files, f"{number}", b"x\n")
        self.assertEqual(len(os.listdir(self.folder)), MOST_FILES)

    def test_much(self) -> None:
        """And in bytes."""
        files = self.files()
        self.add(files, "a", b"x" * logfile.MOST_WAITING)
        self.assertEqual(len(self.text("a")), logfile.MOST_WAITING)

    def test_troubles(self) -> None:
        """A name that cannot be, a folder that is not there and a full disk are told once each time it gets bad."""
        self.disk(FULL, 1)
        files = self.files()
        files.add(b"x\n", b"/a\0b")
        files.flush()
        self.add(files, "gone/a", b"x\n")
        files.flush()
        self.add(files, "a", b"x\n")
        files.flush()
        self.add(files, "a", b"yz\n")
        files.flush()
        self.assertEqual(
            self.told, ["open() of a log failed: its name has a NUL while logging requests"], "once"
        )
        self.add(files, "a", b"good\n")
        files.flush()
        self.add(files, "gone/a", b"x\n")
        files.flush()
        self.assertEqual(
            self.told[1:],
            [f'open() "{self.folder}/gone/a" failed (2: No such file or directory) while logging requests'],
        )

    def test_at_once(self) -> None:
        """Before the start and after the end each line is written at once."""
        files = NamedFiles(self.told.append)
        self.add(files, "a", b"1\n")
        self.assertEqual(self.text("a"), "1\n")
        files.start(self.clock)
        self.add(files, "a", b"2\n")
        files.stop()
        self.add(files, "a", b"3\n")
        self.assertEqual(self.text("a"), "1\n2\n3\n")


class CompressedTests(FileTestCase):
    """``access_log … gzip``."""

    def test_members(self) -> None:
        """Each batch is compressed by itself, and all of them together read as one."""
        file = BatchFile(self.path, self.told.append, 100, 1.0, 1)
        self.addCleanup(file.close)
        file.start(self.clock)
        for number in range(20):
            file.add(b"line %d of this log\n" % number)
        self.clock.advance(1.0)
        content = Path(self.path).read_bytes()
        self.assertGreater(content.count(b"\x1f\x8b"), 1)
        self.assertEqual(gzip.decompress(content), b"".join(b"line %d of this log\n" % n for n in range(20)))
        self.assertEqual(self.told, [])
