"""Tests of dyups.client.arguments."""

from __future__ import annotations

import argparse
import contextlib
import io
import os

from twisted.trial.unittest import SynchronousTestCase

from dyups.client.arguments import EPILOG, TIMEOUT, parser, seconds
from dyups.client.command import CALLS, Status
from dyups.client.place import DEFAULT_URL


class ArgumentsTests(SynchronousTestCase):
    """Command lines."""

    def setUp(self) -> None:
        self.patch(os, "environ", {})

    def parse(self, *argv: str) -> argparse.Namespace:
        return parser(CALLS).parse_args(argv)

    def refused(self, *argv: str) -> str:
        """What a wrong command line is told."""
        error = io.StringIO()
        with contextlib.redirect_stderr(error):
            ended = self.assertRaises(SystemExit, self.parse, *argv)
        self.assertEqual(ended.code, Status.USAGE)
        return error.getvalue()

    def test_defaults(self) -> None:
        """The interface of the example, text for people, ten seconds."""
        options = self.parse("list")
        self.assertEqual((options.url, options.json, options.timeout), (DEFAULT_URL, False, TIMEOUT))
        self.assertIs(options.call, CALLS["list"])

    def test_environment(self) -> None:
        """``DYUPS_URL`` says where the interface is, unless the command line does."""
        self.patch(os, "environ", {"DYUPS_URL": "unix:/s"})
        self.assertEqual(self.parse("list").url, "unix:/s")
        self.assertEqual(self.parse("list", "--url", "http://x").url, "http://x")

    def test_common_options_anywhere(self) -> None:
        """What holds for every command may stand before it or behind it."""
        for argv in (("--json", "--timeout", "3", "show", "x"), ("show", "x", "--json", "--timeout=3")):
            options = self.parse(*argv)
            self.assertEqual((options.json, options.timeout, options.name), (True, 3.0, "x"))

    def test_changes(self) -> None:
        """Each change has its method, its conditions, its text."""
        options = self.parse(
            "set", "x", "server a;", "--create", "--if-match", '"t"', "--dry-run", "--no-wait"
        )
        self.assertEqual((options.method, options.name, options.text), ("POST", "x", "server a;"))
        self.assertEqual((options.create, options.if_match), (True, '"t"'))
        self.assertTrue(options.dry_run and options.no_wait)
        self.assertEqual(self.parse("patch", "x", "y").method, "PATCH")
        options = self.parse("delete", "x")
        self.assertEqual((options.method, options.create, "text" in options), ("DELETE", False, False))

    def test_mistakes(self) -> None:
        """Wrong command lines end with status 2 and say what is wrong."""
        table = {
            (): "COMMAND",
            ("frob",): "invalid choice",
            ("show",): "NAME",
            ("set", "x"): "BODY",
            ("delete", "x", "--create"): "unrecognized",
            ("list", "--timeout", "soon"): "seconds",
            ("list", "--timeout", "0"): "seconds",
            ("watch", "--count", "x"): "int",
        }
        for argv, reason in table.items():
            self.assertIn(reason, self.refused(*argv))

    def test_seconds(self) -> None:
        """Positive and finite."""
        self.assertEqual(seconds("0.5"), 0.5)
        for text in ("-1", "0", "nan", "inf", "x"):
            self.assertRaises(ValueError, seconds, text)

    def test_help(self) -> None:
        """The help fits a terminal and names every command and every exit status."""
        text = parser(CALLS).format_help()
        for word in (*CALLS, "DYUPS_URL"):
            self.assertIn(word, text)
        self.assertTrue(all(len(line) <= 80 for line in EPILOG.splitlines()))
        for status in Status:
            if status is not Status.INTERRUPTED:
                self.assertRegex(EPILOG, rf"(?m)(^|  ){status.value}  ")
