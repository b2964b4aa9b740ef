"""Tests of dyups.workers.truth."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.parser import Tree, parse_text
from dyups.config.upstreams import parse_commands
from dyups.workers.configuration import built
from dyups.workers.truth import Truth, carry_over, establish


def truth_of(http: str) -> Truth:
    """What this ``http`` block says."""
    tree = Tree(
        parse_text(
            f"events {{ }} http {{ access_log off; server {{ listen 127.0.0.1:1; access_log off; {http} }} }}"
        ),
        (),
    )
    return establish(built(tree, "/nowhere", None))


def say(truth: Truth, name: str, body: str) -> None:
    """A change while running."""
    spec = parse_commands(name, body, truth.upstreams.variables)
    truth.upstreams.replace(spec, {"127.0.0.1": ("127.0.0.1",)})


class VariableTests(SynchronousTestCase):
    """Keys of balancing methods read what the configuration defines."""

    def test_still_there(self) -> None:
        """A key that was said while running is compiled anew with the new configuration."""
        old, new = truth_of("set $mine a;"), truth_of("set $mine b;")
        say(old, "x", "hash $mine; server 127.0.0.1; server 127.0.0.1:81;")
        self.assertTrue(carry_over(old, new))
        self.assertEqual([spec.name for spec in new.upstreams.specs()], ["x"])

    def test_gone(self) -> None:
        """An upstream whose key reads a variable that is gone stays as the files have it; others are carried over."""
        old, new = truth_of("set $mine a;"), truth_of("")
        say(old, "x", "hash $mine; server 127.0.0.1;")
        say(old, "y", "least_conn; server 127.0.0.1;")
        self.assertTrue(carry_over(old, new))
        self.assertEqual([spec.name for spec in new.upstreams.specs()], ["y"])
