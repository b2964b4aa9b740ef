"""How the proxy ends: exit statuses, and signals that come early, twice, or to everybody at once."""

from __future__ import annotations

import os
import random
import signal
import sys
from functools import partial
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.integration.running import SAME_USER, Proxy, Site, free_ports, is_free, is_running, until

DYUPS = Path(sys.executable).parent / "dyups"
ENDS = [signal.SIGTERM, signal.SIGINT]
MASTER = "error_log logs/error.log info; worker_processes 2;"


def command(site: Site) -> Proxy:
    """The ``dyups`` command, in a process group of its own, as a shell would have it."""
    config = str(site.root / "conf" / "nginx.conf")
    arguments = ("-g", SAME_USER[1]) if SAME_USER else ()
    return site.proxy(command=(str(DYUPS), "-c", config, *arguments), start_new_session=True)


def listening_site(site: Site, ahead: str) -> int:
    """A site with one port; the port."""
    (port,) = free_ports(1)
    site.http(f"server {{ listen {port}; location / {{ echo here; }} }}", ahead)
    return port


def said(site: Site, proxy: Proxy) -> str:
    """Everything that was written for people."""
    return site.error_log + proxy.output


@pytest.mark.parametrize("ahead", [MASTER, "master_process off;"], ids=["master", "one process"])
@pytest.mark.parametrize("number", ENDS)
@pytest_twisted.ensureDeferred
async def test_the_command_ends_with_status_0(site: Site, number: signal.Signals, ahead: str) -> None:
    """TERM and Ctrl-C are how it is meant to end, as with nginx."""
    port = listening_site(site, ahead)
    proxy = await command(site).listening(port)
    proxy.signal(number)
    assert await proxy.ended() == 0
    assert is_free(port) and not site.pid_file.exists()
    assert "Traceback" not in said(site, proxy)


@pytest.mark.parametrize("number", ENDS)
@pytest_twisted.ensureDeferred
async def test_twistd_ends_by_the_signal(site: Site, number: signal.Signals) -> None:
    """``twistd`` tells who started it by which signal it ended, like every twistd."""
    port = listening_site(site, MASTER)
    proxy = await site.proxy().listening(port)
    proxy.signal(number)
    assert await proxy.ended() == -number


def _is_worker(pid: int) -> bool:
    """Has the process begun, and said what it is."""
    try:
        return b"worker process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest_twisted.ensureDeferred
async def test_ctrl_c_again_and_again(site: Site) -> None:
    """A terminal sends it to all processes, and people press it more than once: one clean end, nothing else."""
    port = listening_site(site, MASTER)
    proxy = await command(site).listening(port)
    await until(lambda: sum(map(_is_worker, proxy.all_pids())) == 2, "the workers")
    for _ in range(20):
        if not is_running(proxy.pid):
            break
        os.killpg(proxy.pid, signal.SIGINT)
        await deferLater(reactor, 0.005)
    assert await proxy.ended() == 0
    text = said(site, proxy)
    assert "Traceback" not in text and "[alert]" not in text and "[crit]" not in text, text


@pytest.mark.parametrize("number", [*ENDS, signal.SIGQUIT])
@pytest_twisted.ensureDeferred
async def test_a_signal_before_it_serves(site: Site, number: signal.Signals) -> None:
    """At any moment of the start, once the command has begun to read its configuration: a clean end with status 0."""
    chance = random.Random(number)
    path = site.root / "web.sock"
    for _ in range(6):
        port = listening_site(site, MASTER)
        text = (site.root / "conf" / "nginx.conf").read_text()
        site.write(text.replace("http {", f"http {{ server {{ listen unix:{path}; }}"))
        fifo = site.root / "conf" / "included.conf"
        os.mkfifo(fifo)
        site.write(site.root.joinpath("conf/nginx.conf").read_text() + "include included.conf;\n")
        proxy = command(site)
        opened: list[int] = []
        await until(partial(_write_end, fifo, opened), "it to read the configuration")
        os.close(opened[0])
        fifo.unlink()
        await deferLater(reactor, chance.uniform(0.0, 0.5))
        proxy.signal(number)
        assert await proxy.ended() == 0, said(site, proxy)
        assert is_free(port) and not path.exists()
        assert not site.pid_file.exists() or not site.pid_file.read_text()
        text = said(site, proxy)
        assert "Traceback" not in text and "[alert]" not in text, text


def _write_end(fifo: Path, opened: list[int]) -> bool:
    """Open it, if somebody reads it."""
    try:
        opened.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
