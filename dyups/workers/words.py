"""The rare words of the control channel, as Twisted AMP has them; ``link`` says them and takes them.

What every change takes is not among them: those words are ``frames``'.
"""

from __future__ import annotations

from typing import Any

from twisted.protocols import amp

from dyups.workers.channel import Arguments, Text

_TEXT: Any = Text
_NUMBER: Arguments = [(b"number", amp.Integer())]
_SEQUENCE: Arguments = [(b"sequence", amp.Integer())]
_STATE: Arguments = [(b"sequence", amp.Integer()), (b"digest", amp.Integer())]


class Forget(amp.Command):
    """Nobody waits for the answer to that call any more."""

    arguments = _NUMBER
    requiresAnswer = False


class Workers(amp.Command):
    """The facts of every worker, as JSON."""

    response = [(b"facts", _TEXT())]


class Checks(amp.Command):
    """What health checks know of every server, as JSON."""

    response = [(b"report", _TEXT())]


class Totals(amp.Command):
    """What all workers have counted, as JSON; asked of the master."""

    response = [(b"facts", _TEXT())]


class Count(amp.Command):
    """What one worker has counted, as JSON; asked by the master."""

    response = [(b"facts", _TEXT())]


class Ready(amp.Command):
    """The worker has its map."""

    arguments = _STATE
    requiresAnswer = False


class Judge(amp.Command):
    """Health checks have found servers up or down; ``sequence`` is the change by which these servers are there."""

    arguments = [*_SEQUENCE, (b"verdicts", _TEXT())]
    requiresAnswer = False


class Accept(amp.Command):
    """Begin to accept connections."""

    requiresAnswer = False


class Quit(amp.Command):
    """End: at once, or when the requests under way are done; idle connections close after ``idle`` seconds."""

    arguments = [(b"graceful", amp.Boolean()), (b"idle", amp.Float())]
    requiresAnswer = False


class Reopen(amp.Command):
    """Open the logs anew."""

    requiresAnswer = False
