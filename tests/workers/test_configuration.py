"""Tests of dyups.workers.configuration."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ErrorLog, Http
from dyups.errors import ConfigError
from dyups.workers.configuration import Source, built, read_configuration

TEXT = "error_log logs/own.log; events { } http { server { listen 127.0.0.1:81; location / { echo $upstream_addr; } } }"


class ConfigurationTests(SynchronousTestCase):
    """A configuration, read and built again."""

    def setUp(self) -> None:
        self.prefix = Path(os.path.abspath(self.mktemp()))
        (self.prefix / "conf").mkdir(parents=True)
        self.path = str(self.prefix / "conf" / "nginx.conf")

    def source(self, text: str, **options: str) -> Source:
        Path(self.path).write_text(text)
        return Source(self.path, **options)

    def test_read(self) -> None:
        """The prefix is the parent of the file's folder; what texts read is known."""
        found = read_configuration(self.source(TEXT))
        self.assertEqual((found.prefix, found.settings.prefix), (str(self.prefix), str(self.prefix)))
        self.assertEqual(found.settings.error_log, (ErrorLog(str(self.prefix / "logs/own.log")),))
        self.assertTrue(found.attempts_wanted)
        self.assertEqual(len(found.http.listens), 1)

    def test_command_line(self) -> None:
        """A prefix, directives and a default error log come from the command line."""
        source = self.source("events { }", prefix="/srv", globals="worker_processes 7;", error_log="e.log")
        found = read_configuration(source)
        self.assertEqual(found.settings.worker_processes, 7)
        self.assertEqual(found.settings.error_log, (ErrorLog("/srv/e.log"),))
        self.assertEqual((found.http, found.attempts_wanted, found.bodies_wanted), (Http(), False, False))
        text = "events { } http { server { location / { add_header X $request_body; } } }"
        self.assertTrue(read_configuration(self.source(text)).bodies_wanted)
        source = self.source(TEXT, error_log="e.log")
        self.assertTrue(read_configuration(source).settings.error_log[0].path.endswith("own.log"))

    def test_default_error_log(self) -> None:
        """The log of the command line is that of requests, too; a log that is named stays, whatever its name."""
        text = "events { } http { server { location / { } } }"
        for name, path in (("e.log", "/srv/e.log"), ("stderr", "stderr")):
            found = read_configuration(self.source(text, prefix="/srv", error_log=name))
            server = found.http.listens[0].default_server
            self.assertEqual(found.settings.error_log, (ErrorLog(path),))
            self.assertEqual(server.locations[0].settings.error_log, (ErrorLog(path),))
        text = f"error_log logs/error.log; {text}"
        found = read_configuration(self.source(text, prefix="/srv", error_log="e.log"))
        self.assertEqual(found.settings.error_log, (ErrorLog("/srv/logs/error.log"),))

    def test_built_again(self) -> None:
        """A worker builds the very same from the tree, though the file has changed since."""
        found = read_configuration(self.source(TEXT, globals="worker_processes 7;"))
        Path(self.path).write_text("nonsense")
        again = built(found.tree, found.prefix, found.error_log)
        self.assertEqual(again.settings.worker_processes, 7)
        self.assertEqual(
            [listen.address for listen in again.http.listens],
            [listen.address for listen in found.http.listens],
        )
        self.assertEqual(again.settings.files, (self.path,))

    def test_mistake(self) -> None:
        """A mistake is a ConfigError with its place."""
        error = self.assertRaises(ConfigError, read_configuration, self.source("events { }\nbogus;"))
        self.assertEqual(str(error), f'unknown directive "bogus" in {self.path}:2')
