"""Where lines of the error log go; what goes there is in ``test_errorlog``."""

from __future__ import annotations

import os
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Syslog
from dyups.metrics import syslog
from dyups.metrics.errorfile import LogFile, SyslogLines, make_folder
from tests.metrics.test_syslog import FakeNet


class FileTests(SynchronousTestCase):
    """A file, and its folder."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.mkdir(self.folder)

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def test_folder(self) -> None:
        """The folder is made where only that one is missing; a whole missing prefix is not."""
        make_folder(self.path("logs/error.log"))
        self.assertTrue(os.path.isdir(self.path("logs")))
        make_folder(self.path("not/there/error.log"))
        self.assertFalse(os.path.exists(self.path("not")))

    def test_full_disk(self) -> None:
        """What a full disk refuses is lost; the next line that fits begins on a line of its own."""
        file = LogFile(self.path("a"))
        self.addCleanup(file.close)
        write = os.write
        with mock.patch("os.write", side_effect=lambda fd, data: write(fd, data[:4])):
            file.write(b"entry: torn\n", 4)
        with mock.patch("os.write", side_effect=OSError(28, "No space left on device")):
            file.write(b"entry: lost\n", 4)
        file.write(b"entry: whole\n", 4)
        file.write(b"entry: more\n", 4)
        with open(self.path("a"), "rb") as read:
            self.assertEqual(read.read(), b"entr\nentry: whole\nentry: more\n")

    def test_take_over(self) -> None:
        """A file goes on with another's descriptor, which the other neither writes to nor closes any more."""
        one, two = LogFile(self.path("a")), LogFile(self.path("b"))
        self.addCleanup(one.close)
        before = two.descriptor
        one.take_over(two)
        two.write(b"lost\n", 4)
        two.close()
        one.write(b"x\n", 4)
        self.assertEqual((one.descriptor, two.descriptor), (before, None))
        with open(self.path("b"), "rb") as read:
            self.assertEqual(read.read(), b"x\n")

    def test_closed(self) -> None:
        """What is written to a closed file is nowhere, and nothing fails."""
        file = LogFile(self.path("a"))
        file.close()
        file.write(b"x\n", 4)
        self.assertEqual(os.path.getsize(self.path("a")), 0)


class SyslogLinesTests(SynchronousTestCase):
    """Datagrams."""

    def test_severity(self) -> None:
        """Each level has its severity, whatever ``severity=`` says; the facility is the one configured."""
        net = FakeNet()
        self.patch(syslog, "socket", net)
        lines = SyslogLines(Syslog("127.0.0.1", 514, "", 1 * 8 + 3, "tag", False), self.fail)
        for rank in range(8):
            lines.write(b"x\n", rank)
        self.assertEqual([int(sent[1 : sent.index(b">")]) for sent in net.sent], [*range(15, 7, -1)])
