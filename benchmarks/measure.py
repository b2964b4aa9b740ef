"""Processor time and memory of a process with all its descendants, read from ``/proc`` (proc(5)).

Processor time is user and system time of every process of the tree, and of those that it has waited for already; so
nothing a server hands to its helpers is missed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK = 1.0 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ProcessStat:
    """What ``/proc/PID/stat`` says; times in clock ticks."""

    pid: int
    parent: int
    own: int
    """User and system time of the process itself, all its threads."""
    waited_for: int
    """The same of its children that have ended and were waited for."""


def parse_stat(text: str) -> ProcessStat:
    """Read one ``stat`` line; the name in it may hold blanks and parentheses, so fields count from its last one."""
    pid, _, rest = text.partition(" (")
    fields = rest[rest.rindex(")") + 2 :].split()
    user, system, child_user, child_system = (int(field) for field in fields[11:15])
    return ProcessStat(int(pid), int(fields[1]), user + system, child_user + child_system)


def parse_rss(status: str) -> int:
    """Bytes of resident memory in the text of ``/proc/PID/status``; 0 for a process that has none any more."""
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def parse_busy(text: str, cores: Iterable[int] | None = None) -> int:
    """Clock ticks that the cores were not idle, in the text of ``/proc/stat``; stolen time counts as busy."""
    wanted = None if cores is None else {f"cpu{core}" for core in cores}
    busy = 0
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        if (name == "cpu") if wanted is None else (name in wanted):
            user, nice, system, _, _, irq, softirq, steal = (int(field) for field in rest.split()[:8])
            busy += user + nice + system + irq + softirq + steal
    return busy


def tree(root: int, stats: Iterable[ProcessStat]) -> list[ProcessStat]:
    """``root`` and its descendants among ``stats``."""
    children: dict[int, list[ProcessStat]] = {}
    found: list[ProcessStat] = []
    for stat in stats:
        children.setdefault(stat.parent, []).append(stat)
        if stat.pid == root:
            found.append(stat)
    for stat in found:
        found.extend(
            children.get(stat.pid, ())
        )  # the list grows while it is walked: children of children follow
    return found


def processes(proc: Path = PROC) -> Iterator[ProcessStat]:
    """Every process there is now; one that ends while we look is left out."""
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                yield parse_stat((folder / "stat").read_text())
            except (OSError, ValueError):
                continue


def pids_of(root: int) -> list[int]:
    """``root`` and its descendants, parents first."""
    return [stat.pid for stat in tree(root, processes())]


def cpu_seconds(root: int) -> float:
    """User and system time that ``root`` and its descendants have used so far."""
    return sum(stat.own + stat.waited_for for stat in tree(root, processes())) * TICK


def rss_bytes(root: int, proc: Path = PROC) -> int:
    """Resident memory of ``root`` and its descendants; pages they share count once for each."""
    return sum(_rss_of(pid, proc) for pid in pids_of(root))


def worker_rss_bytes(root: int, proc: Path = PROC) -> int:
    """Resident memory of the largest of the descendants of ``root``; of ``root`` itself where it has none."""
    pids = pids_of(root)
    return max((_rss_of(pid, proc) for pid in pids[1:] or pids), default=0)


def _rss_of(pid: int, proc: Path) -> int:
    try:
        return parse_rss((proc / str(pid) / "status").read_text())
    except OSError:
        return 0


def busy_seconds(cores: Iterable[int] | None = None) -> float:
    """Seconds that the cores have been busy since the machine started, whoever used them."""
    return parse_busy((PROC / "stat").read_text(), cores) * TICK
