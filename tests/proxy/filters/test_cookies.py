"""Cookies and redirects of servers, changed."""

from __future__ import annotations

from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.proxying import Change
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.cookies import CookieChanges, changed
from tests.config.helpers import location_of


def cookie(text: str, value: bytes) -> bytes:
    """What becomes of the value of a ``Set-Cookie`` in a location with that configuration."""
    found = location_of(text).settings.proxying
    changes = CookieChanges(found.proxy_cookie_domain, found.proxy_cookie_path, found.proxy_cookie_flags)
    return changes.change(Exchange(cast(Any, None)), value)


class Cookies(SynchronousTestCase):
    """``proxy_cookie_domain``, ``proxy_cookie_path``, ``proxy_cookie_flags``."""

    def test_domain(self) -> None:
        """The whole domain is compared, without case; a leading dot stays; the first rule that fits counts."""
        rules = "proxy_cookie_domain one.example two.example; proxy_cookie_domain ~^(.*)\\.old$ $1.new;"
        for value, changed_to in {
            b"a=b; domain=one.example; path=/": b"a=b; domain=two.example; path=/",
            b"a=b; Domain=.ONE.example": b"a=b; Domain=.two.example",
            b"a=b; domain=sub.one.example": b"a=b; domain=sub.one.example",
            b"a=b; domain=x.old": b"a=b; domain=x.new",
            b"domain=one.example": b"domain=one.example",
            b"a=b": b"a=b",
        }.items():
            self.assertEqual(cookie(rules, value), changed_to)

    def test_path(self) -> None:
        """The beginning of the path is replaced; of a regular expression the whole path is."""
        rules = "proxy_cookie_path /app/ /; proxy_cookie_path ~*^/OTHER/(.*)$ /x/$1;"
        for value, changed_to in {
            b"a=b; path=/app/deep; secure": b"a=b; path=/deep; secure",
            b"a=b; Path=/other/y": b"a=b; Path=/x/y",
            b"a=b; path=/else": b"a=b; path=/else",
        }.items():
            self.assertEqual(cookie(rules, value), changed_to)

    def test_flags(self) -> None:
        """Flags are set once, where they are or else at the end in nginx's order, and taken away; the first rule that
        names the cookie counts."""
        rules = (
            "proxy_cookie_flags one httponly secure samesite=strict; proxy_cookie_flags ~^two nosecure nosamesite;"
            "proxy_cookie_flags one nosecure;"
        )
        for value, changed_to in {
            b"one=1; path=/": b"one=1; path=/; Secure; HttpOnly; SameSite=Strict",
            b"one=1; secure; samesite=lax": b"one=1; secure; SameSite=Strict; HttpOnly",
            b"one=1; samesite=STRICT": b"one=1; samesite=STRICT; Secure; HttpOnly",
            b"twofold=1; Secure; SameSite=Lax; path=/": b"twofold=1; path=/",
            b"three=1": b"three=1",
        }.items():
            self.assertEqual(cookie(rules, value), changed_to)

    def test_blanks(self) -> None:
        """What is changed is written with one blank behind each semicolon, what is not as it came."""
        rules = "proxy_cookie_path /a /b; proxy_cookie_flags one secure;"
        for value, changed_to in {
            b"x=1;path=/a ;  Secure": b"x=1; path=/b; Secure",
            b"one=1;Path=/c;Secure;": b"one=1; Path=/c; Secure; ",
            b"x=1; path = /a": b"x=1; path=/b",
            b"x=1;path=/c ;  Secure": b"x=1;path=/c ;  Secure",
            b"one;path=/a": b"one;path=/a",
        }.items():
            self.assertEqual(cookie(rules, value), changed_to)

    def test_off(self) -> None:
        """``off`` outweighs the other rules of its block."""
        self.assertEqual(
            cookie("proxy_cookie_path /a /b; proxy_cookie_path off;", b"a=b; path=/a"), b"a=b; path=/a"
        )

    def test_nothing(self) -> None:
        """Without rules there is nothing to do, and that can be told."""
        self.assertFalse(CookieChanges((), (), ()))


class Values(SynchronousTestCase):
    """Rules of ``proxy_redirect``."""

    def test_none(self) -> None:
        """A value that no rule fits is told from one that stays the same."""
        rules = list(location_of("proxy_redirect /a /a;").settings.proxying.proxy_redirect)
        exchange = Exchange(cast(Any, None))
        self.assertEqual(changed(exchange, b"/ab", cast("list[Change]", rules)), b"/ab")
        self.assertIsNone(changed(exchange, b"/b", cast("list[Change]", rules)))
