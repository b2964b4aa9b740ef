"""A disk that is really full: a small file system in memory, which only root can mount.  Others skip these tests."""

from __future__ import annotations

import errno
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_twisted

from tests.integration.running import SAME_USER, Site, free_ports, is_free, is_running, until
from tests.integration.talking import Workers

Make = Callable[..., Workers]
SIZE = 160 << 10
PAGE = 4096


class SmallDisk:
    """A file system of :data:`SIZE` bytes, and a file that takes its room."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, left: int = 0) -> None:
        """Take all room but ``left`` bytes."""
        with self._filler.open("ab", buffering=0) as file:
            with suppress(OSError):
                while True:
                    file.write(bytes(PAGE))
            file.truncate(max(0, file.tell() - left))

    def empty(self) -> None:
        """Give all of it back."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "dyups-tests", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    yield SmallDisk(path)
    subprocess.run(["umount", str(path)], check=True)


def servers(first: int, count: int) -> str:
    """A command of 23 bytes for each server."""
    return "".join(f"server 127.0.0.1:{first + number};" for number in range(count))


@pytest_twisted.ensureDeferred
async def test_changes(disk: SmallDisk, workers: Make) -> None:
    """Full: 500 with the reason, the old state serves; with room for one change there is one change, and so on.

    The journal is larger than all the room there ever is, across a reload, a crash and a start; the dump follows when
    it fits.
    """
    dump = disk.path / "upstream.conf"
    dump.write_text("")
    site = workers("worker_processes 2;", f"dyups_upstream_conf {dump}; include {dump};")
    await site.start()
    disk.fill(15 * PAGE)
    # It fits into the journal, and not into the dump besides.
    assert (await site.post("big", servers(10_000, 1500))).body == "success"
    await until(lambda: "upstream.conf could not be written" in site.site.error_log, "the failing dump")
    before = await site.all_accept()
    site.proxy.signal(signal.SIGHUP)
    await until(lambda: not any(map(is_running, before)), "the end of the old workers")
    disk.fill()
    for _ in range(2):
        refused = await site.post("new", f"server 127.0.0.1:{site.b};" + servers(20_000, 300))
        assert (refused.status, refused.body) == (500, "could not store the change: No space left on device")
        assert (await site.ask(site.front, "/", "new")).status == 502
    disk.fill(3 * PAGE)
    assert (await site.post("new", f"server 127.0.0.1:{site.b};" + servers(20_000, 300))).body == "success"
    site.proxy.kill()
    await site.proxy.ended()
    await site.start()
    disk.fill(PAGE)
    assert (await site.post("newer", f"server 127.0.0.1:{site.b};")).body == "success"
    assert (await site.ask(site.front, "/", "newer")).body == "b\n"
    assert "server 127.0.0.1:11499\n" in (await site.ask(site.admin, "/upstream/big")).body
    assert "server 127.0.0.1:20299\n" in (await site.ask(site.admin, "/upstream/new")).body
    assert dump.read_text() == ""
    disk.empty()
    await until(lambda: "upstream newer" in dump.read_text(), "the dump")
    assert (await site.post("last", f"server 127.0.0.1:{site.b};")).body == "success"


@pytest.mark.parametrize("daemon", ["off", "on"])
@pytest_twisted.ensureDeferred
async def test_pid_file(disk: SmallDisk, site: Site, daemon: str) -> None:
    """Without room for its number there is no start: one line on the terminal and in the log, status 1."""
    (port,) = free_ports(1)
    path = disk.path / "run" / "dyups.pid"
    path.parent.mkdir()
    disk.fill()
    site.write(f"daemon {daemon}; pid {path}; events {{}} http {{ server {{ listen {port}; }} }}")
    proxy = site.proxy(*SAME_USER)
    assert await proxy.ended() == 1
    reason = f'[emerg] open() "{path}" failed ({errno.ENOSPC}: No space left on device)'
    assert proxy.output == f"dyups: {reason}\n"
    assert site.error_log.count("[emerg]") == 1 and reason.partition("] ")[2] in site.error_log
    assert is_free(port)
