"""Answers of resources at the pace of their location."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import NOT_DONE_YET

from tests.proxy.test_webresource import Called, get, world_of


class PaceTests(SynchronousTestCase):
    """Answers of resources at the pace of their location (``limit_rate``)."""

    def test_pace(self) -> None:
        """What a resource says goes out so many bytes a second, all of it; who produces it waits meanwhile."""
        http = "server { listen 8080; limit_rate 1000; location / { dyups_interface; } }"
        world = world_of(Called(lambda request: b"x" * 2500), http)
        client = world.client()
        client.say(get())
        self.assertEqual(len(client.read()), 1000)
        world.clock.pump([0.05] * 60)
        self.assertTrue(client.read().endswith(b"x" * 1000))
        client.say(get())
        self.assertEqual(len(client.read()), 1000)

    def test_producer(self) -> None:
        """A producer is paused while something waits, and goes on after it."""
        calls: list[str] = []

        class Producer:
            def pauseProducing(self) -> None:
                calls.append("pause")

            def resumeProducing(self) -> None:
                calls.append("resume")

            def stopProducing(self) -> None:
                calls.append("stop")

        def render(request: Any) -> Any:
            request.registerProducer(Producer(), True)
            request.write(b"x" * 1500)
            return NOT_DONE_YET

        http = "server { listen 8080; set $limit_rate 1000; location / { dyups_interface; } }"
        world = world_of(Called(render), http)
        client = world.client()
        client.say(get())
        self.assertEqual(calls, ["pause"])
        world.clock.pump([0.05] * 40)
        self.assertEqual(calls, ["pause", "resume"])
        client.hang_up()
        self.assertEqual(calls, ["pause", "resume", "stop"])
