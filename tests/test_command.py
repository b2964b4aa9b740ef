"""The ``dyups`` command, without starting anything."""

from __future__ import annotations

import io
import os
import signal
import sys

from twisted.trial.unittest import SynchronousTestCase

from dyups import command

CONFIG = "daemon off;\npid run/pid;\nevents {}\nhttp { server { listen 8080; location / { return 200; } } }\n"


class CommandTests(SynchronousTestCase):
    """nginx's command line."""

    def setUp(self) -> None:
        self.prefix = self.mktemp()
        os.makedirs(os.path.join(self.prefix, "conf"))
        self.write("conf/nginx.conf", CONFIG)
        self.err = io.StringIO()
        self.patch(sys, "stderr", self.err)

    def write(self, name: str, text: str) -> str:
        path = os.path.join(self.prefix, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def run_command(self, *argv: str) -> int:
        try:
            return command.main(["-p", self.prefix, *argv])
        except SystemExit as end:
            return int(end.code or 0)

    def test_good_configuration(self) -> None:
        """``-t`` says twice that all is well, naming the file as it was opened, and starts nothing."""
        self.assertEqual(self.run_command("-t"), 0)
        path = os.path.join(self.prefix, "conf/nginx.conf")
        self.assertEqual(
            self.err.getvalue(),
            f"dyups: the configuration file {path} syntax is ok\ndyups: configuration file {path} test is successful\n",
        )

    def test_quiet(self) -> None:
        """``-q`` keeps a good test silent."""
        self.assertEqual(self.run_command("-t", "-q"), 0)
        self.assertEqual(self.err.getvalue(), "")

    def test_not_done(self) -> None:
        """What is taken and not done is said when a configuration is tested, with its place."""
        self.write("conf/nginx.conf", CONFIG.replace("http {", "http { http2_push on;"))
        self.assertEqual(self.run_command("-t"), 0)
        path = os.path.join(self.prefix, "conf/nginx.conf")
        expected = f'[warn] the "http2_push" directive is obsolete, ignored in {path}:4\n'
        self.assertIn(expected, self.err.getvalue())

    def test_names(self) -> None:
        """A name that would stop the start fails the test, and where upstreams may come it is a warning."""
        unknown = CONFIG.replace("return 200", "proxy_pass http://no.such.invalid")
        self.write("conf/nginx.conf", unknown)
        self.assertEqual(self.run_command("-t"), 1)
        path = os.path.join(self.prefix, "conf/nginx.conf")
        said = f'host not found in upstream "no.such.invalid" in {path}:4\n'
        self.assertIn(f"[emerg] {said}", self.err.getvalue())
        self.write("conf/nginx.conf", unknown.replace("http {", "http { dyups_upstream_conf conf/up;"))
        self.assertEqual(self.run_command("-t"), 0)
        self.assertIn(f"[warn] {said}", self.err.getvalue())
        self.assertEqual(sorted(os.listdir(os.path.dirname(path))), ["nginx.conf"])

    def test_bad_configuration(self) -> None:
        """A wrong file is ``[emerg]`` with its place, and status 1."""
        self.write("conf/bad.conf", "events {}\nfoo bar;\n")
        self.assertEqual(self.run_command("-t", "-c", "conf/bad.conf"), 1)
        self.assertIn('[emerg] unknown directive "foo" in ', self.err.getvalue())
        self.assertIn("conf/bad.conf:2\n", self.err.getvalue())
        self.assertIn("test failed", self.err.getvalue())

    def test_bad_dump(self) -> None:
        """The dump file is part of what is tested."""
        self.write("conf/dump.conf", "upstream a {\n server;\n}\n")
        self.write(
            "conf/nginx.conf",
            "events {}\nhttp { dyups_upstream_conf conf/dump.conf; include conf/dump.conf; }\n",
        )
        self.assertEqual(self.run_command("-t"), 1)
        self.assertIn('[emerg] invalid number of arguments in "server" directive', self.err.getvalue())
        self.assertIn("conf/dump.conf:2\n", self.err.getvalue())

    def test_globals(self) -> None:
        """``-g`` adds directives, and a repeated one is seen."""
        self.assertEqual(self.run_command("-t", "-g", "worker_processes 2;"), 0)
        self.assertEqual(self.run_command("-t", "-g", "daemon on;"), 1)
        self.assertIn('"daemon" directive is duplicate', self.err.getvalue())

    def test_print(self) -> None:
        """``-T`` prints each file after a line that names it."""
        out = io.TextIOWrapper(io.BytesIO())
        self.patch(sys, "stdout", out)
        self.assertEqual(self.run_command("-T", "-q"), 0)
        path = os.path.join(self.prefix, "conf/nginx.conf")
        written = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
        self.assertEqual(written, f"# configuration file {path}:\n{CONFIG}\n")

    def test_unknown_option(self) -> None:
        """A wrong option is ``[emerg]`` and status 1."""
        self.assertEqual(self.run_command("-x"), 1)
        self.assertIn("[emerg]", self.err.getvalue())

    def test_signal_is_sent(self) -> None:
        """``-s reload`` is HUP to the process of the pid file."""
        sent: list[tuple[int, int]] = []
        self.patch(os, "kill", lambda pid, number: sent.append((pid, number)))
        self.write("run/pid", "4711\n")
        self.assertEqual(self.run_command("-s", "reload"), 0)
        self.assertEqual(sent, [(4711, signal.SIGHUP)])

    def test_signal_without_process(self) -> None:
        """No pid file, nonsense in it, nobody of that number, no such signal: each is said, with status 1."""
        self.assertEqual(self.run_command("-s", "stop"), 1)
        self.assertIn("[error] open() ", self.err.getvalue())
        self.write("run/pid", "junk")
        self.assertEqual(self.run_command("-s", "stop"), 1)
        self.assertIn('[error] invalid PID number "junk"', self.err.getvalue())
        self.write("run/pid", str(2**22 + 1))
        self.assertEqual(self.run_command("-s", "stop"), 1)
        self.assertIn("[alert] kill(", self.err.getvalue())
        self.assertEqual(self.run_command("-s", "dance"), 1)
        self.assertIn('[emerg] invalid option: "-s dance"', self.err.getvalue())

    def test_versions(self) -> None:
        """``-v`` and ``-V`` need no configuration."""
        self.assertEqual(self.run_command("-v"), 0)
        self.assertIn("dyups version: dyups/", self.err.getvalue())
        self.assertEqual(self.run_command("-V"), 0)
        self.assertIn("configure arguments:", self.err.getvalue())

    def test_same_start_as_twistd(self) -> None:
        """A start is twistd's with the same file, prefix, directives and log."""
        options = command._parser().parse_args(["-p", "/p", "-c", "a.conf", "-e", "e.log", "-g", "pid x;"])
        self.assertEqual(
            command.twistd_arguments(options),
            [
                "dyups",
                "--config",
                "/p/a.conf",
                "--prefix",
                "/p",
                "--globals",
                "pid x;",
                "--error-log",
                "e.log",
            ],
        )

    def test_closed_standard_error(self) -> None:
        """The command runs with standard error closed."""
        self.patch(sys, "stderr", None)
        self.assertEqual(self.run_command("-t"), 0)
        self.assertEqual(self.run_command("-v"), 0)
