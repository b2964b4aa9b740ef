"""Whole configurations."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.build import load, parse_globals
from dyups.config.model import Echo, ErrorLog, ProxyPass, ResourceContent, Settings
from tests.config.helpers import FILE, PREFIX, Table, message_of, settings_of

SEED = Path(__file__).parents[2] / "conf"
ERRORS = {
    "foo 1;": 'unknown directive "foo" in conf/nginx.conf:2',
    "listen 80;": '"listen" directive is not allowed here in conf/nginx.conf:2',
    "daemon on;\ndaemon off;": '"daemon" directive is duplicate in conf/nginx.conf:3',
    "daemon foo;": 'invalid value "foo" in "daemon" directive, it must be "on" or "off" in conf/nginx.conf:2',
    "daemon;": 'invalid number of arguments in "daemon" directive in conf/nginx.conf:2',
    "daemon on off;": 'invalid number of arguments in "daemon" directive in conf/nginx.conf:2',
    "daemon on {}": 'directive "daemon" is not terminated by ";" in conf/nginx.conf:2',
    "http;": 'directive "http" has no opening "{" in conf/nginx.conf:2',
    "http {} http {}": '"http" directive is duplicate in conf/nginx.conf:2',
    "events {}": '"events" directive is duplicate in conf/nginx.conf:2',
    "worker_processes 0;": '"worker_processes" directive invalid value in conf/nginx.conf:2',
    "error_log x loud;": 'invalid log level "loud" in conf/nginx.conf:2',
    "error_log x info warn;": 'duplicate log level "warn" in conf/nginx.conf:2',
    "error_log x info debug_http;": 'invalid log level "debug_http" in conf/nginx.conf:2',
    "error_log syslog:tag=a;": "no syslog server specified in conf/nginx.conf:2",
    "load_module;": 'invalid number of arguments in "load_module" directive in conf/nginx.conf:2',
    "stream {}": '"stream" directive is not supported in conf/nginx.conf:2',
}


class Main(SynchronousTestCase):
    """The level outside the blocks."""

    maxDiff = None

    def test_mistakes(self) -> None:
        """Mistakes are nginx's, with the place."""
        self.assertEqual({text: message_of(self, settings_of, text) for text in ERRORS}, ERRORS)

    def test_events(self) -> None:
        """The events block must be there, and its directives must be known."""
        self.assertEqual(message_of(self, settings_of, "", events=""), 'no "events" section in configuration')
        self.assertEqual(
            message_of(self, settings_of, "", events="events;"),
            'directive "events" has no opening "{" in conf/nginx.conf:1',
        )
        self.assertEqual(
            message_of(self, settings_of, "", events="events { foo; }"),
            'unknown directive "foo" in conf/nginx.conf:1',
        )
        settings_of(
            "", events="events { worker_connections 1024; use epoll; multi_accept on; accept_mutex off; }"
        )

    def test_defaults(self) -> None:
        """The least configuration has every default, with paths under the prefix."""
        self.assertEqual(
            settings_of(""),
            Settings(
                PREFIX,
                error_log=(ErrorLog(f"{PREFIX}/logs/error.log"),),
                pid=f"{PREFIX}/logs/dyups.pid",
                files=(FILE,),
            ),
        )

    def test_everything(self) -> None:
        """Every setting of the process arrives; logs stand side by side."""
        found = settings_of(
            "daemon off; master_process off; worker_processes auto; pid run/x.pid; user nobody;\n"
            "error_log stderr info; error_log /var/log/e.log;"
        )
        self.assertEqual(
            found,
            Settings(
                PREFIX,
                False,
                (ErrorLog("stderr", "info"), ErrorLog("/var/log/e.log", "error")),
                False,
                f"{PREFIX}/run/x.pid",
                0,
                files=(FILE,),
            ),
        )


class Files(SynchronousTestCase):
    """Configurations from files."""

    def write(self, text: str) -> tuple[str, str]:
        prefix = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(prefix, "conf"))
        path = os.path.join(prefix, "conf", "nginx.conf")
        Path(path).write_text(text, encoding="utf-8")
        return prefix, path

    def test_seed(self) -> None:
        """The seed's own configuration: four servers; the dump's include is left to its reader."""
        settings = load(str(SEED / "nginx.conf"), variables=Table())
        assert settings.http is not None
        servers = [listen.default_server for listen in settings.http.listens]
        self.assertEqual([listen.address.port for listen in settings.http.listens], [8080, 8088, 8089, 8081])  # type: ignore[union-attr]
        self.assertEqual(
            [type(server.locations[0].content) for server in servers],
            [ProxyPass, Echo, Echo, ResourceContent],
        )
        self.assertEqual(settings.http.upstreams, ())
        self.assertEqual(settings.files, (str(SEED / "nginx.conf"), str(SEED / "upstream.conf")))
        self.assertIs(settings.daemon, False)
        self.assertEqual(settings.error_log, (ErrorLog(str(SEED.parent / "logs/error.log"), "debug"),))

    def test_prefix(self) -> None:
        """The prefix is the parent of the configuration's folder, or what is given."""
        prefix, path = self.write("events {} error_log a.log;")
        self.assertEqual(load(path, variables=Table()).error_log, (ErrorLog(f"{prefix}/a.log"),))
        self.assertEqual(load(path, prefix="/x", variables=Table()).error_log, (ErrorLog("/x/a.log"),))

    def test_place_of_errors(self) -> None:
        """Errors show the file as it was given."""
        _, path = self.write("events {}\nfoo;")
        relative = os.path.relpath(path)
        self.assertEqual(
            message_of(self, load, relative, variables=Table()), f'unknown directive "foo" in {relative}:2'
        )

    def test_globals(self) -> None:
        """Directives of the command line count as written before the file's."""
        _, path = self.write("events {}")
        self.assertFalse(load(path, variables=Table(), globals_="daemon off;").daemon)
        _, path = self.write("events {} daemon on;")
        message = message_of(self, load, path, variables=Table(), globals_="daemon off;")
        self.assertEqual(message, f'"daemon" directive is duplicate in {path}:1')

    def test_mistakes_in_globals(self) -> None:
        """Mistakes on the command line are said to be there."""
        for text, error in {
            "foo;": 'unknown directive "foo" in command line',
            "daemon off": 'unexpected end of parameter, expecting ";" in command line',
            "events {}": "block directives are not supported in -g option in command line",
            "include x;": '"include" directive is not allowed here in command line',
        }.items():
            self.assertEqual(message_of(self, parse_globals, text), error)
        self.assertEqual(parse_globals(""), ())

    def test_wrong_value_in_globals(self) -> None:
        """A wrong value on the command line is found too."""
        _, path = self.write("events {}")
        message = message_of(self, load, path, variables=Table(), globals_="daemon x;")
        self.assertIn('invalid value "x" in "daemon" directive', message)
