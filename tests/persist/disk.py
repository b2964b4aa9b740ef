"""A disk in memory that fills up, fails and loses power, for the tests of everything that must survive that.

What a program sees is the page cache; what a power cut leaves is anything between that and what was synced.  After a
failed ``fsync`` the pages count as clean (as on Linux): a later ``fsync`` of the same file succeeds and saves nothing.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from random import Random

from dyups.persist.files import Files, Stamp


class PowerCut(Exception):
    """The machine is off.  Not an OSError: nobody handles it."""


@dataclass(slots=True)
class Node:
    """A file: what programs see, and what is on the platter."""

    number: int
    mode: int
    seen: bytes = b""
    saved: bytes = b""
    lost: bool = False
    modified: int = 0

    def after_cut(self, random: Random) -> bytes:
        """One of the contents that a power cut may leave."""
        choices = [self.saved, self.seen]
        if self.seen.startswith(self.saved):
            choices.append(self.seen[: random.randint(len(self.saved), len(self.seen))])
        return random.choice(choices)


@dataclass(slots=True)
class Disk(Files):
    """See the module.  ``fail`` maps the number of a step to an errno; ``cut`` is the step at which power goes."""

    names: dict[str, Node] = field(default_factory=dict)
    saved_names: dict[str, Node] = field(default_factory=dict)
    folder_log: list[dict[str, Node]] = field(default_factory=list)
    handles: dict[int, Node] = field(default_factory=dict)
    fail: dict[int, int] = field(default_factory=dict)
    fail_calls: dict[str, int] = field(default_factory=dict)
    """Every call of that name fails with that errno, until it is taken out."""
    cut: int | None = None
    room: int | None = None
    step: int = 0
    numbers: int = 0

    def put(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """A file that has been there for long."""
        self.numbers += 1
        node = Node(self.numbers, mode, data, data, modified=self.numbers)
        self.names[path] = node
        self.saved_names[path] = node

    def content(self, path: str) -> bytes:
        """What a program reads there."""
        return self.names[path].seen

    def _enter(self, call: str) -> None:
        self.step += 1
        if self.cut is not None and self.step >= self.cut:
            raise PowerCut(call)
        number = self.fail.pop(self.step, 0) or self.fail_calls.get(call, 0)
        if number:
            raise OSError(number, f"{call} fails")

    def _node(self, path: str) -> Node:
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        return self.names[path]

    def _changed(self) -> None:
        self.folder_log.append(dict(self.names))

    def read(self, path: str) -> tuple[bytes, Stamp]:
        self._enter("read")
        node = self._node(path)
        return node.seen, self._stamp_of(node)

    def stamp(self, path: str) -> Stamp | None:
        return self._stamp_of(self.names[path]) if path in self.names else None

    def _stamp_of(self, node: Node) -> Stamp:
        return Stamp(node.number, len(node.seen), node.modified, node.mode)

    def create(self, path: str, mode: int) -> int:
        self._enter("create")
        if path in self.names:
            raise FileExistsError(errno.EEXIST, "File exists", path)
        self.numbers += 1
        node = self.names[path] = Node(self.numbers, mode)
        self._changed()
        return self._open(node)

    def append_to(self, path: str) -> int:
        self._enter("append_to")
        return self._open(self._node(path))

    def _open(self, node: Node) -> int:
        self.numbers += 1
        self.handles[self.numbers] = node
        return self.numbers

    def write(self, handle: int, data: bytes) -> int:
        node = self.handles[handle]
        try:
            self._enter("write")
        except (PowerCut, OSError):
            node.seen += data[: len(data) // 2]
            raise
        if self.room is None:
            node.seen += data
            return len(data)
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = data[: self.room]
        self.room -= len(taken)
        node.seen += taken
        return len(taken)

    def truncate(self, handle: int, size: int) -> None:
        self._enter("truncate")
        node = self.handles[handle]
        if self.room is not None:
            self.room += len(node.seen) - size
        node.seen = node.seen[:size]

    def fsync(self, handle: int) -> None:
        node = self.handles[handle]
        try:
            self._enter("fsync")
        except OSError:
            node.lost = True
            raise
        if not node.lost:
            node.saved = node.seen

    def close(self, handle: int) -> None:
        del self.handles[handle]

    def rename(self, old: str, new: str) -> None:
        self._enter("rename")
        node = self._node(old)
        self.numbers += 1
        node.modified = self.numbers
        if self.room is not None and new in self.names:
            self.room += len(self.names[new].seen)
        del self.names[old]
        self.names[new] = node
        self._changed()

    def fsync_folder(self, path: str) -> None:
        self._enter("fsync_folder")
        self.saved_names = dict(self.names)
        self.folder_log.clear()

    def remove(self, path: str) -> None:
        self._enter("remove")
        node = self._node(path)
        if self.room is not None:
            self.room += len(node.seen)
        del self.names[path]
        self._changed()

    def target(self, path: str) -> str:
        return path

    def killed(self) -> Disk:
        """The disk that the next process finds after ``kill -9``: what was written is there."""
        after = Disk()
        for path, node in self.names.items():
            after.put(path, node.seen, node.mode)
        return after

    def powered_again(self, random: Random) -> Disk:
        """A disk that the machine may find after a power cut: folder changes in order, but perhaps not all."""
        names = random.choice([self.saved_names, *self.folder_log])
        after = Disk()
        for path, node in names.items():
            after.put(path, node.after_cut(random), node.mode)
        return after
