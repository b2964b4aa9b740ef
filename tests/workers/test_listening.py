"""All listening sockets or none; UNIX sockets in the tests' own folder stand for all kinds."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Listen, LocationSettings, Server, ServerSettings
from dyups.interfaces import UnixAddress
from dyups.workers.listening import close_all, open_all

SERVER = Server((), ServerSettings(), LocationSettings())


class OpenTests(SynchronousTestCase):
    """Opening and closing."""

    def setUp(self) -> None:
        # The path of a UNIX socket is short by law: trial's own folder may be too deep.
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def listen(self, name: str) -> Listen:
        """``listen unix:…``."""
        return Listen(UnixAddress(str(self.folder / name)), (SERVER,), SERVER)

    def left_behind(self, name: str) -> Path:
        """The file of a socket whose process was killed."""
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(self.folder / name))
            dead.listen()
        return self.folder / name

    def refused(self, *names: str) -> OSError:
        """The error of opening these."""
        return self.assertRaises(OSError, open_all, [self.listen(name) for name in names])

    def test_in_order(self) -> None:
        """One socket for each, in order; closing removes the files."""
        opened = open_all([self.listen("a"), self.listen("b")])
        self.assertEqual([sock.getsockname()[-1] for sock in opened], ["a", "b"])
        close_all(opened)
        self.assertEqual(os.listdir(self.folder), [])

    def test_all_or_none(self) -> None:
        """The second cannot be opened: the first is closed again, and the error names the address."""
        error = self.refused("a", "no/b")
        self.assertEqual(error.errno, errno.ENOENT)
        self.assertEqual(error.filename, f"unix:{self.folder}/no/b")
        self.assertEqual(os.listdir(self.folder), [])

    def test_in_use(self) -> None:
        """Somebody listens there: EADDRINUSE, and that one goes on."""
        opened = open_all([self.listen("a")])
        self.assertEqual(self.refused("a").errno, errno.EADDRINUSE)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.folder / "a"))
        close_all(opened)

    def test_left_behind_by_a_killed_process(self) -> None:
        """Nobody listens there any more: it is replaced, so that a start after ``kill -9`` comes up."""
        path = self.left_behind("a")
        opened = open_all([self.listen("a")])
        self.addCleanup(close_all, opened)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))

    def test_something_else(self) -> None:
        """A file that is no socket is never removed."""
        (self.folder / "a").write_text("precious")
        self.assertEqual(self.refused("a").errno, errno.EADDRINUSE)
        self.assertTrue(stat.S_ISREG((self.folder / "a").stat().st_mode))

    def test_a_link_is_not_followed(self) -> None:
        """Nor is a link to a dead socket."""
        (self.folder / "a").symlink_to(self.left_behind("dead"))
        self.assertEqual(self.refused("a").errno, errno.EADDRINUSE)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a", "dead"])
