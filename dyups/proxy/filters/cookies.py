"""Changes of ``Location``, ``Refresh`` and ``Set-Cookie`` of servers: ``proxy_redirect``, ``proxy_cookie_…``.

Values to values, nothing else; ``headfilter`` finds the fields.
"""

from __future__ import annotations

from collections.abc import Sequence

from dyups.config.proxying import Change, CookieFlags
from dyups.proxy.exchange import Exchange, capture
from dyups.proxy.searching import searched

_SAMESITE = b"samesite"
#: How the flags are written (``ngx_http_proxy_edit_cookie_flags``).
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
        """What becomes of the value of a ``Set-Cookie``; as it was where no rule fits."""
        cookie, *attributes = value.split(b";")
        kept = [self._attribute(exchange, attribute) for attribute in attributes]
        name = cookie.partition(b"=")[0].strip()
        for rule in self._flags:
            if _names(exchange, rule, name):
                kept = _flagged(exchange, rule, kept)
                break
        return b";".join([cookie, *kept])

    def _attribute(self, exchange: Exchange, attribute: bytes) -> bytes:
        key, equals, value = attribute.partition(b"=")
        name, value = key.strip().lower(), value.strip()
        found: bytes | None = None
        if equals and name == b"domain":
            found = changed_domain(exchange, value, self._domains)
        elif equals and name == b"path":
            found = changed(exchange, value, self._paths)
        return attribute if found is None else key + b"=" + found


def _unless_off(rules: Sequence[Change | None]) -> tuple[Change, ...]:
    return () if None in rules else tuple(rule for rule in rules if rule is not None)


def _names(exchange: Exchange, rule: CookieFlags, name: bytes) -> bool:
    if rule.regex is None:
        return rule.name is not None and rule.name.render(exchange).lower() == name.lower()
    match = searched(exchange, rule.regex, name)
    if match is not None:
        capture(exchange, match)
    return match is not None


def _flagged(exchange: Exchange, rule: CookieFlags, attributes: list[bytes]) -> list[bytes]:
    """The attributes with the flags set and taken away; one that is there already stays where it is."""
    for template in rule.flags:
        flag = template.render(exchange).lower()
        removed = flag.startswith(b"no")
        name = flag[2:] if removed else flag.partition(b"=")[0]
        if removed or name == _SAMESITE:
            attributes = [x for x in attributes if x.partition(b"=")[0].strip().lower() != name]
        written = _WRITTEN.get(flag)
        if written is not None and name not in [x.partition(b"=")[0].strip().lower() for x in attributes]:
            attributes = [*attributes, b" " + written]
    return attributes
