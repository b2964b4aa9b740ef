"""What the client gets of a server's head, where a location has something to say about that.

``proxy_hide_header``, ``proxy_pass_header``, ``proxy_redirect``, ``proxy_cookie_…`` and what the location adds.  Made
per location by ``shaping``; ``relay`` calls for every head, or only for those with a field that may have to be changed
(:attr:`~dyups.http1.response.ResponseHead.marked`).  A head that nobody has anything to say about is never seen here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyups.config.model import ProxyPass
from dyups.config.parser import encode
from dyups.config.proxying import Change, ProxyingSettings
from dyups.config.variables import concatenate, constant
from dyups.http1 import fields as f
from dyups.http1.fields import Field, clean, tokens
from dyups.http1.response import ResponseHead
from dyups.proxy import answers
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.added import without
from dyups.proxy.filters.cookies import CookieChanges, changed

if TYPE_CHECKING:
    from dyups.proxy.route import AddedFields

#: Fields of our own that ``proxy_pass_header`` replaces by the server's.
OURS = frozenset({b"server", b"date"})
#: The only one of the fields that mean something to us, or to one hop, which is passed on where that is said.
_MAY_PASS = frozenset({b"date", b"server", b"x-pad"})


class ServerHeadFilter:
    """One location's (:class:`~dyups.proxy.forward.plan.HeadFilter`)."""

    __slots__ = ("_adds", "_cookies", "_hidden", "_passed", "_redirects")

    def __init__(
        self, settings: ProxyingSettings, redirects: tuple[Change, ...], adds: AddedFields | None = None
    ) -> None:
        self._hidden = frozenset(encode(name.lower()) for name in settings.proxy_hide_header)
        self._passed = frozenset(encode(name.lower()) for name in settings.proxy_pass_header) - self._hidden
        self._redirects = redirects
        self._cookies = CookieChanges(
            settings.proxy_cookie_domain, settings.proxy_cookie_path, settings.proxy_cookie_flags
        )
        self._adds = adds

    @property
    def sees_all(self) -> bool:
        """Has every head to come here, not only those with a redirect or a cookie?"""
        return bool(self._hidden or self._passed) or self._adds is not None

    @property
    def changes(self) -> bool:
        """Is there anything that it could change?"""
        return self.sees_all or bool(self._redirects or self._cookies)

    def start(self, start: bytes, head: ResponseHead) -> bytes:
        """The beginning of the answer's head; without our ``Server`` and ``Date`` where the server's are passed on.

        So there is none where the server sent none (``ngx_http_proxy_process_header``).
        """
        ours = OURS & self._passed
        return without(start, ours) if ours else start

    def lines(self, exchange: Exchange, head: ResponseHead) -> bytes:
        """See :class:`~dyups.proxy.forward.plan.HeadFilter`."""
        sent_on = head.sent_on
        if head.marked or self._hidden or self._passed:
            sent_on = self._chosen(exchange, head)
        return sent_on if self._adds is None else self._adds.apply(exchange, sent_on)

    def _chosen(self, exchange: Exchange, head: ResponseHead) -> bytes:
        gone = _named_by_connection(head) | self._hidden
        lines: list[bytes] = []
        for field in head.fields:
            if field.kind == f.PASS:
                if field.name not in gone:
                    lines.append(self.line(exchange, field))
            elif field.kind == f.OWN and field.name in self._passed:
                lines.append(field.line)
        return b"".join([line + b"\r\n" for line in lines])

    def line(self, exchange: Exchange, field: Field) -> bytes:
        """One field as the client gets it, without its line end."""
        if field.name == b"set-cookie":
            if not self._cookies:
                return field.line
            return field.line[:10] + b": " + clean(self._cookies.change(exchange, field.value))
        if not self._redirects:
            return field.line
        if field.name == b"location":
            value = self._redirected(exchange, field.value)
            return field.line if value is None else b"Location: " + value
        if field.name == b"refresh":
            return self._refreshed(exchange, field)
        return field.line

    def _redirected(self, exchange: Exchange, value: bytes) -> bytes | None:
        """A path that came of a rule becomes absolute, as in nginx; one of the server's own stays as it is."""
        found = changed(exchange, value, self._redirects)
        if found is None:
            return None
        return clean(answers.absolute(exchange.client, found) if found[:1] == b"/" else found)

    def _refreshed(self, exchange: Exchange, field: Field) -> bytes:
        at = field.value.lower().find(b"url=")
        if at < 0:
            return field.line
        found = changed(exchange, field.value[at + 4 :], self._redirects)
        return field.line if found is None else b"Refresh: " + clean(field.value[: at + 4] + found)


def _named_by_connection(head: ResponseHead) -> frozenset[bytes]:
    """RFC 9110 section 7.6.1: what ``Connection`` names goes no further."""
    found: set[bytes] = set()
    for field in head.fields:
        if field.kind == f.CONNECTION:
            found.update(tokens(field.value))
    return frozenset(found - {b"close", b"keep-alive", b"upgrade"})


def redirect_rules(settings: ProxyingSettings, content: ProxyPass, path: str) -> tuple[Change, ...]:
    """The rules of ``proxy_redirect`` in a location whose prefix is ``path`` (``ngx_http_proxy_merge_loc_conf``).

    ``default`` turns what ``proxy_pass`` says into the path; a ``proxy_pass`` with variables has no default.
    """
    said = settings.proxy_redirect
    if "off" in said:
        return ()
    rules: list[Change] = []
    for rule in said or ("default",):
        if isinstance(rule, Change):
            rules.append(rule)
        elif not content.has_variables:
            base = concatenate([constant(f"{content.scheme}://"), content.target])
            if content.uri is None:
                rules.append(Change(concatenate([base, constant("/")]), constant("/")))
            else:
                rules.append(Change(concatenate([base, content.uri]), constant(path)))
    return tuple(rules)
