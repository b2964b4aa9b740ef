"""What a proxy in front says besides addresses: ``$proxy_protocol_tlv_NAME`` (``ngx_proxy_protocol_get_tlv``).

Version 2 of the PROXY protocol has a list of types, lengths and values behind the addresses (its section 2.2).
``announced`` keeps the list; a part of the table of ``variables``.
"""

from __future__ import annotations

import re
from typing import Final

from dyups.interfaces import Getter
from dyups.proxy.exchange import Exchange

_TYPES: Final = {"alpn": 0x01, "authority": 0x02, "unique_id": 0x05, "ssl": 0x20, "netns": 0x30}
#: Within the value of ``ssl``, behind what is fixed there.
_SSL_TYPES: Final = {"version": 0x21, "cn": 0x22, "cipher": 0x23, "sig_alg": 0x24, "key_alg": 0x25}
_FIXED = 5
_NUMBER = re.compile(r"0x([0-9a-f]{1,2})\Z").match


def find(tlvs: bytes, kind: int) -> bytes:
    """The first value of that type; empty where there is none, or where the list breaks off before it."""
    while len(tlvs) >= 3:
        size = int.from_bytes(tlvs[1:3], "big")
        if len(tlvs) < 3 + size:
            break
        if tlvs[0] == kind:
            return tlvs[3 : 3 + size]
        tlvs = tlvs[3 + size :]
    return b""


def _kind(name: str, names: dict[str, int]) -> int:
    """The type of a name or number; 0, which nobody sends, for what is none."""
    number = _NUMBER(name)
    return names.get(name, 0) if number is None else int(number[1], 16)


def tlv(name: str) -> Getter:
    """Reads the value of that name: ``authority``, ``ssl_cn``, ``ssl_verify``, ``0xea`` …"""
    within = name.startswith("ssl_")
    sub = name[4:]
    kind = _kind(sub, _SSL_TYPES) if within else _kind(name, _TYPES)

    def read(x: Exchange) -> bytes:
        announced = getattr(x.client, "announced", None)
        if announced is None:
            return b""
        if not within:
            return find(announced.tlvs, kind)
        ssl = find(announced.tlvs, _TYPES["ssl"])
        if len(ssl) < _FIXED:
            return b""
        return b"%d" % int.from_bytes(ssl[1:_FIXED], "big") if sub == "verify" else find(ssl[_FIXED:], kind)

    return read
