"""Tests of dyups.config.checks."""

from __future__ import annotations

import pickle

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.checks import TYPES, CheckSpec, put_together, read_alive, read_check
from tests.config.helpers import message_of

REFUSED = {
    "interval": 'invalid parameter "interval"',
    "interval=": 'invalid parameter "interval="',
    "interval=0": 'invalid parameter "interval=0"',
    "interval=3s": 'invalid parameter "interval=3s"',
    "rise=-1": 'invalid parameter "rise=-1"',
    "fall=0": 'invalid parameter "fall=0"',
    "timeout=0": 'invalid parameter "timeout=0"',
    "type=fastcgi": 'invalid parameter "type=fastcgi"',
    "type=HTTP": 'invalid parameter "type=HTTP"',
    "port=0": 'invalid parameter "port=0"',
    "port=65536": 'invalid parameter "port=65536"',
    "default_down=1": 'invalid value "default_down=1", it must be "true" or "false"',
    "unique=on": 'invalid value "unique=on", it must be "true" or "false"',
    "passes=1": 'invalid parameter "passes=1"',
}
specs = st.builds(
    CheckSpec,
    type=st.sampled_from(TYPES),
    interval=st.integers(1, 10**6).map(lambda number: number / 1000),
    rise=st.integers(1, 99),
    fall=st.integers(1, 99),
    timeout=st.integers(1, 10**6).map(lambda number: number / 1000),
    default_down=st.booleans(),
    port=st.integers(1, 65535),
    unique=st.booleans(),
)


def words(spec: CheckSpec) -> list[str]:
    """The arguments that say it."""
    return [
        f"type={spec.type}",
        f"interval={round(spec.interval * 1000)}",
        f"rise={spec.rise}",
        f"fall={spec.fall}",
        f"timeout={round(spec.timeout * 1000)}",
        f"default_down={'true' if spec.default_down else 'FALSE'}",
        f"port={spec.port}",
        f"unique={'True' if spec.unique else 'false'}",
    ]


class ReadTests(SynchronousTestCase):
    """The parameters of ``check``."""

    def test_defaults(self) -> None:
        """What is not said is Tengine's default."""
        found = read_check(["interval=3000"])
        self.assertEqual(found, CheckSpec("tcp", 3.0, 2, 5, 1.0, True, 0, False))
        self.assertEqual(CheckSpec().interval, 30.0)

    def test_refused(self) -> None:
        """What Tengine refuses is refused in its words."""
        for word, error in REFUSED.items():
            self.assertEqual(message_of(self, read_check, [word]), error)

    @given(specs)
    @settings(deadline=None)
    def test_all_parameters(self, spec: CheckSpec) -> None:
        """Each parameter arrives in its field, in any order; a check can go to another process."""
        self.assertEqual(read_check(words(spec)), spec)
        self.assertEqual(read_check(words(spec)[::-1]), spec)
        self.assertEqual(pickle.loads(pickle.dumps(spec)), spec)

    def test_alive(self) -> None:
        """Classes of status codes, in any case; twice is once."""
        self.assertEqual(read_alive(["http_2xx", "HTTP_4XX", "http_2xx"]), frozenset({2, 4}))
        self.assertEqual(message_of(self, read_alive, ["2xx"]), 'invalid value "2xx"')


class TogetherTests(SynchronousTestCase):
    """``check`` and its companions."""

    def test_put_together(self) -> None:
        """The companions fill fields of the check; without one they mean nothing."""
        self.assertEqual(put_together(CheckSpec(rise=7), {"send": b"x"}), CheckSpec(rise=7, send=b"x"))
        self.assertEqual(put_together(CheckSpec(rise=7), {}), CheckSpec(rise=7))
        self.assertIsNone(put_together(None, {"send": b"x"}))
