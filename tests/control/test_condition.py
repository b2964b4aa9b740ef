"""Tests of dyups.control.condition."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.upstreams import parse_commands, print_upstream
from dyups.control.condition import ALWAYS, Condition, condition_of, etag_of
from dyups.errors import CommandRefused, LostRace

MINE, OTHER = '"00ff"', '"11"'

bodies = st.lists(
    st.sampled_from(["keepalive 2;", "server a;", "server b weight=2;", "server 127.0.0.1:9 down;"]),
    min_size=1,
    max_size=3,
    unique=True,
).map(lambda commands: "".join(commands) + "server z;")


class TagTests(SynchronousTestCase):
    """Entity tags."""

    def test_form(self) -> None:
        """A strong tag: quotes, no ``W/``."""
        tag = etag_of(parse_commands("a", "server b;"))
        self.assertTrue(re.fullmatch(r'"[0-9a-f]{32}"', tag), tag)

    @settings(deadline=None, max_examples=60)
    @given(bodies, bodies)
    def test_same_tag_same_upstream(self, one: str, two: str) -> None:
        """Two upstreams have the same tag if and only if they print the same."""
        first, second = parse_commands("a", one), parse_commands("a", two)
        self.assertEqual(etag_of(first) == etag_of(second), print_upstream(first) == print_upstream(second))


class ConditionTests(SynchronousTestCase):
    """What the two fields ask."""

    def test_table(self) -> None:
        """RFC 9110 sections 13.1.1 and 13.1.2, row by row: the fields, the tag of what is there, which one fails."""
        table: list[tuple[str, str, str | None, str]] = [
            ("", "", MINE, ""),
            ("", "", None, ""),
            (MINE, "", MINE, ""),
            (OTHER, "", MINE, "If-Match"),
            (f"{OTHER}, {MINE}", "", MINE, ""),
            (f"W/{MINE}", "", MINE, "If-Match"),
            ("*", "", MINE, ""),
            ("*", "", None, "If-Match"),
            (MINE, "", None, "If-Match"),
            ("", MINE, MINE, "If-None-Match"),
            ("", f"W/{MINE}", MINE, "If-None-Match"),
            ("", OTHER, MINE, ""),
            ("", MINE, None, ""),
            ("", "*", MINE, "If-None-Match"),
            ("", "*", None, ""),
            (MINE, MINE, MINE, "If-None-Match"),
        ]
        for if_match, if_none_match, tag, failed in table:
            condition = Condition(if_match, if_none_match)
            self.assertEqual(condition.failed(tag), failed, (condition, tag))

    def test_required(self) -> None:
        """A condition that does not hold is 412, and says which field and why."""
        spec = parse_commands("a", "server b;")
        Condition(etag_of(spec)).require(spec)
        ALWAYS.require(None)
        for condition, found, reason in (
            (Condition(OTHER), spec, "If-Match: the upstream is another one by now"),
            (Condition("*"), None, "If-Match: the upstream is not there"),
            (Condition("", "*"), spec, "If-None-Match: the upstream is there"),
        ):
            error = self.assertRaises(LostRace, condition.require, found)
            self.assertEqual((error.status, error.reason), (412, reason))

    def test_fields(self) -> None:
        """Fields that read, with odd white space and empty members, and fields that do not."""
        self.assertEqual(condition_of(None, None), ALWAYS)
        for value in ("*", " * ", '"a"', '"a" ,W/"b"', ', "a",, "b",', '""'):
            self.assertEqual(condition_of(value, None), Condition(value))
            self.assertEqual(condition_of(None, value), Condition("", value))
        for value in ("", "a", '"a', '"a" "b"', '*, "a"', '"a"b', 'w/"a"', '"a b"'):
            self.assertRaises(CommandRefused, condition_of, value, None)
            self.assertRaises(CommandRefused, condition_of, None, value)
