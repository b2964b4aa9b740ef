"""The table of rewriting and routing."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.helpers import location_of, message_of, server_of

BAD = {
    "error_page 404;": 'invalid number of arguments in "error_page" directive in conf/nginx.conf:5',
    "error_page x /a;": 'invalid value "x" in conf/nginx.conf:5',
    "error_page =200 /a;": 'invalid value "=200" in conf/nginx.conf:5',
    "error_page 404 =x /a;": 'invalid value "=x" in conf/nginx.conf:5',
    "error_page 499 /a;": 'invalid value "499" in conf/nginx.conf:5',
    "error_page 299 /a;": 'value "299" must be between 300 and 599 in conf/nginx.conf:5',
    "limit_except FOO { }": 'invalid method "FOO" in conf/nginx.conf:5',
    "if ($host) { if ($uri) { } }": '"if" directive is not allowed here in conf/nginx.conf:5',
    "if ($host) { proxy_pass http://a/b; }": (
        '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, '
        'or inside "if" statement, or inside "limit_except" block in conf/nginx.conf:5'
    ),
    "break x;": 'invalid number of arguments in "break" directive in conf/nginx.conf:5',
}


class Rewrite(SynchronousTestCase):
    """What the table reads itself."""

    def test_error_page(self) -> None:
        """Codes, the status instead, and the arguments of a constant path."""
        pages = location_of(
            "error_page 404 403 /a?b; error_page 500 =200 $uri?c; error_page 502 = @x;"
        ).settings.answers.error_page
        found = [(page.statuses, page.answer, page.target.source, page.args) for page in pages]
        self.assertEqual(
            found, [((404, 403), -1, "/a", b"b"), ((500,), 200, "$uri?c", b""), ((502,), 0, "@x", b"")]
        )

    def test_if_in_server(self) -> None:
        """In a server only steps may stand inside ``if``."""
        error = '"add_header" directive is not allowed here in conf/nginx.conf:4'
        self.assertEqual(message_of(self, server_of, "if ($host) { add_header a b; }"), error)
        self.assertEqual(len(server_of("if ($host) { set $a b; return 200; }").steps), 1)

    def test_mistakes(self) -> None:
        """Mistakes are told in nginx's words."""
        self.assertEqual({text: message_of(self, location_of, text) for text in BAD}, BAD)
