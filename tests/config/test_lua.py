"""Where a block of Lua ends."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.lua import end_of_block

ENDS = {
    " }": 1,
    "{}}x": 2,
    "'}' }": 4,
    '"\\"}" }': 6,
    "[[}]] }": 6,
    "[==[ ]] } ]==] }": 15,
    "-- }\n}": 5,
    "--[[ }\n} ]] }": 12,
    "--[=[ } ]] ]=]}": 14,
    "": -1,
    "{}": -1,
    "[[ }": -1,
    "-- }": -1,
}


class Ends(SynchronousTestCase):
    """Braces count only in code."""

    def test_ends(self) -> None:
        """Strings, long brackets and comments are skipped; an open block has no end."""
        self.assertEqual({text: end_of_block(text, 0) for text in ENDS}, ENDS)

    def test_start(self) -> None:
        """Reading begins where it is told to."""
        self.assertEqual(end_of_block("}} }", 2), 3)
