"""Changes of ``Location``, ``Refresh`` and ``Set-Cookie`` of servers: ``proxy_redirect``, ``proxy_cookie_…``.

Values to values, nothing else; ``headfilter`` finds the fields.
"""

from __future__ import annotations

from collections.abc import Sequence

from dyups.config.proxying import Change, CookieFlags
from dyups.proxy.exchange import Exchange, capture
from dyups.proxy.searching import searched

_TAKEN = (b"nosecure", b"nohttponly", b"nosamesite")
#: How the flags are written, in their order (``ngx_http_proxy_edit_cookie_flags``).
_WRITTEN = {
    b"secure": b"Secure",
    b"httponly": b"HttpOnly",
    b"samesite=strict": b"SameSite=Strict",
    b"samesite=lax": b"SameSite=Lax",
    b"samesite=none": b"SameSite=None",
}


def changed(exchange: Exchange, value: bytes, rules: Sequence[Change]) -> bytes | None:
    """``value`` by the first rule that fits it; None where none does."""
    for rule in rules:
        if rule.regex is not None:
            match = searched(exchange, rule.regex, value)
            if match is not None:
                capture(exchange, match)
                return rule.replacement.render(exchange)
        elif rule.text is not None:
            start = rule.text.render(exchange)
            if value.startswith(start):
                return rule.replacement.render(exchange) + value[len(start) :]
    return None


def changed_domain(exchange: Exchange, value: bytes, rules: Sequence[Change]) -> bytes | None:
    """A cookie's domain by the first rule that fits the whole of it, in any case; a leading dot stays."""
    for rule in rules:
        if rule.regex is not None:
            found = changed(exchange, value, (rule,))
            if found is not None:
                return found
        elif rule.text is not None:
            dot = value[: value.startswith(b".")]
            if value[len(dot) :].lower() == rule.text.render(exchange).lower():
                return dot + rule.replacement.render(exchange)
    return None


class CookieChanges:
    """All that one location does to cookies."""

    __slots__ = ("_domains", "_flags", "_paths")

    def __init__(
        self,
        domains: Sequence[Change | None],
        paths: Sequence[Change | None],
        flags: Sequence[CookieFlags | None],
    ) -> None:
        self._domains = _unless_off(domains)
        self._paths = _unless_off(paths)
        self._flags = () if None in flags else tuple(rule for rule in flags if rule is not None)

    def __bool__(self) -> bool:
        return bool(self._domains or self._paths or self._flags)

    def change(self, exchange: Exchange, value: bytes) -> bytes:
        """What becomes of the value of a ``Set-Cookie``; as it was, blanks and all, where no rule fits."""
        attributes = [_parted(piece) for piece in value.split(b";")]
        if attributes[0].value is None:
            return value
        changes = [self._attribute(exchange, attribute) for attribute in attributes[1:]]
        fitted = any(changes)
        for rule in self._flags:
            if _names(exchange, rule, attributes[0].key):
                attributes, fitted = _flagged(exchange, rule, attributes), True
                break
        if not fitted:
            return value
        return b"; ".join([x.key if x.value is None else b"%b=%b" % (x.key, x.value) for x in attributes])

    def _attribute(self, exchange: Exchange, attribute: _Attribute) -> bool:
        """Change it by the first rule that fits, if there is one."""
        found: bytes | None = None
        if attribute.value is None:
            return False
        if attribute.name == b"domain":
            found = changed_domain(exchange, attribute.value, self._domains)
        elif attribute.name == b"path":
            found = changed(exchange, attribute.value, self._paths)
        if found is not None:
            attribute.value = found
        return found is not None


class _Attribute:
    """A part of a cookie; of the first one the key is the cookie's name."""

    __slots__ = ("key", "name", "value")

    def __init__(self, key: bytes, value: bytes | None) -> None:
        self.key = key
        self.name = key.lower()
        self.value = value
        """None without a ``=``."""


def _parted(piece: bytes) -> _Attribute:
    key, equals, value = piece.partition(b"=")
    return _Attribute(key.strip(), value.strip() if equals else None)


def _unless_off(rules: Sequence[Change | None]) -> tuple[Change, ...]:
    return () if None in rules else tuple(rule for rule in rules if rule is not None)


def _names(exchange: Exchange, rule: CookieFlags, name: bytes) -> bool:
    if rule.regex is None:
        return rule.name is not None and rule.name.render(exchange).lower() == name.lower()
    match = searched(exchange, rule.regex, name)
    if match is not None:
        capture(exchange, match)
    return match is not None


def _flagged(exchange: Exchange, rule: CookieFlags, attributes: list[_Attribute]) -> list[_Attribute]:
    """The attributes with the flags set and taken away (``ngx_http_proxy_edit_cookie_flags``)."""
    flags = [template.render(exchange).lower() for template in rule.flags]
    taken = [flag[2:] for flag in flags if flag in _TAKEN]
    cookie, *rest = attributes
    rest = [attribute for attribute in rest if attribute.name not in taken]
    for flag, written in _WRITTEN.items():
        if flag in flags:
            wanted = _parted(written)
            same = [attribute for attribute in rest if attribute.name == wanted.name]
            for attribute in same:
                _set(attribute, wanted)
            rest = rest if same else [*rest, wanted]
    return [cookie, *rest]


def _set(attribute: _Attribute, wanted: _Attribute) -> None:
    """One that is there already stays where it is, and as it is where it says the same."""
    if (attribute.value or b"").lower() != (wanted.value or b"").lower():
        attribute.key, attribute.value = wanted.key, wanted.value
