"""The fields of answers as HTTP/2 sends them: HPACK (RFC 7541) without a dynamic table, as nginx does it.

So the same fields are the same bytes on every connection, and are made once: the library's own encoder would be a good
part of what a small answer costs.  ``wire`` gives it to the library, which calls ``encode``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable

_HUFFMAN: Final = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
#: RFC 7541 appendix A: whole fields, and the first of each name.
_FIELDS: Final = {field: number for number, field in enumerate(HeaderTable.STATIC_TABLE, 1)}
_NAMES: Final = {name: number for (name, _), number in reversed(_FIELDS.items())}
#: Nobody on the way shall keep them (section 7.1.3).
_SECRET: Final = frozenset({b"set-cookie"})
#: Section 6.3: the table has no entries from now on.
_NO_TABLE: Final = b"\x20"
_MOST_KEPT: Final = 512
_LONGEST_KEPT: Final = 1024


def _integer(value: int, prefix: int, first: int) -> bytes:
    """Section 5.1: ``value`` behind the bits of ``first``, which leave ``prefix`` bits."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([first | value])
    found = bytearray([first | most])
    value -= most
    while value >= 128:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _text(value: bytes) -> bytes:
    """Section 5.2: in Huffman's code where that is shorter."""
    coded = _HUFFMAN.encode(value)
    if len(coded) < len(value):
        return _integer(len(coded), 7, 0x80) + coded
    return _integer(len(value), 7, 0) + value


def _field(name: bytes, value: bytes) -> bytes:
    whole = _FIELDS.get((name, value))
    if whole is not None:
        return _integer(whole, 7, 0x80)
    number = _NAMES.get(name, 0)
    start = _integer(number, 4, 0x10 if name in _SECRET else 0)
    return start + (b"" if number else _text(name)) + _text(value)


_KEPT: dict[tuple[tuple[bytes, bytes], ...], bytes] = {}


class FieldEncoder:
    """One connection's encoder, in the place of ``hpack.Encoder``."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told = True

    @property
    def header_table_size(self) -> int:
        """The client's bound for a table that is not used."""
        return 0

    @header_table_size.setter
    def header_table_size(self, value: int) -> None:
        """The client changed it: that has to be acknowledged (section 4.2)."""
        self._told = False

    def encode(self, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The block of a HEADERS frame."""
        key = tuple(fields)
        block = _KEPT.get(key)
        if block is None:
            block = b"".join([_field(name, value) for name, value in key])
            if len(block) <= _LONGEST_KEPT and not any(name in _SECRET for name, _ in key):
                if len(_KEPT) >= _MOST_KEPT:
                    _KEPT.clear()
                _KEPT[key] = block
        if self._told:
            return block
        self._told = True
        return _NO_TABLE + block
