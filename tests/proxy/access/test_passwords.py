"""Password files."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.access import passwords
from dyups.proxy.access.passwords import PasswordFiles, Verdict, parse

#: ``secret``, as ``openssl passwd`` and ``crypt(3)`` have it.
HASHES = {
    "apr1": "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0",
    "md5": "$1$saltsalt$9xy1btjgzLYfb7hivXtC//",
    "sha256": "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
    "sha512": "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
    "crypt": "rqkgm0IXRZd2Y",
    "sha1": "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
}


class Threads:
    """Counts what was done on a thread; does it at once, or when told."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, call: Any) -> Deferred[Any]:
        self.calls += 1
        return maybeDeferred(call)


class Files(SynchronousTestCase):
    """Files as they are read and remembered."""

    def setUp(self) -> None:
        self.threads = Threads()
        self.files = PasswordFiles(self.threads)
        self.path = os.path.abspath(self.mktemp())

    def write(self, text: str) -> None:
        with open(self.path, "w") as file:
            file.write(text)

    def verdict(self, user: bytes, password: bytes) -> Verdict:
        found = self.files.check(self.path, user, password)
        return found if isinstance(found, Verdict) else self.successResultOf(found)

    def test_plain(self) -> None:
        """Names and passwords as they stand; a name that is not there is told apart from a wrong password."""
        self.write("# people\nann:{PLAIN}a b:and more\nbob:{PLAIN}\n")
        self.assertIs(self.verdict(b"ann", b"a b"), Verdict.RIGHT)
        self.assertIs(self.verdict(b"ann", b"a b:and more"), Verdict.WRONG)
        self.assertIs(self.verdict(b"bob", b""), Verdict.RIGHT)
        self.assertIs(self.verdict(b"eve", b""), Verdict.UNKNOWN)
        self.assertIs(self.verdict(b"# people", b""), Verdict.UNKNOWN)

    def test_schemes(self) -> None:
        """Every scheme that htpasswd and friends write is understood."""
        from passlib.registry import get_crypt_handler

        for scheme, options in {
            "bcrypt": {"rounds": 4},
            "sha512_crypt": {"rounds": 1000},
            "sha256_crypt": {"rounds": 1000},
            "apr_md5_crypt": {},
            "md5_crypt": {},
            "ldap_sha1": {},
            "ldap_salted_sha1": {},
            "des_crypt": {},
        }.items():
            hashed = get_crypt_handler(scheme).using(**options).hash("secret")
            self.assertIs(self.files.verify(hashed.encode(), b"secret"), Verdict.RIGHT, scheme)
            self.assertIs(self.files.verify(hashed.encode(), b"Secret"), Verdict.WRONG, scheme)

    def test_made_elsewhere(self) -> None:
        """What other programs made is understood."""
        for scheme, hashed in HASHES.items():
            self.assertIs(self.files.verify(hashed.encode(), b"secret"), Verdict.RIGHT, scheme)
            self.assertIs(self.files.verify(hashed.encode(), b"public"), Verdict.WRONG, scheme)

    def test_bcrypt_of_apache(self) -> None:
        """``htpasswd -B`` writes ``$2y$``; bcrypt reads 72 bytes of a password and no more."""
        from passlib.hash import bcrypt

        hashed = bcrypt.using(rounds=4, ident="2y").hash("x" * 72).encode()
        self.assertIs(self.files.verify(hashed, b"x" * 80), Verdict.RIGHT)

    def test_odd_hashes(self) -> None:
        """A hash of no known kind, or a spoilt one, is nobody's password; NUL is in no password."""
        for hashed in (b"", b"secret", b"{SHA}not base64!", b"$9$x$y"):
            self.assertIs(self.files.verify(hashed, b"secret"), Verdict.UNREADABLE, hashed)
        self.assertIs(self.files.verify(b"$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", b"a\0b"), Verdict.WRONG)

    def test_remembered(self) -> None:
        """The file is read once and each password is checked once, off the thread that serves."""
        self.write("ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
        for _ in range(3):
            self.assertIs(self.verdict(b"ann", b"secret"), Verdict.RIGHT)
            self.assertIs(self.verdict(b"ann", b"other"), Verdict.WRONG)
        self.assertEqual(self.threads.calls, 3)

    def test_changed(self) -> None:
        """A file that was changed is read again."""
        self.write("ann:{PLAIN}one\n")
        self.assertIs(self.verdict(b"ann", b"one"), Verdict.RIGHT)
        self.write("ann:{PLAIN}another\n")
        self.assertIs(self.verdict(b"ann", b"one"), Verdict.WRONG)
        self.assertIs(self.verdict(b"ann", b"another"), Verdict.RIGHT)

    def test_missing(self) -> None:
        """A file that is not there is an OSError."""
        self.assertRaises(FileNotFoundError, self.files.check, self.path, b"a", b"b")

    def test_bounded(self) -> None:
        """Guesses do not fill the memory."""
        self.patch(passwords, "MOST_VERDICTS", 4)
        self.write("ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
        for number in range(20):
            self.verdict(b"ann", b"%d" % number)
        self.assertLessEqual(len(self.files._verdicts), 4)

    def test_lines(self) -> None:
        """The first line of a name counts; line ends may be CRLF, a third column is no part of the hash."""
        self.assertEqual(parse(b"a:1\r\na:2\n\r\n:x\nb:3:y"), {b"a": b"1", b"": b"x", b"b": b"3"})
