"""Tests of dyups.config.directives.check."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.checks import CheckSpec
from dyups.config.model import ResourceContent
from dyups.config.upstreams import parse_commands, parse_upstreams, print_commands, print_upstream
from tests.config.helpers import http_of, location_of, message_of

SEND = r'check_http_send "GET /alive HTTP/1.0\r\nHost: \"x\"\r\n\r\n";'
WHOLE = f"check interval=3000 type=http; {SEND} check_http_expect_alive http_2xx; check_keepalive_requests 9;"
REFUSED = {
    "check;": 'invalid number of arguments in "check" directive in line 2',
    "check interval=x;": 'invalid parameter "interval=x" in line 2',
    "check rise=1; check fall=1;": '"check" directive is duplicate in line 2',
    f"{SEND} check type=http;": "invalid check_http_send should set [check] first in line 2",
    f"check type=tcp; {SEND}": 'invalid check_http_send for type "tcp" in line 2',
    "check type=http; check_http_expect_alive 200;": 'invalid value "200" in line 2',
    "check_keepalive_requests 0;": '"check_keepalive_requests" directive invalid value in line 2',
    "check_fastcgi_param a b;": '"check_fastcgi_param" directive is not supported in line 2',
    "check_status;": '"check_status" directive is not allowed here in line 2',
}


def check_of(commands: str) -> CheckSpec | None:
    """What these commands say of the checks."""
    return parse_commands("app", f"server 127.0.0.1:1;\n{commands}").check


class CommandTests(SynchronousTestCase):
    """Commands of an upstream."""

    def test_read(self) -> None:
        """A check with all its companions is one value."""
        send = b'GET /alive HTTP/1.0\r\nHost: "x"\r\n\r\n'
        expected = CheckSpec("http", 3.0, send=send, alive=frozenset({2}), keepalive_requests=9)
        self.assertEqual(check_of(WHOLE), expected)
        upstream = http_of(f"upstream app {{ server a:1; {WHOLE} }}").upstreams[0]
        self.assertEqual(upstream.check, expected)

    def test_companions_alone(self) -> None:
        """Without a check, or before it, the companions that Tengine takes there are taken."""
        self.assertIsNone(check_of("check_keepalive_requests 9; check_http_expect_alive http_5xx;"))
        found = check_of("check_keepalive_requests 9; check type=http;")
        self.assertEqual(found, CheckSpec("http", keepalive_requests=9))
        self.assertEqual(check_of('check type=tcp; check_http_send "";'), CheckSpec())

    def test_refused(self) -> None:
        """What Tengine refuses is refused in its words, and in its place."""
        for text, error in REFUSED.items():
            self.assertEqual(message_of(self, check_of, text), error)

    def test_round_trip(self) -> None:
        """What is shown and dumped reads to the same upstream, text for text."""
        spec = parse_commands("app", f"{WHOLE} server 127.0.0.1:1;")
        text = print_commands(spec)
        self.assertIn(SEND, text)
        self.assertEqual(print_commands(parse_commands("app", text)), text)
        self.assertEqual(parse_upstreams(print_upstream(spec), "f"), [spec])

    @given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
    @settings(deadline=None)
    def test_any_request(self, request: str) -> None:
        """Any text to be sent goes round unchanged."""
        escaped = request.replace("\\", "\\\\").replace('"', '\\"')
        spec = parse_commands("app", f'check type=http; check_http_send "{escaped}"; server a:1;')
        assert spec.check is not None
        self.assertEqual(spec.check.send, request.encode())
        self.assertEqual(parse_commands("app", print_commands(spec)), spec)


class PageTests(SynchronousTestCase):
    """``check_status`` and ``check_shm_size``."""

    def test_page(self) -> None:
        """The page is a location's content, with its form if one is named."""
        self.assertEqual(location_of("check_status;").content, ResourceContent("check_status"))
        self.assertEqual(
            location_of("check_status json;").content, ResourceContent("check_status", ("json",))
        )

    def test_refused(self) -> None:
        """Forms that there are not, and a second content."""
        for text, error in {
            "check_status xml;": 'invalid check format "xml" in conf/nginx.conf:5',
            "check_status; check_status;": '"check_status" directive is duplicate in conf/nginx.conf:5',
            "check_status; proxy_pass http://a;": (
                '"proxy_pass" directive conflicts with "check_status" in conf/nginx.conf:5'
            ),
        }.items():
            self.assertEqual(message_of(self, location_of, text), error)

    def test_size(self) -> None:
        """The size of shared memory is taken, and has no effect; nonsense is an error."""
        http_of("check_shm_size 10M;")
        self.assertIn("invalid value", message_of(self, http_of, "check_shm_size x;"))
