"""The reference, written from the table."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives import all_entries, find
from dyups.config.directives.entry import Context
from dyups.config.reference import context_names, main, pages

DOCS = Path(__file__).parents[2] / "docs"


class Pages(SynchronousTestCase):
    """What is written."""

    def test_committed_files_are_current(self) -> None:
        """The pages in docs/ are what the table says today (else run 'make docs')."""
        for name, text in pages().items():
            self.assertEqual((DOCS / name).read_text(encoding="utf-8"), text)

    def test_every_directive_is_named(self) -> None:
        """No entry is missing from the overview."""
        text = pages()["supported.rst"]
        missing = [entry.name for entry in all_entries() if f"``{entry.name}" not in text]
        self.assertEqual(missing, [])

    def test_skeleton(self) -> None:
        """A directive has its syntax, default, context and text."""
        self.assertIn(
            "keepalive_timeout (upstream)\n----------------------------\n\n:Syntax: ``keepalive_timeout time;``\n"
            ":Default: ``keepalive_timeout 60s;``\n:Context: upstream\n\nHow long",
            pages()["directives.rst"],
        )

    def test_contexts(self) -> None:
        """Contexts are nginx's words."""
        self.assertEqual(context_names(find("send_timeout", Context.HTTP)), "http, server, location")

    def test_main(self) -> None:
        """The command writes both pages into a folder, and says how it is used."""
        folder = self.mktemp()
        self.assertEqual(main([folder]), 0)
        self.assertEqual({path.name for path in Path(folder).iterdir()}, set(pages()))
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(main([]), 2)
        self.assertIn("usage", said.getvalue())
