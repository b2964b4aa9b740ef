"""What a client offers in its ClientHello (RFC 8446 section 4.1.2): cipher suites and groups, for ``$ssl_ciphers`` and
``$ssl_curves``.

OpenSSL knows, but pyOpenSSL has no way to ask; the bytes are at hand.  Whatever they are, reading them gives lists,
maybe empty, and never fails: OpenSSL is who judges a hello.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import NamedTuple

_SUPPORTED_GROUPS = 10
#: RFC 8446 section 4.2.7 and IANA's list, by OpenSSL's names.
_GROUPS = {
    0x0013: "prime192v1",
    0x0015: "secp224r1",
    0x0017: "prime256v1",
    0x0018: "secp384r1",
    0x0019: "secp521r1",
    0x001A: "brainpoolP256r1",
    0x001B: "brainpoolP384r1",
    0x001C: "brainpoolP512r1",
    0x001D: "X25519",
    0x001E: "X448",
    0x0100: "ffdhe2048",
    0x0101: "ffdhe3072",
    0x0102: "ffdhe4096",
    0x0103: "ffdhe6144",
    0x0104: "ffdhe8192",
    0x11EB: "SecP256r1MLKEM768",
    0x11EC: "X25519MLKEM768",
    0x11ED: "SecP384r1MLKEM1024",
}
#: OpenSSL's names of a group that was agreed on, to the ones that nginx shows.
_SHOWN = {name.lower(): name for name in _GROUPS.values()} | {
    "secp192r1": "prime192v1",
    "secp256r1": "prime256v1",
}


class Hello(NamedTuple):
    """What was offered, by IANA's numbers, in the client's order."""

    ciphers: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()


class _Reader:
    """Bytes that are taken from the front; too short a text raises IndexError."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.data):
            raise IndexError("too short")
        found = self.data[self.position : end]
        self.position = end
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))


def read_hello(data: bytes) -> Hello:
    """The offers in ``data``, the first bytes of a connection."""
    try:
        return _read(_Reader(_handshake(data)))
    except IndexError:
        return Hello()


def _handshake(data: bytes) -> bytes:
    """The bytes of the handshake, out of as many records as are there."""
    reader = _Reader(data)
    pieces = []
    while reader.position < len(data):
        if reader.number(1) != 22:
            break
        reader.take(2)
        size = reader.number(2)
        pieces.append(reader.take(min(size, len(data) - reader.position)))
    return b"".join(pieces)


def _read(reader: _Reader) -> Hello:
    reader.take(4 + 2 + 32)  # type and length, version, random
    reader.vector(1)  # session
    ciphers = _numbers(reader.vector(2))
    reader.vector(1)  # compression
    groups: tuple[int, ...] = ()
    extensions = _Reader(reader.vector(2))
    while extensions.position < len(extensions.data):
        kind, content = extensions.number(2), extensions.vector(2)
        if kind == _SUPPORTED_GROUPS:
            groups = _numbers(_Reader(content).vector(2))
    return Hello(ciphers, groups)


def _numbers(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data) - 1, 2))


@cache
def _cipher_names() -> dict[int, str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return {item["id"] & 0xFFFF: item["name"] for item in context.get_ciphers()}


def cipher_names(hello: Hello) -> bytes:
    """The suites by OpenSSL's names, an unknown one as ``0x0a0a`` (``ngx_ssl_get_ciphers``)."""
    names = _cipher_names()
    return ":".join(names.get(number, f"0x{number:04x}") for number in hello.ciphers).encode()


def group_names(hello: Hello) -> bytes:
    """The groups by OpenSSL's names, an unknown one as ``0x0a0a`` (``ngx_ssl_get_curves``)."""
    return ":".join(_GROUPS.get(number, f"0x{number:04x}") for number in hello.groups).encode()


def group_name(name: str) -> bytes:
    """The group that was agreed on, as nginx shows it, from what OpenSSL calls it."""
    return _SHOWN.get(name.lower(), name).encode()
