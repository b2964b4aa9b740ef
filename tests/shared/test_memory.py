"""Tests of dyups.shared.memory."""

from __future__ import annotations

import gc
import os

from twisted.trial.unittest import SynchronousTestCase

from dyups.shared.memory import anonymous_file, content, file_with


class MemoryTests(SynchronousTestCase):
    """Files without a name."""

    def opened(self, handle: int) -> int:
        self.addCleanup(os.close, handle)
        return handle

    def test_anonymous_file(self) -> None:
        """It has the size asked for, holds zeros, and children do not inherit it by themselves."""
        handle = self.opened(anonymous_file("test", 10))
        self.assertEqual(os.pread(handle, 100, 0), bytes(10))
        self.assertFalse(os.get_inheritable(handle))

    def test_without_files_in_memory(self) -> None:
        """Where the system has none, a temporary file does the same."""
        self.patch(os, "memfd_create", None)
        handle = self.opened(anonymous_file("test", 10))
        self.assertEqual(os.pread(handle, 100, 0), bytes(10))
        self.assertEqual(os.fstat(handle).st_nlink, 0)

    def test_impossible_size(self) -> None:
        """A size that no file can have is an error, and nothing stays open."""
        gc.collect()  # what other tests have left
        before = len(os.listdir("/proc/self/fd"))
        self.assertRaises(OSError, anonymous_file, "test", -1)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_content(self) -> None:
        """What was put in is read out, again and again: the place of reading is nobody's."""
        data = os.urandom(300_000)
        handle = self.opened(file_with("test", data))
        self.assertEqual((content(handle), content(handle)), (data, data))
