"""What tests of this floor share: reactors, each on a loop of its own, and a protocol."""

from __future__ import annotations

from typing import Any

import uvloop
from twisted.test.test_tcp import AccumulatingProtocol

from dyups.net import reactor


def UvloopReactor(case: Any) -> reactor.UvloopReactor:
    """A reactor for one test; the name becomes part of the names of the test classes."""
    loop = uvloop.new_event_loop()
    case.addCleanup(close, loop)
    return reactor.UvloopReactor(loop)


def close(loop: Any) -> None:
    """Close the loop, after a turn in which it ends what the test left open."""
    if loop.is_closed():
        return
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()


class LateBound(AccumulatingProtocol):
    """Calls the ``dataReceived`` that was last assigned to it, which the transport alone would not do."""

    def dataReceived(self, data: bytes) -> None:
        assigned = self.__dict__.get("dataReceived")
        if assigned is None:
            super().dataReceived(data)
        else:
            assigned(data)
