"""``$invalid_referer``: does the request come from where it may (``ngx_http_referer_module``).

A part of the table of ``variables``; ``config.visiting`` has what the configuration says.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from dyups.config.model import NameKind, ServerName
from dyups.config.parser import encode
from dyups.config.visiting import Referer, Referers
from dyups.proxy.exchange import Exchange

_SCHEMES = (b"http://", b"https://")
#: The shortest referer that can be valid: ``http://i.ru``.
_SHORTEST = 11
_LONGEST_HOST = 256


class ValidReferers:
    """What one place says of referers, ready to be asked."""

    __slots__ = ("_blocked", "_exact", "_leading", "_none", "_patterns", "_regexes", "_trailing", "_unasked")

    def __init__(self, said: Sequence[Referers], names: Sequence[ServerName]) -> None:
        self._none = any(item.none for item in said)
        self._blocked = any(item.blocked for item in said)
        own = [Referer(name) for name in names] if any(item.server_names for item in said) else []
        sites = [*(site for item in said for site in item.sites), *own]
        self._exact = _by_key(sites, NameKind.EXACT)
        self._leading = _by_key(sites, NameKind.LEADING)
        self._trailing = _by_key(sites, NameKind.TRAILING)
        self._regexes = [site.name.regex for site in sites if site.name.regex is not None]
        self._patterns = [pattern for item in said for pattern in item.patterns]
        self._unasked = not (sites or self._patterns)
        """Nobody is named: everybody may refer."""

    def accepts(self, value: bytes) -> bool:
        """May ``value`` (``Referer``, empty for none) refer to this place?"""
        if self._unasked:
            return True
        if not value:
            return self._none
        scheme = next((text for text in _SCHEMES if value[: len(text)].lower() == text), b"")
        if not scheme or len(value) < _SHORTEST:
            return self._blocked
        rest = value[len(scheme) :]
        place = rest.partition(b"/")[0]
        host = place.partition(b":")[0].lower()
        if len(host) > _LONGEST_HOST:
            return False
        path = self._path_of(host)
        if path is not None:
            return rest[len(place) :].startswith(path)
        return any(regex.search(host) for regex in self._regexes) or any(
            pattern.search(rest) for pattern in self._patterns
        )

    def _path_of(self, host: bytes) -> bytes | None:
        """What paths have to begin with at ``host``; None where its name is not known."""
        found = self._exact.get(host)
        if found is not None:
            return found
        labels = host.split(b".")
        for at in range(1, len(labels)):
            found = self._leading.get(b".".join(labels[at:]))
            if found is not None:
                return found
        for at in range(len(labels) - 1, 0, -1):
            found = self._trailing.get(b".".join(labels[:at]))
            if found is not None:
                return found
        return None


def _by_key(sites: list[Referer], kind: NameKind) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for site in sites:
        if site.name.kind is kind:
            found.setdefault(encode(site.name.key), site.path)
    return found


@lru_cache(maxsize=1024)
def _ready(said: tuple[Referers, ...], names: tuple[ServerName, ...]) -> ValidReferers:
    return ValidReferers(said, names)


def invalid_referer(x: Exchange) -> bytes:
    """``1`` for a request that must not come from where it does, else empty."""
    said = x.route.settings.visiting
    valid = _ready(said.valid_referers, said.names).accepts(x.head.value(b"referer"))
    return b"" if valid else b"1"
