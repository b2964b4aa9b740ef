"""Password files of ``auth_basic_user_file``: who has which password, checked off the reactor's thread.

A file is read again when it has changed.  What was found of a password is remembered for a while in a bounded table,
under a digest that is worth nothing outside of this process, so that bcrypt is not paid for each request.  ``auth``
asks.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from passlib.context import CryptContext
from twisted.internet.defer import Deferred

#: How many verdicts and how many files are remembered.
MOST_VERDICTS = 1024
MOST_FILES = 64
#: bcrypt reads no further, and its library refuses longer passwords rather than cut them.
_BCRYPT_READS = 72
_PLAIN = b"{PLAIN}"
_SCHEMES = (
    "bcrypt",
    "sha512_crypt",
    "sha256_crypt",
    "apr_md5_crypt",
    "md5_crypt",
    "ldap_sha1",
    "ldap_salted_sha1",
    "des_crypt",
)

#: Runs a call on a thread.
InThread = Callable[[Callable[[], Any]], "Deferred[Any]"]


class Verdict(Enum):
    """What became of a name and a password."""

    RIGHT = "right"
    UNKNOWN = "unknown user"
    WRONG = "wrong password"
    UNREADABLE = "the hash of the password is of no known kind"


class _File(NamedTuple):
    """A password file as it was read; ``stamp`` tells whether it has changed since."""

    stamp: tuple[int, int, int]
    hashes: dict[bytes, bytes]


class PasswordFiles:
    """All password files of a process."""

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._secret = os.urandom(32)
        self._files: dict[str, _File] = {}
        self._verdicts: dict[bytes, Verdict] = {}
        # apr1 and crypt are what people have; whether they should is not for us to say.
        self._context: Any = CryptContext(_SCHEMES)

    def check(self, path: str, user: bytes, password: bytes) -> Verdict | Deferred[Verdict]:
        """Is it the password of ``user`` in the file at ``path``; at once where that is known.

        Raises OSError, or has the Deferred fail with it, where the file cannot be read.
        """
        stamp = _stamp(path)
        file = self._files.get(path)
        if file is None or file.stamp != stamp:
            return self._in_thread(lambda: _read(path)).addCallback(self._fresh, path, user, password)
        return self._look(file, user, password)

    def _fresh(self, file: _File, path: str, user: bytes, password: bytes) -> Verdict | Deferred[Verdict]:
        if len(self._files) >= MOST_FILES:
            self._files.clear()
        self._files[path] = file
        return self._look(file, user, password)

    def _look(self, file: _File, user: bytes, password: bytes) -> Verdict | Deferred[Verdict]:
        hashed = file.hashes.get(user)
        if hashed is None:
            return Verdict.UNKNOWN
        if hashed.startswith(_PLAIN):
            same = hmac.compare_digest(hashed[len(_PLAIN) :], password)
            return Verdict.RIGHT if same else Verdict.WRONG
        key = hmac.digest(self._secret, b"%d:%b%b" % (len(hashed), hashed, password), hashlib.sha256)
        known = self._verdicts.get(key)
        if known is not None:
            return known
        return self._in_thread(lambda: self.verify(hashed, password)).addCallback(self._remember, key)

    def _remember(self, verdict: Verdict, key: bytes) -> Verdict:
        if len(self._verdicts) >= MOST_VERDICTS:
            self._verdicts.clear()
        self._verdicts[key] = verdict
        return verdict

    def verify(self, hashed: bytes, password: bytes) -> Verdict:
        """Is ``password`` what ``hashed`` was made of; takes its time."""
        text = hashed.decode("latin-1")
        try:
            if self._context.identify(text) == "bcrypt":
                password = password[:_BCRYPT_READS]
            return Verdict.RIGHT if self._context.verify(password, text) else Verdict.WRONG
        except (ValueError, TypeError):  # no known kind, or a known one that is spoilt
            return Verdict.WRONG if b"\0" in password else Verdict.UNREADABLE


def _stamp(path: str) -> tuple[int, int, int]:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: str) -> _File:
    stamp = _stamp(path)
    with open(path, "rb") as file:
        return _File(stamp, parse(file.read()))


def parse(text: bytes) -> dict[bytes, bytes]:
    """The hashes by user, as nginx reads such a file: the first line of a name counts, ``#`` begins a comment."""
    hashes: dict[bytes, bytes] = {}
    for line in text.split(b"\n"):
        user, colon, rest = line.partition(b":")
        if colon and not line.startswith((b"#", b"\r")):
            hashes.setdefault(user, rest.partition(b":")[0].partition(b"\r")[0])
    return hashes
