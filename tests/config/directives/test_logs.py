"""The directives of the access logs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives import logs
from dyups.config.model import AccessLog, LocationSettings, LogEscape
from dyups.config.scope import Scope
from tests.config.helpers import (
    PREFIX,
    Exchange,
    Table,
    http_of,
    location_of,
    message_of,
    server_of,
    settings_of,
)


def shown(settings: LocationSettings) -> list[str]:
    """The logs as ``path format``, or ``off``."""
    return [
        "off" if log is None else f"{log.path.render(Exchange()).decode()} {log.format.name}"
        for log in settings.access_log
    ]


def only(settings: LocationSettings) -> AccessLog:
    """The one log there is."""
    (log,) = settings.access_log
    assert log is not None
    return log


class Formats(SynchronousTestCase):
    """``log_format``."""

    def test_texts_are_joined(self) -> None:
        """The strings of a format are one text of constants and variables."""
        (found,) = http_of("log_format a 'x $host' ' y' ${uri};").log_format
        self.assertEqual((found.name, found.escape), ("a", LogEscape.DEFAULT))
        texts = [part if isinstance(part, bytes) else part(Exchange()) for part in found.parts]
        self.assertEqual(texts, [b"x ", b"<host>", b" y", b"<uri>"])

    def test_escapes(self) -> None:
        """``escape=`` stands before the first string and has three words."""
        for word in LogEscape:
            (found,) = http_of(f"log_format a escape={word.value} x;").log_format
            self.assertIs(found.escape, word)
            self.assertEqual(found.parts, (b"x",))

    def test_combined(self) -> None:
        """The predefined format holds with a table that has none of its variables, and reads those there are."""
        found = logs.default_access_log(Scope(PREFIX, Table())).format
        texts = [part if isinstance(part, bytes) else part(Exchange()) for part in found.parts]
        self.assertEqual(b"".join(texts), b'<remote_addr> -  [] ""   "<http_referer>" "<http_user_agent>"')

    def test_mistakes(self) -> None:
        """What is wrong with a format is said with its place."""
        for text, error in {
            "log_format a;": 'invalid number of arguments in "log_format" directive',
            "log_format a escape=xml x;": 'unknown log format escaping "xml"',
            "log_format a x; log_format a y;": 'duplicate "log_format" name "a"',
            "log_format combined x;": 'duplicate "log_format" name "combined"',
            "log_format a $nosuch;": 'unknown "nosuch" variable',
        }.items():
            self.assertEqual(message_of(self, http_of, text), f"{error} in conf/nginx.conf:3")
        self.assertEqual(
            message_of(self, server_of, "log_format a x;"),
            '"log_format" directive is not allowed here in conf/nginx.conf:4',
        )


class Logs(SynchronousTestCase):
    """``access_log``."""

    def test_default(self) -> None:
        """A configuration that says nothing logs to ``logs/access.log`` in the form ``combined``."""
        self.assertEqual(shown(location_of("echo x;").settings), [f"{PREFIX}/logs/access.log combined"])

    def test_several(self) -> None:
        """Several stand side by side; a relative path starts at the prefix."""
        http = http_of("log_format a x; server { access_log /var/b a; access_log c.log; }")
        self.assertEqual(
            shown(http.listens[0].default_server.settings), ["/var/b a", f"{PREFIX}/c.log combined"]
        )

    def test_gzip(self) -> None:
        """A compressed log has a buffer, of 64k by default; the level is 1 by default."""
        found = location_of("access_log /a combined gzip; access_log /b combined buffer=1k gzip=9 flush=5m;")
        logs = [log for log in found.settings.access_log if log is not None]
        self.assertEqual(
            [(log.buffer, log.gzip, log.flush) for log in logs], [(65536, 1, 0.0), (1024, 9, 300.0)]
        )

    def test_inheritance(self) -> None:
        """Those of a block replace all of the block around it; without any, a block has those around it."""
        http = http_of(
            "access_log /h1; access_log /h2;\n"
            "server { location /a { echo x; } location /b { access_log /l; } location /c { access_log off; } }"
        )
        server = http.listens[0].default_server
        inherited, own, off = (location.settings for location in server.locations)
        self.assertEqual(shown(server.settings), ["/h1 combined", "/h2 combined"])
        self.assertIs(inherited.access_log, server.settings.access_log)
        self.assertEqual(shown(own), ["/l combined"])
        self.assertEqual(shown(off), ["off"])

    def test_parameters(self) -> None:
        """Buffer, flush time and condition arrive in their fields, in any order."""
        log = only(location_of("access_log /a combined if=$host flush=1m buffer=32k;").settings)
        assert log.condition is not None
        self.assertEqual((log.buffer, log.flush), (32768, 60.0))
        self.assertEqual(log.condition.render(Exchange()), b"<host>")

    def test_path_with_variables(self) -> None:
        """A path with variables is rendered per request; a relative one starts at the prefix, whatever that holds."""
        self.assertEqual(
            shown(location_of("access_log logs/$host.log; ").settings), [f"{PREFIX}/logs/<host>.log combined"]
        )
        self.assertEqual(shown(location_of("access_log /l/$host; ").settings), ["/l/<host> combined"])
        path = logs._path("$host", Scope("/a$b", Table()))
        self.assertEqual((path.render(Exchange()), path.constant), (b"/a$b/<host>", None))

    def test_mistakes(self) -> None:
        """What is wrong with a log is said in nginx's words, with its place."""
        for text, error in {
            "access_log off x;": 'invalid parameter "x"',
            "access_log /a nosuch;": 'unknown log format "nosuch"',
            "access_log /a combined x;": 'invalid parameter "x"',
            "access_log /a combined buffer=0;": 'invalid buffer size "0"',
            "access_log /a combined buffer=1y;": 'invalid buffer size "1y"',
            "access_log /a combined buffer=1k flush=0;": 'invalid flush time "0"',
            "access_log /a combined buffer=1k flush=x;": 'invalid flush time "x"',
            "access_log /a combined flush=1s;": 'no buffer is defined for access_log "/a"',
            "access_log /$host combined buffer=1k;": "buffered logs cannot have variables in name",
            "access_log /a combined buffer=1k; access_log /a combined buffer=2k;": (
                'access_log "/a" already defined with conflicting parameters'
            ),
            "access_log /a combined gzip=0;": 'invalid compression level "0"',
            "access_log /a combined gzip=fast;": 'invalid compression level "fast"',
            "access_log /$host combined gzip;": "buffered logs cannot have variables in name",
            "access_log syslog:server=127.0.0.1 combined gzip;": "logs to syslog cannot be buffered",
            "access_log /a combined gzip; access_log /a combined buffer=64k;": (
                'access_log "/a" already defined with conflicting parameters'
            ),
            "access_log /$nosuch;": 'unknown "nosuch" variable',
        }.items():
            self.assertEqual(message_of(self, location_of, text), f"{error} in conf/nginx.conf:5")

    def test_format_comes_first(self) -> None:
        """A format that is defined further down is unknown, as in nginx."""
        self.assertEqual(
            message_of(self, http_of, "access_log /a f; log_format f x;"),
            'unknown log format "f" in conf/nginx.conf:3',
        )

    def test_not_outside_http(self) -> None:
        """Outside ``http`` there are no requests."""
        self.assertEqual(
            message_of(self, settings_of, "access_log off;"),
            '"access_log" directive is not allowed here in conf/nginx.conf:2',
        )

    def test_syslog(self) -> None:
        """``syslog:`` names no file and has no buffer."""
        log = only(location_of("access_log syslog:server=unix:/dev/log combined if=$host;").settings)
        assert log.syslog is not None
        self.assertEqual((log.syslog.path, log.condition is None), ("/dev/log", False))
        self.assertEqual(
            message_of(self, location_of, "access_log syslog:server=unix:/dev/log combined buffer=1k;"),
            "logs to syslog cannot be buffered in conf/nginx.conf:5",
        )
