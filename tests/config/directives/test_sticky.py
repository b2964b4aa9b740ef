"""Tests of dyups.config.directives.sticky."""

from __future__ import annotations

import math

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.sticky import SessionSticky, StickyCookie, StickyLearn, StickyRoute
from dyups.config.upstreams import parse_commands, parse_upstreams, print_commands, print_upstream
from tests.config.helpers import Table, location_of, message_of

LEARN = "learn create=$upstream_cookie_s lookup=$cookie_s zone=z:1m"
READ = {
    "sticky cookie id": StickyCookie("id"),
    "sticky cookie a-b expires=1h domain=.x httponly secure samesite=Lax path=/p": StickyCookie(
        "a-b", 3600.0, ".x", True, True, "Lax", "/p"
    ),
    "sticky cookie id expires=max domain=$host samesite=$arg_s": StickyCookie(
        "id", math.inf, "$host", samesite="$arg_s"
    ),
    "sticky route $cookie_r $arg_r": StickyRoute(("$cookie_r", "$arg_r")),
    f"sticky {LEARN}": StickyLearn(("$upstream_cookie_s",), ("$cookie_s",), "z", 1 << 20),
    f"sticky {LEARN} lookup=$arg_s timeout=90s header": StickyLearn(
        ("$upstream_cookie_s",), ("$cookie_s", "$arg_s"), "z", 1 << 20, 90.0
    ),
    "session_sticky cookie=c": SessionSticky("c"),
    "session_sticky mode=prefix domain=.x path=/p maxage=5 fallback=off hash=plain option=indirect": SessionSticky(
        domain=".x", path="/p", maxage=5, mode="prefix", indirect=True, fallback=False, plain=True
    ),
    "session_sticky mode=rewrite option=direct fallback=on hash=md5 maxidle=3 maxlife=9": SessionSticky(
        mode="rewrite", maxidle=3, maxlife=9
    ),
}
REFUSED = {
    "sticky cookie": 'invalid number of arguments in "sticky" directive',
    "sticky cookie ''": '"sticky" directive empty cookie name',
    "sticky cookie 'a;b'": 'invalid variable name "cookie_a;b"',
    "sticky cookie a=b": 'invalid variable name "cookie_a=b"',
    "sticky cookie id secure secure": '"sticky" directive parameter "secure" is duplicate',
    "sticky cookie id expires=x": '"sticky" directive invalid "expires" parameter value',
    "sticky cookie id samesite=so": '"sticky" directive invalid "samesite" parameter value',
    "sticky cookie id domain=": '"sticky" directive no value for "domain"',
    "sticky cookie id domain=$nosuch": 'unknown "nosuch" variable',
    "sticky cookie id path=": '"sticky" directive no value for "path"',
    "sticky cookie id 'path=/;x'": '"sticky" directive invalid "path" parameter value',
    "sticky cookie id secure=1": 'unknown parameter "secure=1"',
    "sticky route id": 'invalid variable name "id"',
    "sticky route $nosuch": 'unknown "nosuch" variable',
    "sticky dance x": 'unknown parameter "dance"',
    "sticky learn create=$arg_a zone=z:1m": '"sticky" directive "lookup" parameter is not specified',
    "sticky learn lookup=$arg_a zone=z:1m": '"sticky" directive "create" parameter is not specified',
    "sticky learn create=$arg_a lookup=$arg_a": '"sticky" directive "zone" parameter is not specified',
    "sticky learn create=a lookup=$arg_a": '"sticky" directive missing variable in the "create" parameter',
    f"sticky {LEARN} zone=y:1m": '"sticky" directive duplicate zone',
    f"sticky {LEARN} timeout=0": '"sticky" directive invalid timeout',
    f"sticky {LEARN} x=y": 'unknown parameter "x=y"',
    "sticky learn zone=z create=$arg_a": '"sticky" directive zone size is not specified',
    "sticky learn zone=:1m create=$arg_a": '"sticky" directive zone name is not specified',
    "sticky learn zone=z:x create=$arg_a": '"sticky" directive invalid zone size',
    "sticky learn zone=z:4k create=$arg_a": '"sticky" directive zone is too small',
    "session_sticky": 'invalid number of arguments in "session_sticky" directive',
    "session_sticky cookie=": "invalid cookie",
    "session_sticky mode=add": "invalid mode",
    "session_sticky option=no": "invalid option",
    "session_sticky fallback=no": "invalid fallback",
    "session_sticky hash=sha": "invalid hash mode",
    "session_sticky maxage=x": "invalid maxage",
    "session_sticky who=x": "invalid argument",
    "sticky cookie a; session_sticky cookie=b": "load balancing method redefined",
    "ip_hash; session_sticky cookie=b": "load balancing method redefined",
    "sticky cookie a; sticky cookie b": '"sticky" directive is duplicate',
}


class StickyTests(SynchronousTestCase):
    """What sticky sessions may be."""

    def test_read_and_printed(self) -> None:
        """Each form is read, and what is shown reads back as the same upstream."""
        for text, sticky in READ.items():
            spec = parse_commands(
                "a", f"server b; least_conn; {text};" if text[1] == "t" else f"{text};server b;", Table()
            )
            self.assertEqual(spec.sticky, sticky)
            self.assertEqual(parse_commands("a", print_commands(spec), Table()), spec)
            self.assertEqual(parse_upstreams(print_upstream(spec), "d", Table()), [spec])

    def test_refused(self) -> None:
        """What nginx and Tengine refuse is refused in their words."""
        for text, error in REFUSED.items():
            message = message_of(self, parse_commands, "a", f"server b; {text};", Table())
            self.assertEqual(message, f"{error} in line 1")

    def test_no_backup(self) -> None:
        """``session_sticky`` knows no backup servers; ``sticky`` does."""
        message = message_of(self, parse_commands, "a", "session_sticky cookie=c; server b backup;")
        self.assertIn('does not support parameter "backup"', message)
        self.assertEqual(
            parse_commands("a", "sticky cookie c; server a; server b backup;", Table()).sticky,
            StickyCookie("c"),
        )

    def test_hidden_cookie(self) -> None:
        """Locations name the upstream whose cookie is not passed on."""
        settings = location_of("session_sticky_hide_cookie upstream=app;").settings
        self.assertEqual(settings.session_sticky_hide_cookie, "app")
        for text in ("app", "upstream=", "server=a"):
            message = message_of(self, location_of, f"session_sticky_hide_cookie {text};")
            self.assertIn(f'invalid argument of "{text}"', message)
