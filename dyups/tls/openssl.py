"""What OpenSSL offers and pyOpenSSL does not: the only module that touches the bindings, as Twisted's ``_sslverify``.

Owns nothing else; whatever is missing in an installed version is said by :class:`ConfigError` or left empty.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from dyups.errors import ConfigError

_lib: Any = lib
_ffi: Any = ffi

#: X509_V_OK, and the errors that ``optional_no_ca`` does not mind (``ngx_ssl_verify_error_optional``).
VERIFY_OK = 0
UNTRUSTED = frozenset({18, 19, 20, 21, 27})
CHAIN_TOO_LONG = 22

#: A peer that ends the connection without a close_notify has ended it all the same, as with nginx.
OP_IGNORE_UNEXPECTED_EOF: int = getattr(lib, "SSL_OP_IGNORE_UNEXPECTED_EOF", 0) or 0
OP_NO_RENEGOTIATION: int = getattr(lib, "SSL_OP_NO_RENEGOTIATION", 0) or 0
MODE_ENABLE_PARTIAL_WRITE = 1
#: The bytes of a fatal alert, for what is refused before anything was said (RFC 8446 section 6).
ALERT = b"\x15\x03\x03\x00\x02\x02%c"
UNRECOGNIZED_NAME = 112


#: One call moves as many bytes at most; what is there beyond takes another.
_AT_ONCE = 1 << 18


class Pipe:
    """The bytes' way through the memory BIOs of one connection.

    pyOpenSSL's own calls copy and check more than the work itself costs, and tell by an exception that there is no more
    to read, which is the ordinary end of every read.  Here that is a return value; every other trouble is still
    pyOpenSSL's exception.  All pipes share one room: they are used in the reactor's thread alone.
    """

    __slots__ = ("_connection", "_into", "_out", "_ssl")

    _room = _ffi.new("char[]", _AT_ONCE)
    _view = _ffi.buffer(_room)

    def __init__(self, connection: SSL.Connection) -> None:
        self._connection = connection
        self._ssl = connection._ssl
        self._into = connection._into_ssl
        self._out = connection._from_ssl

    def feed(self, data: bytes) -> None:
        """Bytes from the network."""
        _lib.BIO_write(self._into, data, len(data))

    def read(self) -> tuple[list[bytes], bool]:
        """The plain bytes that can be read, and whether the peer has said that no more will come."""
        pieces: list[bytes] = []
        _lib.ERR_clear_error()  # what others left there would be taken for ours
        while True:
            size = _lib.SSL_read(self._ssl, self._room, _AT_ONCE)
            if size > 0:
                pieces.append(self._view[:size])
                continue
            reason = _lib.SSL_get_error(self._ssl, size)
            if reason == _lib.SSL_ERROR_WANT_READ:
                return pieces, False
            if reason == _lib.SSL_ERROR_ZERO_RETURN:
                return pieces, True
            self._fail(size, pieces)

    def _fail(self, size: int, pieces: list[bytes]) -> None:
        try:
            self._connection._raise_ssl_error(self._ssl, size)
        except Exception as error:
            raise ReadFailed(pieces, error) from error
        raise ReadFailed(pieces, SSL.Error([]))

    def write(self, data: bytes) -> None:
        """Encrypt ``data``, which is not empty; raises ``SSL.Error``."""
        _lib.ERR_clear_error()
        sent = _lib.SSL_write(self._ssl, data, len(data))
        if sent <= 0:
            self._connection._raise_ssl_error(self._ssl, sent)
        elif sent < len(data):  # only a context that was made elsewhere takes less than all
            self.write(data[sent:])

    def take(self) -> bytes:
        """Bytes for the network; empty where there are none."""
        size = _lib.BIO_read(self._out, self._room, _AT_ONCE)
        if size < _AT_ONCE:
            return self._view[:size] if size > 0 else b""
        pieces: list[bytes] = []
        while size > 0:
            pieces.append(self._view[:size])
            size = _lib.BIO_read(self._out, self._room, _AT_ONCE)
        return b"".join(pieces)


class ReadFailed(Exception):
    """What came cannot be read, after ``pieces`` that could."""

    def __init__(self, pieces: list[bytes], error: Exception) -> None:
        super().__init__(str(error))
        self.pieces = pieces
        self.error = error


def set_curves(context: SSL.Context, curves: str, what: str = "") -> None:
    """``SSL_CTX_set1_curves_list``, or ``what`` does the same; raises ConfigError in nginx's words."""
    if _lib.SSL_CTX_set1_curves_list(context._context, curves.encode()) != 1:
        what = what or f'SSL_CTX_set1_curves_list("{curves}")'
        raise ConfigError(f"{what} failed (SSL: {drain()})")


def drain() -> str:
    """What OpenSSL's error queue holds, in nginx's form; it is empty afterwards."""
    words = []
    while code := _lib.ERR_get_error():
        words.append(f"error:{code:08X}:{_text(_lib.ERR_lib_error_string(code))}::{_reason(code)}")
    return " ".join(words) or "error:no reason"


def _reason(code: int) -> str:
    return _text(_lib.ERR_reason_error_string(code)) or str(_lib.ERR_GET_REASON(code))


def _text(pointer: Any) -> str:
    return "" if pointer == _ffi.NULL else _ffi.string(pointer).decode("utf-8", "replace")


def words_of(error: Exception) -> str:
    """An error of pyOpenSSL's as nginx words it: ``(SSL: error:SSL routines::no shared cipher)``."""
    found: list[str] = []
    for item in error.args[0] if error.args and isinstance(error.args[0], list) else ():
        library, _, reason = item
        found.append(f"error:{library}::{reason}")
    return f"(SSL: {' '.join(found)})" if found else f"({type(error).__name__}: {error})"


def verify_error_string(number: int) -> str:
    """``X509_verify_cert_error_string``."""
    return _text(_lib.X509_verify_cert_error_string(number))


def session_reused(connection: SSL.Connection) -> bool:
    """Was a session resumed."""
    return bool(_lib.SSL_session_reused(connection._ssl))


def session_id(connection: SSL.Connection) -> bytes:
    """The session's identifier; empty where there is none.

    There is no accessor in the bindings, but the session's DER has it (``SSL_SESSION_ASN1``): version, protocol,
    cipher, then the identifier.
    """
    session = connection.get_session()
    if session is None:
        return b""
    pointer = session._session
    size = _lib.i2d_SSL_SESSION(pointer, _ffi.NULL)
    if size <= 0:
        return b""
    room = _ffi.new("unsigned char[]", size)
    _lib.i2d_SSL_SESSION(pointer, _ffi.new("unsigned char **", room))
    return _fourth(bytes(_ffi.buffer(room, size)))


def _fourth(der: bytes) -> bytes:
    """The fourth element of a DER sequence."""
    value = _element(der, 0)[0]
    position = 0
    for _ in range(3):
        position = _element(value, position)[1]
    return _element(value, position)[0]


def _element(der: bytes, start: int) -> tuple[bytes, int]:
    """The value of the element at ``start``, and where the next begins."""
    size = der[start + 1]
    begin = start + 2
    if size & 0x80:
        count = size & 0x7F
        size = int.from_bytes(der[begin : begin + count], "big")
        begin += count
    return der[begin : begin + size], begin + size
