"""Which row of a ledger belongs to a key: a hash table in shared memory that one process writes and others read.

An entry is one word: 0 for nothing, the row's number and one, or what is left of a row that was taken away.  A word is
written by one machine instruction and after the row that it names, so a reader finds a key or not, never half of it.
The keys themselves stand in the rows, as digests: ``ledger`` has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Final

#: Bytes of a key's digest.
DIGEST: Final = 16
#: Entries for each row that there may be: so searches stay short.
SPARE: Final = 4
_NOTHING: Final = 0
_GONE: Final = 0xFFFFFFFF


def digest_of(key: bytes) -> bytes:
    """What stands for ``key``."""
    return blake2b(key, digest_size=DIGEST).digest()


class Directory:
    """The table in ``words``, whose number is a power of two; ``digest_at`` reads a row's digest."""

    __slots__ = ("_digest_at", "_mask", "_words")

    def __init__(self, words: memoryview, digest_at: Callable[[int], bytes]) -> None:
        self._words = words
        self._mask = len(words) - 1
        self._digest_at = digest_at

    def find(self, digest: bytes) -> int:
        """The row of the key with that digest; -1 where it has none."""
        for place in self._places(digest):
            word = self._words[place]
            if word == _NOTHING:
                break
            if word != _GONE and self._digest_at(word - 1) == digest:
                return word - 1
        return -1

    def add(self, digest: bytes, row: int) -> None:
        """Have ``row``, which holds the digest already, found.  That there is room is the caller's business."""
        for place in self._places(digest):
            if self._words[place] in (_NOTHING, _GONE):
                self._words[place] = row + 1
                return

    def remove(self, digest: bytes) -> None:
        """Have the key found no more."""
        words, mask = self._words, self._mask
        for place in self._places(digest):
            word = words[place]
            if word == _NOTHING:
                return
            if word != _GONE and self._digest_at(word - 1) == digest:
                words[place] = _GONE
                # What ends no search any more need not go on being passed over.
                while words[place] == _GONE and words[(place + 1) & mask] == _NOTHING:
                    words[place] = _NOTHING
                    place = (place - 1) & mask
                return

    def _places(self, digest: bytes) -> Iterator[int]:
        """Where the key may stand, in the order in which to look."""
        mask = self._mask
        start = int.from_bytes(digest[:8], "little")
        for step in range(mask + 1):
            yield (start + step) & mask

    def close(self) -> None:
        """Let go of the memory."""
        self._words.release()
