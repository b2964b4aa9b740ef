"""Certificates, keys and lists, from files or from the configuration itself."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import ConfigError
from dyups.tls.material import (
    RememberingFiles,
    as_file,
    certificates,
    passphrases,
    private_key,
    read_file,
    revocations,
)
from tests.tls.authority import authority, issued

FILES = {
    "/a.crt": issued("a").pem + authority().pem,
    "/a.key": issued("a").key_pem(),
    "/locked.key": issued("a").key_pem(b"second"),
    "/phrases": b"first\r\nsecond\n\n",
    "/crl": authority().revoke(issued("a")) * 2,
    "/empty": b"",
    "/bad": b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n",
}


def files(path: str) -> bytes:
    """Reads from :data:`FILES`."""
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


class Materials(SynchronousTestCase):
    """What is read, and what is said where it cannot be."""

    def message(self, read: object, *arguments: object) -> str:
        """The error of a call."""
        with self.assertRaises(ConfigError) as caught:
            read(*arguments)  # type: ignore[operator]
        return caught.exception.message

    def test_certificates(self) -> None:
        """A chain is all certificates of the text, a file's or the configuration's own."""
        chain = [issued("a").certificate, authority().certificate]
        self.assertEqual(certificates("/a.crt", files), chain)
        self.assertEqual(certificates("data:" + FILES["/a.crt"].decode(), files), chain)

    def test_bad_certificates(self) -> None:
        """nginx's words tell which file, and why."""
        self.assertEqual(
            self.message(certificates, "/none", files),
            'cannot load certificate "/none": BIO_new_file() failed (SSL: error:80000002:system library::'
            "No such file or directory:calling fopen(/none, r) error:10000080:BIO routines::no such file)",
        )
        for path in ("/empty", "/bad"):
            self.assertTrue(
                self.message(certificates, path, files).startswith(
                    f'cannot load certificate "{path}": PEM_read_bio_X509_AUX() failed (SSL: error:'
                )
            )
        self.assertIn("invalid path", self.message(certificates, "/\0", read_file))

    def test_keys(self) -> None:
        """An encrypted key is opened with whichever phrase fits."""
        self.assertEqual(private_key("/a.key", files).public_key(), issued("a").key.public_key())
        self.assertEqual(private_key("/a.key", files, [b"first"]).public_key(), issued("a").key.public_key())
        phrases = passphrases("/phrases", files)
        self.assertEqual(phrases, [b"first", b"second"])
        self.assertEqual(passphrases("", files), [])
        found = private_key("/locked.key", files, phrases)
        self.assertEqual(found.public_key(), issued("a").key.public_key())

    def test_bad_keys(self) -> None:
        """The error tells which file, and never what stood in the configuration."""
        for path, phrases in {"/none": [], "/empty": [], "/a.crt": [], "/locked.key": [b"first"]}.items():
            message = self.message(private_key, path, files, phrases)
            self.assertTrue(message.startswith(f'cannot load certificate key "{path}": '), message)
        self.assertNotIn("secret", self.message(private_key, "data:secret", files))
        self.assertEqual(
            self.message(passphrases, "/none", files), 'open() "/none" failed (2: No such file or directory)'
        )

    def test_revocations(self) -> None:
        """A file may hold the lists of several authorities, and holds at least one."""
        self.assertEqual(len(revocations("/crl", files)), 2)
        for path in ("/empty", "/a.crt"):
            self.assertIn(f'X509_LOOKUP_load_file("{path}") failed', self.message(revocations, path, files))

    def test_files_are_read_once(self) -> None:
        """What has been read stays as it was."""
        with TemporaryDirectory() as folder:
            path = Path(folder, "x")
            path.write_bytes(b"one")
            once = RememberingFiles({"/known": b"known"})
            self.assertEqual([once(str(path)), once("/known")], [b"one", b"known"])
            path.write_bytes(b"two")
            self.assertEqual((once(str(path)), read_file(str(path))), (b"one", b"two"))
            self.assertEqual(once.found, {"/known": b"known", str(path): b"one"})

    def test_as_a_file(self) -> None:
        """What OpenSSL wants to read by path has one, for as long as it is needed."""
        with as_file(b"text") as path:
            self.assertEqual(read_file(path), b"text")
        self.assertFalse(os.path.exists(path))
        self.patch(os.path, "isdir", lambda path: False)
        with as_file(b"text") as path:
            self.assertEqual(read_file(path), b"text")
        self.assertFalse(os.path.exists(path))
