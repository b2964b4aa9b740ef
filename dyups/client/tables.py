"""Answers as people read them: columns of text.

``command`` prints what these functions give; whoever wants to read it with a program takes ``--json``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dyups.client.watching import Change

Facts = Mapping[str, Any]

_DETAIL = ("UPSTREAM", "METHOD", "SERVER", "STATE", "ACTIVE", "REQUESTS", "FAILS", "IDLE")
_WORKERS = ("PID", "STATE", "SEQUENCE", "HEARTBEAT", "DIGEST")
_GAP = "  "


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as their widest text, numbers to the right."""
    texts = [[*header], *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = (_GAP.join(map(_justified, line, widths)).rstrip() for line in texts)
    return "".join(f"{line}\n" for line in lines)


def _justified(text: str, width: int) -> str:
    return text.rjust(width) if text.replace(".", "", 1).isdigit() else text.ljust(width)


def detail_table(detail: Facts) -> str:
    """Every server of every upstream, a line each; counters are those of the worker that answered."""
    return table(_DETAIL, (row for upstream in detail["upstreams"] for row in _servers(upstream)))


def _servers(upstream: Facts) -> Iterable[Sequence[object]]:
    name, method = upstream["name"], upstream["balancing"]["method"]
    for server in upstream["servers"]:
        peers = server["peers"]
        counters = (
            sum(peer[counter] for peer in peers) for counter in ("active", "requests", "fails", "idle")
        )
        text = server["command"].removeprefix("server ").removesuffix(";")
        yield name, method, text, state_of(server), *counters


def state_of(server: Facts) -> str:
    """``up``, ``down`` or ``draining`` as was said, ``out`` where all of its addresses have failed too often."""
    if server["down"]:
        return "down"
    if server.get("drain"):
        return "draining"
    return "up" if any(peer["up"] for peer in server["peers"]) else "out"


def workers_table(workers: Iterable[Facts]) -> str:
    """The workers, a line each."""
    rows = (
        (facts["pid"], facts["state"], facts["sequence"], f"{facts['heartbeat']:.3f}", facts["digest"])
        for facts in workers
    )
    return table(_WORKERS, rows)


def changes_text(changes: Iterable[Change]) -> str:
    """A line for each upstream that changed, and under it what it has now (``+``) and had before (``-``)."""
    lines: list[str] = []
    for change in changes:
        lines.append(f"[{change.sequence}] {change.kind} {change.name}")
        lines += [f"    - {command}" for command in change.removed]
        lines += [f"    + {command}" for command in change.added]
    return "".join(f"{line}\n" for line in lines)
