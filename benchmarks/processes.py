"""Servers under test and beside it: started on a core, waited for, ended by their numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from benchmarks.client import Connection
from benchmarks.machine import pinned
from benchmarks.measure import cpu_seconds, pids_of, rss_bytes, worker_rss_bytes

_POLITE_SECONDS = 3.0


class DidNotStart(Exception):
    """A server ended, or gave no answer in time; the argument says what it printed."""


class Running:
    """A process with its descendants; what it prints goes to ``log``."""

    def __init__(
        self, argv: list[str], core: int, folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = folder / "output.log"
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                pinned(core, argv),
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The number of the process that was started."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """See :func:`benchmarks.measure.cpu_seconds`."""
        return cpu_seconds(self.pid)

    def rss_bytes(self) -> int:
        """See :func:`benchmarks.measure.rss_bytes`."""
        return rss_bytes(self.pid)

    def worker_rss_bytes(self) -> int:
        """See :func:`benchmarks.measure.worker_rss_bytes`."""
        return worker_rss_bytes(self.pid)

    def wait_until_it_answers(self, port: int, path: str, host: str, seconds: float = 15.0) -> float:
        """Wait for the first 200 from ``port``; gives the seconds waited.  Raises :class:`DidNotStart`."""
        began = time.perf_counter()
        while True:
            if self._process.poll() is not None:
                raise DidNotStart(f"ended with status {self._process.returncode}: {self.printed()}")
            if _answers(port, path, host):
                return time.perf_counter() - began
            if time.perf_counter() - began > seconds:
                raise DidNotStart(f"no answer within {seconds:g} s: {self.printed()}")
            time.sleep(0.01)

    def printed(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-500:].strip()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end, then insist."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_POLITE_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def _signal(self, number: signal.Signals) -> None:
        for pid in pids_of(self.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def _answers(port: int, path: str, host: str) -> bool:
    try:
        with Connection(port, timeout=1.0) as connection:
            return connection.ask("GET", path, host).status == 200
    except OSError:
        return False
