"""Certificates, keys, passphrases and revocation lists as the configuration names them.

Owns where they come from (a file, or the text itself behind ``data:``), their decoding, and nginx's words for what is
wrong with them.  ``contexts`` and ``terms`` put them into contexts.

The master reads every file once per configuration (:class:`RememberingFiles`) and hands the contents to its workers, so
that a worker that is started later has what the reload had, whatever has become of the files.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from dyups.errors import ConfigError

#: The content of a file by its path; raises OSError.
Files = Callable[[str], bytes]

DATA = "data:"


def read_file(path: str) -> bytes:
    """The file as it is now."""
    with open(path, "rb") as file:
        return file.read()


class RememberingFiles:
    """Reads files, each once, and remembers what stood in them."""

    def __init__(self, found: Mapping[str, bytes] | None = None) -> None:
        self.found: dict[str, bytes] = dict(found or {})

    def __call__(self, path: str) -> bytes:
        """See :data:`Files`."""
        content = self.found.get(path)
        if content is None:
            content = self.found[path] = read_file(path)
        return content


def of_source(source: str, files: Files, what: str) -> bytes:
    """What ``source`` names; ``what`` begins the error.  Raises ConfigError in nginx's words."""
    if source.startswith(DATA):
        return source[len(DATA) :].encode("utf-8", "surrogateescape")
    try:
        return files(source)
    except OSError as error:
        raise ConfigError(f"{_failed(what, 'BIO_new_file')} {_as_openssl(error, source)}") from None
    except ValueError:  # a NUL in the path
        raise ConfigError(f"{what}: invalid path") from None


def _failed(what: str, function: str) -> str:
    """``what`` failed in ``function``, unless it says itself which one that was."""
    return what if what.endswith(" failed") else f"{what}: {function}() failed"


def _as_openssl(error: OSError, path: str) -> str:
    number = 0x80000000 + (error.errno or 0)
    return (
        f"(SSL: error:{number:08X}:system library::{error.strerror}:calling fopen({path}, r) "
        "error:10000080:BIO routines::no such file)"
    )


def certificates(source: str, files: Files, what: str = "") -> list[x509.Certificate]:
    """The certificates of a chain or of a file of CAs, at least one.  Raises ConfigError."""
    what = what or f'cannot load certificate "{source}"'
    try:
        found = x509.load_pem_x509_certificates(of_source(source, files, what))
    except ValueError as error:
        raise ConfigError(f"{_failed(what, 'PEM_read_bio_X509_AUX')} (SSL: {_reason(error)})") from None
    return found


def revocations(source: str, files: Files) -> list[x509.CertificateRevocationList]:
    """The lists of revoked certificates in a file, at least one.  Raises ConfigError."""
    what = f'X509_LOOKUP_load_file("{source}") failed'
    content = of_source(source, files, what)
    end = b"-----END X509 CRL-----"
    pieces = [piece + end for piece in content.split(end)[:-1]]
    try:
        found = [x509.load_pem_x509_crl(piece) for piece in pieces]
    except ValueError as error:
        raise ConfigError(f"{what} (SSL: {_reason(error)})") from None
    if not found:
        raise ConfigError(f"{what} (SSL: error:PEM routines::no start line)")
    return found


def passphrases(source: str, files: Files) -> list[bytes]:
    """The lines of ``ssl_password_file``; none where there is no such file.  Raises ConfigError."""
    if not source:
        return []
    try:
        content = files(source)
    except OSError as error:
        message = f'open() "{source}" failed ({error.errno}: {error.strerror})'
        raise ConfigError(message) from None
    return [line.removesuffix(b"\r") for line in content.split(b"\n") if line.removesuffix(b"\r")]


def private_key(source: str, files: Files, phrases: Sequence[bytes] = ()) -> PrivateKeyTypes:
    """A key, encrypted or not.  Raises ConfigError."""
    what = f'cannot load certificate key "{source if not source.startswith(DATA) else DATA}"'
    content = of_source(source, files, what)
    error: Exception = ValueError("no start line")
    for phrase in (None, *phrases):
        try:
            return load_pem_private_key(content, phrase)
        except (
            ValueError,
            TypeError,
        ) as failure:  # TypeError: encrypted and no phrase, or the other way round
            if phrase is None or not isinstance(failure, TypeError):
                error = failure
        except Exception as failure:  # UnsupportedAlgorithm and whatever else the library does not know
            error = failure
    raise ConfigError(f"{what}: PEM_read_bio_PrivateKey() failed (SSL: {_reason(error)})") from None


def _reason(error: Exception) -> str:
    text = str(error).partition("\n")[0].partition(". See")[0]
    return f"error:PEM routines::{text}"


@contextlib.contextmanager
def as_file(content: bytes) -> Iterator[str]:
    """The path of a file that holds ``content`` while the block runs: OpenSSL reads some things by path only."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        handle = os.memfd_create("dyups-tls")
        try:
            os.write(handle, content)
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name
