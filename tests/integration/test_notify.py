"""systemd's side of ``Type=notify``, as a datagram socket: what a real start, reload and end say to it."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted

from tests.integration.running import Site, free_ports, until

READY = rb"READY=1\nSTATUS=(\d workers serve|one process serves)"
STOPPING = rb"STOPPING=1\nSTATUS=shutting down"


class Listening:
    """A service manager's socket; ``said`` is what has come."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.said: list[bytes] = []

    def take(self) -> list[bytes]:
        """Everything up to now."""
        while True:
            try:
                self.said.append(self._socket.recv(4096))
            except BlockingIOError:
                return self.said

    async def hears(self, *patterns: bytes) -> None:
        """Return when exactly these have come, in this order, since the last time."""
        await until(lambda: len(self.take()) >= len(patterns), f"{patterns}, not {self.said}")
        found, self.said = self.said, []
        for text, pattern in zip(found, patterns, strict=True):
            assert re.fullmatch(pattern, text), (text, pattern)

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Listening]:
    """Who is told."""
    made = Listening(tmp_path / "notify")
    yield made
    made.close()


@pytest_twisted.ensureDeferred
async def test_a_masters_life(site: Site, manager: Listening) -> None:
    """READY when all serve; RELOADING, and READY when the new ones do, or the configuration is wrong; STOPPING."""
    (port,) = free_ports(1)
    server = f"server {{ listen {port}; location / {{ echo here; }} }}"
    site.http(server, "worker_processes 2;")
    proxy = site.proxy(environment={"NOTIFY_SOCKET": str(site.root.parent / "notify")})
    await manager.hears(READY)
    await proxy.listening(port)
    for pid in proxy.all_pids()[1:]:
        assert b"NOTIFY_SOCKET" not in Path(f"/proc/{pid}/environ").read_bytes()
    before = time.monotonic_ns() // 1000
    proxy.signal(signal.SIGHUP)
    await until(lambda: len(manager.take()) == 2, "the reload")
    begun = int(re.search(rb"MONOTONIC_USEC=(\d+)", manager.said[0])[1])
    assert before <= begun <= time.monotonic_ns() // 1000
    await manager.hears(rb"RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=reloading", READY)
    site.http(server + "bogus;", "worker_processes 2;")
    proxy.signal(signal.SIGHUP)
    failed = rb'READY=1\nSTATUS=serving as before; the reload failed: unknown directive "bogus" .*'
    await manager.hears(rb"RELOADING=1\n(.|\n)*", failed)
    proxy.signal(signal.SIGTERM)
    await proxy.ended()
    await manager.hears(STOPPING)


@pytest_twisted.ensureDeferred
async def test_one_process_and_a_watchdog(site: Site, manager: Listening) -> None:
    """``master_process off`` says the same; a master gives signs of life where a watchdog wants them."""
    (port,) = free_ports(1)
    server = f"server {{ listen {port}; location / {{ echo here; }} }}"
    site.http(server)
    environment = {"NOTIFY_SOCKET": str(site.root.parent / "notify")}
    proxy = site.proxy(environment=environment)
    await manager.hears(READY)
    await proxy.stop()
    await manager.hears(STOPPING)
    site.http(server, "worker_processes 1;")
    site.proxy(environment=environment | {"WATCHDOG_USEC": "3000000"})
    await until(lambda: manager.take().count(b"WATCHDOG=1") > 2, "signs of life")
