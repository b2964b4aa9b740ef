"""Tests of dyups.workers.words; that they cross the channel is tested with ``link``."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase

from dyups.workers import words


def all_words() -> list[type[amp.Command]]:
    """Every word."""
    return [each for each in vars(words).values() if isinstance(each, type) and issubclass(each, amp.Command)]


class WordsTests(SynchronousTestCase):
    """The words as AMP has them."""

    def test_names(self) -> None:
        """No two words have the same name, by which the other end knows them."""
        names = [each.commandName for each in all_words()]
        self.assertEqual(sorted({*names}), sorted(names))

    def test_orders_are_not_answered(self) -> None:
        """An order, or something that is only told, costs no answer."""
        for word in (words.Forget, words.Ready, words.Judge, words.Accept, words.Quit, words.Reopen):
            self.assertFalse(word.requiresAnswer, word)

    @settings(deadline=None)
    @given(st.integers(0, 1 << 64), st.integers(0, (1 << 128) - 1))
    def test_ready(self, sequence: int, digest: int) -> None:
        """What a worker routes by crosses whole, all 128 bits of its digest."""
        said: dict[str, Any] = {"sequence": sequence, "digest": digest}
        box = words.Ready.makeArguments(said, None)
        self.assertEqual(words.Ready.parseArguments(box, None), said)
