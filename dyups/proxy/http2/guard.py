"""What no client needs, and floods are made of: bounds for one connection.

As nginx bounds them (``ngx_http_v2``), where the library has no bound of its own (``wire`` names those):

- frames that carry next to nothing: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA (CVE-2019-9511 to 9518);
- requests that are taken back at once (CVE-2023-44487, rapid reset);
- requests beyond ``http2_max_concurrent_streams`` again and again.
"""

from __future__ import annotations

from typing import Final

#: Bytes without payload that are forgiven, and how many there may be for each byte of payload.
_FORGIVEN: Final = 1 << 20
_OVERHEAD: Final = 8
#: Requests that a client may take back in a row, and how many more each second.
MOST_RESETS: Final = 1000
RESETS_A_SECOND: Final = 33.0
_LEAST_REFUSED: Final = 100


class Guard:
    """Counts what one client does; ``now`` is in the reactor's seconds, ``streams`` what it may have open."""

    __slots__ = ("_most_refused", "_payload", "_refused", "_resets", "_since", "_total")

    def __init__(self, streams: int, now: float) -> None:
        self._total = 0
        self._payload = 0
        self._resets = float(MOST_RESETS)
        self._since = now
        self._refused = 0
        self._most_refused = max(streams, _LEAST_REFUSED)

    def came(self, size: int) -> None:
        """So many bytes came."""
        self._total += size

    def carried(self, size: int) -> None:
        """So many bytes were of some use, in either direction."""
        self._payload += size

    def floods(self) -> bool:
        """Is it next to nothing that this client says?"""
        return self._total // _OVERHEAD > self._payload + _FORGIVEN

    def reset(self, now: float) -> bool:
        """The client took a request back; False where it does that too often."""
        self._resets = min(MOST_RESETS, self._resets + (now - self._since) * RESETS_A_SECOND) - 1
        self._since = now
        return self._resets >= 0

    def refused(self) -> bool:
        """A request was refused unseen; False where there are too many of them."""
        self._refused += 1
        return self._refused <= self._most_refused
