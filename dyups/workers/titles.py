"""What ``ps`` shows of our processes, as nginx does it."""

from __future__ import annotations

from collections.abc import Sequence

from setproctitle import setproctitle

WORKER = "dyups: worker process"
SHUTTING_DOWN = "dyups: worker process is shutting down"


def master_title(argv: Sequence[str]) -> str:
    """The master's: with the command that started it."""
    return f"dyups: master process {' '.join(argv)}"


def show(title: str) -> None:
    """Make it this process's title."""
    setproctitle(title)
