"""Errors carry what their reader needs: a place, a status, an offset."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups import errors
from dyups.errors import (
    ChangeError,
    ChangeFailed,
    CommandRefused,
    ConfigError,
    DyupsError,
    JournalDamaged,
    LockHeld,
    LostRace,
    RequestRefused,
    UnknownUpstream,
)


class ConfigErrorTests(SynchronousTestCase):
    """Where the mistake is, as nginx words it."""

    def test_a_line_of_a_file(self) -> None:
        """``in FILE:LINE``."""
        error = ConfigError('unknown directive "foo"', "conf/nginx.conf", 12)
        self.assertEqual(str(error), 'unknown directive "foo" in conf/nginx.conf:12')

    def test_a_line_of_a_text(self) -> None:
        """The body of a POST has lines and no name."""
        self.assertEqual(str(ConfigError("bad", line=3)), "bad in line 3")

    def test_no_line(self) -> None:
        """A missing file is no line's fault."""
        self.assertEqual(str(ConfigError("missing", "conf/nginx.conf")), "missing")

    @given(st.text(), st.text(), st.integers(min_value=0))
    def test_the_message_comes_first(self, message: str, file: str, line: int) -> None:
        """Whatever the place, the text starts with what is wrong."""
        error = ConfigError(message, file, line)
        self.assertTrue(str(error).startswith(message))
        self.assertEqual((error.message, error.file, error.line), (message, file, line))


class FamilyTests(SynchronousTestCase):
    """Who handles what."""

    def test_all_are_one_family(self) -> None:
        """Nothing else that this project raises crosses a floor."""
        for value in vars(errors).values():
            if isinstance(value, type) and issubclass(value, Exception):
                self.assertTrue(issubclass(value, DyupsError), value)

    def test_changes_have_a_status(self) -> None:
        """What the operator's client gets: mend it, unknown, again, somebody was faster, not stored."""
        expected = {
            ChangeError: 500,
            CommandRefused: 400,
            UnknownUpstream: 404,
            LockHeld: 409,
            LostRace: 412,
            ChangeFailed: 500,
        }
        self.assertEqual({kind: kind("why").status for kind in expected}, expected)

    def test_a_held_lock_says_what_the_c_module_says(self) -> None:
        """Clients compare with it."""
        self.assertEqual(LockHeld().reason, "wait and try again\n")

    def test_damage_has_a_place(self) -> None:
        """The path and the byte at which the unreadable part begins."""
        error = JournalDamaged("a record does not check", "/srv/up.conf.journal", 512)
        self.assertEqual(str(error), "a record does not check in /srv/up.conf.journal at byte 512")
        self.assertEqual((error.path, error.offset), ("/srv/up.conf.journal", 512))

    def test_a_refused_request_has_its_status(self) -> None:
        """The answer and, for the error log, the reason."""
        error = RequestRefused(413, "client intended to send too large body")
        self.assertEqual((error.status, error.reason), (413, "client intended to send too large body"))
        self.assertEqual(str(error), "413: client intended to send too large body")
