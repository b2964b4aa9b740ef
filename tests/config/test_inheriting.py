"""Fields that a block adds to those of the blocks around it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.helpers import message_of, server_of


class InheritingTests(SynchronousTestCase):
    """``add_header_inherit`` and ``add_trailer_inherit``."""

    def names(self, text: str) -> list[str]:
        """What the innermost location adds."""
        location = server_of(text).locations[0]
        while location.locations:
            location = location.locations[0]
        found = location.settings.answers
        return [field.name for field in (*found.add_header, *found.add_trailer)]

    def test_modes(self) -> None:
        """By default a block's own fields replace those around it, merged they come first, or nothing is inherited."""
        for mode, own, expected in (
            ("", "", "A"),
            ("", "add_header B b;", "B"),
            ("add_header_inherit on;", "add_header B b;", "B"),
            ("add_header_inherit merge;", "add_header B b; add_header C c;", "BCA"),
            ("add_header_inherit merge;", "", "A"),
            ("add_header_inherit off;", "", ""),
            ("add_header_inherit off;", "add_header B b;", "B"),
            ("add_trailer_inherit off;", "", "A"),
        ):
            found = self.names(f"add_header A a; location / {{ {mode} {own} }}")
            self.assertEqual("".join(found), expected, (mode, own))

    def test_trailers(self) -> None:
        """Fields behind bodies have a rule of their own."""
        inner = "add_trailer_inherit merge; add_trailer B b; add_header I i;"
        text = f"add_trailer A a; add_header H h; location / {{ {inner} }}"
        self.assertEqual(self.names(text), ["I", "B", "A"])

    def test_inherited(self) -> None:
        """The rule is inherited itself, level by level."""
        inner = "location / { add_header B b; location /x { add_header C c; } }"
        text = f"add_header_inherit merge; add_header A a; {inner}"
        self.assertEqual(self.names(text), ["C", "B", "A"])
        off = "add_header A a; add_header_inherit off; location / { add_header B b; location /x { } }"
        self.assertEqual(self.names(off), [])

    def test_wrong(self) -> None:
        """Other words are refused."""
        self.assertIn('invalid value "yes"', message_of(self, server_of, "add_header_inherit yes;"))
