"""What a step of the rewrite phase, or a phase that may wait, says of the request; and a run of steps.

Below the steps themselves (``steps``, ``rewriting``), whose blocks run steps in their turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from dyups.errors import RegexFailed
from dyups.proxy.exchange import Exchange
from dyups.proxy.searching import report

NEXT: Final = 0
"""Go on with what follows."""
BREAK: Final = 1
"""The rewrite phase is over; go on with the phase that follows it."""
AGAIN: Final = 2
"""The path has changed: a location is to be found anew."""
DONE: Final = 3
"""The request is answered, or has been sent elsewhere."""
WAIT: Final = 4
"""A phase's alone: somebody will go on with the request later."""


class Runnable(Protocol):
    """A step, ready to run."""

    def run(self, exchange: Exchange) -> int:
        """Do it; one of ``NEXT``, ``BREAK``, ``AGAIN`` and ``DONE``."""
        ...


def run_steps(exchange: Exchange, steps: Sequence[Runnable]) -> int:
    """Run steps until one says otherwise than ``NEXT``; what it said.

    A regular expression that takes too long ends the request with 500 (``ngx_http_script_regex_start_code``).
    """
    try:
        for step in steps:
            verdict = step.run(exchange)
            if verdict:
                return verdict
    except RegexFailed as failure:
        report(exchange, failure)
        exchange.client.refuse(500)
        return DONE
    return NEXT
