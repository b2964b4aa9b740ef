"""The number of the process in a file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.workers.pidfile import PidFile


class PidFileTests(SynchronousTestCase):
    """From the start of a service to its end."""

    def setUp(self) -> None:
        self.folder = Path(os.path.abspath(self.mktemp()))
        self.folder.mkdir()
        self.path = self.folder / "logs/dyups.pid"

    def started(self) -> PidFile:
        """A pid file whose service has started."""
        service = PidFile(str(self.path))
        service.privilegedStartService()
        service.startService()
        return service

    def test_life(self) -> None:
        """Not there until the process has its final number, then the number and a newline, then gone."""
        service = PidFile(str(self.path))
        self.assertFalse(self.path.exists())
        service.privilegedStartService()
        self.assertEqual(self.path.read_text(), f"{os.getpid()}\n")
        service.startService()
        service.stopService()
        self.assertFalse(self.path.exists())

    def test_left_behind(self) -> None:
        """What an earlier process left, and be it a number that runs or rubbish, is overwritten."""
        self.path.parent.mkdir()
        for text in ("1\n", "rubbish and more of it"):
            self.path.write_text(text)
            service = self.started()
            self.assertEqual(self.path.read_text(), f"{os.getpid()}\n")
            service.stopService()

    def test_there_before(self) -> None:
        """A file that was there is tried as well, and stays as it was."""
        self.path.parent.mkdir()
        for text in ("", "1\n"):
            self.path.write_text(text)
            PidFile(str(self.path))
            self.assertEqual(self.path.read_text(), text)

    def test_somebody_elses(self) -> None:
        """A file that has another number by now, or none, belongs to another process and stays."""
        for text in ("1\n", "", "rubbish"):
            service = self.started()
            self.path.write_text(text)
            service.stopService()
            self.assertEqual(self.path.read_text(), text)

    def test_already_gone(self) -> None:
        """Somebody removed it: nothing is left to do."""
        service = self.started()
        self.path.unlink()
        service.stopService()
        self.assertFalse(self.path.exists())

    def test_folders(self) -> None:
        """One missing folder is made; a missing prefix is not, and opening says which file it is about."""
        path = str(self.folder / "no/where/dyups.pid")
        error = self.assertRaises(FileNotFoundError, PidFile, path)
        self.assertEqual(error.filename, path)
        self.assertEqual(os.listdir(self.folder), [])

    def test_full_disk(self) -> None:
        """A disk without room for a number is found out at once, as a file that cannot be opened is."""
        self.full()
        error = self.assertRaises(OSError, PidFile, str(self.path))
        self.assertEqual((error.errno, error.filename), (errno.ENOSPC, str(self.path)))

    def test_nobody_to_tell(self) -> None:
        """Who handed nothing in gets the error itself."""
        service = PidFile(str(self.path))
        self.full()
        self.assertRaises(OSError, service.privilegedStartService)

    def test_full_since(self) -> None:
        """Where the disk has become full since, whoever ends the process is told, and no empty file is left."""
        told: list[OSError] = []
        service = PidFile(str(self.path), told.append)  # type: ignore[arg-type]
        self.full()
        service.privilegedStartService()
        self.assertEqual([(error.errno, error.filename) for error in told], [(errno.ENOSPC, str(self.path))])
        self.assertFalse(self.path.exists())

    def full(self) -> None:
        """From now on nothing can be written."""

        def write(handle: int, data: bytes) -> int:
            if data:
                raise OSError(errno.ENOSPC, "No space left on device")
            return 0

        self.patch(os, "write", write)
