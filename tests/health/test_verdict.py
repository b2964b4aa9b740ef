"""Tests of dyups.health.verdict."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.checks import CheckSpec
from dyups.health.verdict import Verdict


class VerdictTests(SynchronousTestCase):
    """Up and down by good and failed checks in a row."""

    def turns(self, outcomes: str, check: CheckSpec) -> str:
        """What the outcomes (+ good, - failed) do: U goes up, D goes down, . nothing."""
        verdict = Verdict(check.default_down)
        found = ""
        for outcome in outcomes:
            turned = verdict.note(outcome == "+", check)
            found += ("D" if verdict.down else "U") if turned else "."
        return found

    def test_rows(self) -> None:
        """``rise`` good checks in a row, ``fall`` failed ones; one of the other kind begins the row anew."""
        for outcomes, turns, down in (
            ("++", ".U", True),
            ("+-++", "...U", True),
            ("---", "..D", False),
            ("--+---", ".....D", False),
            ("++---++", ".U..D.U", True),
            ("++++", ".U..", True),
            ("-----", "..D..", False),
        ):
            check = CheckSpec(rise=2, fall=3, default_down=down)
            self.assertEqual(self.turns(outcomes, check), turns, outcomes)

    def test_repr(self) -> None:
        """A failing test shows the state."""
        verdict = Verdict(True)
        verdict.note(True, CheckSpec())
        self.assertEqual(repr(verdict), "<Verdict down rises=1 falls=0>")

    @given(st.lists(st.booleans()), st.integers(1, 4), st.integers(1, 4), st.booleans())
    @settings(deadline=None)
    def test_any_outcomes(self, outcomes: list[bool], rise: int, fall: int, down: bool) -> None:
        """The state is that of the last row that was long enough, else the first; one count is always 0."""
        check = CheckSpec(rise=rise, fall=fall, default_down=down)
        verdict = Verdict(down)
        expected, row = down, 0
        for at, good in enumerate(outcomes):
            verdict.note(good, check)
            row = row + 1 if at and outcomes[at - 1] is good else 1
            if row >= (rise if good else fall):
                expected = not good
            self.assertEqual(verdict.down, expected)
            self.assertEqual((verdict.rises, verdict.falls), (row, 0) if good else (0, row))
