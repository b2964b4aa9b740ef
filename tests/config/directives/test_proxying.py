"""The directives that change requests and answers on their way."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.proxying import Change, ProxyingSettings
from tests.config.helpers import location_of, message_of


def proxying(text: str) -> ProxyingSettings:
    return location_of(text).settings.proxying


class Read(SynchronousTestCase):
    """What they read."""

    def test_redirect(self) -> None:
        """``default``, ``off``, a prefix and regular expressions stand side by side, in order."""
        found = proxying(
            "proxy_redirect default; proxy_redirect http://$host/ /; proxy_redirect ~^/a(.*)$ /b$1;"
            "proxy_redirect ~*^/C /c;"
        ).proxy_redirect
        self.assertEqual(found[0], "default")
        prefix, regex, caseless = (rule for rule in found if isinstance(rule, Change))
        assert prefix.text is not None and regex.regex is not None and caseless.regex is not None
        self.assertEqual(prefix.text.render(None), b"http://<host>/")
        self.assertEqual((regex.text, regex.regex.pattern), (None, b"^/a(.*)$"))
        self.assertTrue(caseless.regex.match(b"/c"))
        self.assertFalse(regex.regex.match(b"/A"))

    def test_cookies(self) -> None:
        """Domains lose their leading dot, which an expression has not; ``off`` is None."""
        (expression,) = proxying("proxy_cookie_domain ~^x .two;").proxy_cookie_domain
        assert expression is not None
        self.assertEqual(expression.replacement.constant, b".two")
        found = proxying(
            "proxy_cookie_domain .one .two; proxy_cookie_path /a/ /; proxy_cookie_flags a secure;"
        )
        (domain,), (path,), (flags,) = (
            found.proxy_cookie_domain,
            found.proxy_cookie_path,
            found.proxy_cookie_flags,
        )
        assert domain and path and flags and domain.text and path.text and flags.name
        self.assertEqual((domain.text.constant, path.text.constant), (b"one", b"/a/"))
        self.assertEqual(domain.replacement.constant, b"two")
        self.assertEqual([flag.constant for flag in flags.flags], [b"secure"])
        self.assertEqual(proxying("proxy_cookie_path off;").proxy_cookie_path, (None,))

    def test_bind(self) -> None:
        """An address of either family, a variable, or ``off``."""
        for text, source in {
            "127.0.0.2": "127.0.0.2",
            "::1": "::1",
            "[::1]:1": "[::1]:1",
            "$host": "$host",
        }.items():
            found = proxying(f"proxy_bind {text};").proxy_bind
            assert found is not None
            self.assertEqual(found.source, source)
        self.assertIsNone(proxying("proxy_bind off;").proxy_bind)

    def test_ignored(self) -> None:
        """Names of fields are compared without case."""
        self.assertEqual(
            proxying("proxy_ignore_headers X-Accel-Redirect Expires;").proxy_ignore_headers,
            ("x-accel-redirect", "expires"),
        )

    def test_mistakes(self) -> None:
        """Wrong values are refused in nginx's words."""
        for text, error in {
            "proxy_redirect x;": 'invalid parameter "x"',
            "proxy_redirect ~( x;": 'pcre2_compile() failed: missing closing parenthesis in "("',
            "proxy_cookie_path x;": 'invalid parameter "x"',
            "proxy_cookie_flags a;": 'invalid parameter "a"',
            "proxy_cookie_flags a sweet;": 'invalid parameter "sweet"',
            "proxy_bind here;": 'invalid address "here"',
            "proxy_bind 127.0.0.1 transparent;": (
                'the "transparent" parameter of the "proxy_bind" directive is not supported'
            ),
            "proxy_ignore_headers Date;": 'invalid value "Date"',
            "limit_rate fast;": '"limit_rate" directive invalid value',
        }.items():
            self.assertEqual(message_of(self, location_of, text), f"{error} in conf/nginx.conf:5")
