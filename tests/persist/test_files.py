"""Tests of dyups.persist.files, on a real folder."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from dyups.persist.files import ASIDE, Files, install, write_all
from tests.persist.disk import Disk


class FilesTests(SynchronousTestCase):
    """The operating system's files behave as the journal and the dump need them."""

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "file")
        self.files = Files()

    def test_install(self) -> None:
        """A file that was not there appears whole with its mode, and nothing is left beside it."""
        install(self.files, self.path, b"content", 0o640)
        data, stamp = self.files.read(self.path)
        self.assertEqual((data, stamp.mode, stamp.size), (b"content", 0o640, 7))
        self.assertEqual(os.listdir(self.folder), ["file"])

    def test_replaced_file_has_another_stamp(self) -> None:
        """A replaced file is told from the one before even where size and time are the same."""
        install(self.files, self.path, b"one", 0o600)
        before = self.files.stamp(self.path)
        install(self.files, self.path, b"two", 0o600)
        self.assertNotEqual(self.files.stamp(self.path), before)

    def test_link_is_followed(self) -> None:
        """A symbolic link stays one; the file that it leads to is replaced."""
        link = os.path.join(self.folder, "link")
        install(self.files, self.path, b"one", 0o600)
        os.symlink("file", link)
        install(self.files, link, b"two", 0o600)
        self.assertTrue(os.path.islink(link))
        self.assertEqual(self.files.read(self.path)[0], b"two")

    def test_link_in_the_way(self) -> None:
        """A symbolic link under the name of the file aside is not written through."""
        os.symlink("elsewhere", self.path + ASIDE)
        install(self.files, self.path, b"two", 0o600)
        self.assertEqual(os.listdir(self.folder), ["file"])
        self.assertFalse(os.path.exists(os.path.join(self.folder, "elsewhere")))

    def test_left_over_file_aside(self) -> None:
        """What a crash left aside is written over, whatever its mode."""
        with open(self.path + ASIDE, "wb") as file:
            file.write(b"half of something much longer")
        install(self.files, self.path, b"whole", 0o644)
        data, stamp = self.files.read(self.path)
        self.assertEqual((data, stamp.mode), (b"whole", 0o644))

    def test_create(self) -> None:
        """A file that is there is not written into by mistake."""
        install(self.files, self.path, b"one", 0o600)
        self.assertRaises(FileExistsError, self.files.create, self.path, 0o600)

    def test_append(self) -> None:
        """Appended bytes stand at the end, also after the file was cut."""
        install(self.files, self.path, b"one", 0o600)
        handle = self.files.append_to(self.path)
        write_all(self.files, handle, b" two")
        self.files.truncate(handle, 3)
        write_all(self.files, handle, b" three")
        self.files.fsync(handle)
        self.files.close(handle)
        self.assertEqual(self.files.read(self.path)[0], b"one three")

    def test_nothing_there(self) -> None:
        """A file that is not there has no stamp, cannot be read, and cannot be appended to."""
        self.assertIsNone(self.files.stamp(self.path))
        self.assertRaises(FileNotFoundError, self.files.read, self.path)
        self.assertRaises(FileNotFoundError, self.files.append_to, self.path)


class InstallFaultTests(SynchronousTestCase):
    """A file is replaced whole or not at all."""

    def test_every_step_may_fail(self) -> None:
        """Whatever step fails, the old content or the new is there, and nothing half; the error is told."""
        for step in range(1, 7):
            disk = Disk(fail={step: errno.EIO})
            disk.put("/d/file", b"old")
            self.assertRaises(OSError, install, disk, "/d/file", b"new", 0o600)
            self.assertIn(disk.content("/d/file"), (b"old", b"new"))
            self.assertEqual([*disk.names], ["/d/file"])
            self.assertEqual(disk.handles, {})

    def test_file_aside_that_cannot_be_removed(self) -> None:
        """A file aside whose fsync failed is not written into again, even where it could not be removed at once."""
        disk = Disk(fail={4: errno.EIO, 5: errno.EIO})
        disk.put("/d/file", b"old")
        self.assertRaises(OSError, install, disk, "/d/file", b"new", 0o600)
        self.assertEqual([*disk.names], ["/d/file", "/d/file" + ASIDE])
        install(disk, "/d/file", b"new", 0o600)
        self.assertEqual((disk.names["/d/file"].saved, [*disk.names]), (b"new", ["/d/file"]))

    def test_short_writes(self) -> None:
        """A disk that takes a few bytes less than all is full: the old content stays."""
        disk = Disk(room=2)
        disk.put("/d/file", b"old")
        error = self.assertRaises(OSError, install, disk, "/d/file", b"new", 0o600)
        self.assertEqual(error.errno, errno.ENOSPC)
        self.assertEqual(disk.killed().content("/d/file"), b"old")
        self.assertEqual(disk.room, 2)
