"""The steps of the rewrite phase."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.exchange import Exchange
from dyups.proxy.rewrite.steps import BREAK, DONE, NEXT, run_steps
from tests.proxy.conversation import World, get, head


class Says:
    """A step that says one thing and remembers that it ran."""

    def __init__(self, verdict: int) -> None:
        self.verdict = verdict
        self.runs = 0

    def run(self, exchange: object) -> int:
        self.runs += 1
        return self.verdict


class StepTests(SynchronousTestCase):
    """:func:`run_steps`, ``set``, ``return`` and ``internal``."""

    def test_first_word(self) -> None:
        """Steps run in order until one says more than to go on."""
        for verdict, expected in ((NEXT, 1), (BREAK, 0), (DONE, 0)):
            steps = [Says(NEXT), Says(verdict), Says(NEXT)]
            self.assertEqual(run_steps(Exchange(None), steps), verdict)  # type: ignore[arg-type]
            self.assertEqual([step.runs for step in steps], [1, 1, expected])

    def test_set_and_return(self) -> None:
        """A variable has the value of the last ``set`` before it is read; ``return`` ends the phase."""
        world = World(
            "server { listen 8080; set $a 1; location / { set $b $a$a; return 200 $b; return 201; } }"
        )
        answer = head(world.ask(get("/")))
        self.assertEqual((answer[0], answer[2]), (200, b"11"))

    def test_silent(self) -> None:
        """444 is no answer at all."""
        world = World("server { listen 8080; location / { return 444; } }")
        client = world.client()
        client.say(get("/"))
        self.assertEqual((client.got, client.closed), (b"", True))

    def test_internal(self) -> None:
        """From outside an internal location is not there, nor what leads to it."""
        world = World("server { listen 8080; location /in/ { internal; return 200 x; } }")
        for path in ("/in/", "/in/x"):
            self.assertEqual(head(world.ask(get(path)))[0], 404)
