"""Compiled texts as values."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.template import Template


class TemplateTests(SynchronousTestCase):
    """:class:`Template`."""

    def test_same(self) -> None:
        """Two are the same if source, renderer and constant are."""

        def render(exchange: object) -> bytes:
            return b"a"

        self.assertEqual(Template("a", render, b"a"), Template("a", render, b"a"))
        self.assertNotEqual(Template("a", render), Template("a", render, b"a"))
        self.assertEqual(Template("a", render).render(None), b"a")
