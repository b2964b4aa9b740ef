"""The directives of an upstream."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.specs import QueueSpec
from dyups.config.upstreams import parse_commands
from dyups.errors import ConfigError


class Upstream(SynchronousTestCase):
    """What they read."""

    def test_keepalive(self) -> None:
        """Connections may be kept, or none at all."""
        self.assertEqual(parse_commands("a", "server b; keepalive 0;").keepalive, 0)
        self.assertEqual(parse_commands("a", "server b; keepalive 7 local;").keepalive, 7)
        self.assertEqual(parse_commands("a", "server b; keepalive_requests 7;").keepalive_requests, 7)
        self.assertEqual(parse_commands("a", "server b; keepalive_timeout 7;").keepalive_timeout, 7.0)

    def test_queue(self) -> None:
        """How many may wait, and how long."""
        self.assertEqual(parse_commands("a", "server b; queue 5;").queue, QueueSpec(5, 60.0))
        self.assertEqual(parse_commands("a", "server b; queue 5 timeout=500ms;").queue, QueueSpec(5, 0.5))

    def test_zone(self) -> None:
        """A zone has a name and maybe a size, which has to be one; nothing else says that workers count together."""
        self.assertEqual(parse_commands("a", "server b; zone z 32k;").zone, "z")
        self.assertEqual(parse_commands("a", "server b; zone z;").zone, "z")
        self.assertEqual(parse_commands("a", "server b;").zone, "")
        for text, message in {
            "zone '';": 'invalid zone name ""',
            "zone z x;": 'invalid zone size "x"',
            "zone z 4k;": 'zone "z" is too small',
        }.items():
            error = self.assertRaises(ConfigError, parse_commands, "a", f"server b; {text}")
            self.assertEqual(str(error), f"{message} in line 1")

    def test_least_time(self) -> None:
        """``least_time`` and ``random two`` go by the time of the head or of the last byte."""
        for text in ("least_time header", "least_time last_byte inflight", "random two least_time=last_byte"):
            method, *args = text.split()
            spec = parse_commands("a", f"server b; {text};").balancing
            self.assertEqual((spec.method, spec.args), (method, tuple(args)))
