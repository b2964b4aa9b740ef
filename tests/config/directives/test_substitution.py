"""The table of texts that are replaced."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.helpers import location_of, message_of

BAD = {
    "sub_filter '' a;": "empty search pattern in conf/nginx.conf:5",
    "sub_filter a;": 'invalid number of arguments in "sub_filter" directive in conf/nginx.conf:5',
    "sub_filter a $nosuch;": 'unknown "nosuch" variable in conf/nginx.conf:5',
}


class Substitutions(SynchronousTestCase):
    """``sub_filter`` and its siblings."""

    def test_mistakes(self) -> None:
        """Mistakes are told in nginx's words."""
        self.assertEqual({text: message_of(self, location_of, text) for text in BAD}, BAD)

    def test_inherited(self) -> None:
        """A block that has one has those of the blocks around it no more."""
        outer = location_of(
            "sub_filter a b; sub_filter c $host; location /a { } location /b { sub_filter d e; }"
        )
        found = [
            [pair.text.source for pair in location.settings.substitution.sub_filter]
            for location in (outer, *outer.locations)
        ]
        self.assertEqual(found, [["a", "c"], ["a", "c"], ["d"]])

    def test_types(self) -> None:
        """``text/html`` is always among them."""
        found = location_of("sub_filter_types text/CSS;").settings.substitution.sub_filter_types
        self.assertEqual(found, {b"text/html", b"text/css"})
