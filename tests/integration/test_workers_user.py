"""``user``: workers that give up root.  Only root can give it up, so others skip these tests."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.integration.running import Site, is_running, open_files, until
from tests.integration.talking import DUMP, Workers

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

NOBODY = pwd.getpwnam("nobody")
GROUP = next(group for group in grp.getgrall() if group.gr_gid not in (0, NOBODY.pw_gid))
LOGS = "error_log logs/error.log info;"


@pytest.fixture
def open_site() -> Iterator[Site]:
    """A site whose folder everybody may pass through, as pytest's own may not be."""
    root = Path(tempfile.mkdtemp(prefix="dyups-user-"))
    root.chmod(0o755)
    yield Site(root / "site")
    shutil.rmtree(root)


@pytest_twisted.async_yield_fixture()
async def workers(open_site: Site) -> Iterator[Callable[..., Workers]]:
    """As the one in ``conftest``, on that site."""
    made: list[Workers] = []

    def make(*arguments: str, **options: str) -> Workers:
        made.append(Workers(open_site, *arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
    await open_site.clean()


def identity(pid: int) -> dict[str, list[int]]:
    """The ids of a process: real, effective, saved and of the file system; and its groups."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = (line.split(":", 1) for line in lines if line.startswith(("Uid:", "Gid:", "Groups:", "CapEff:")))
    return {
        name: [int(word, 16 if name == "CapEff" else 10) for word in rest.split()] for name, rest in found
    }


def check_nobody(pid: int, group: int) -> None:
    """Nothing of root is left to the process."""
    found = identity(pid)
    assert found["Uid"] == [NOBODY.pw_uid] * 4
    assert found["Gid"] == [group] * 4
    assert set(found["Groups"]) <= {*os.getgrouplist("nobody", group)}
    assert found["CapEff"] == [0]


@pytest_twisted.ensureDeferred
async def test_workers_are_nobody(workers: Callable[..., Workers]) -> None:
    """The master stays root, every worker is the user; requests, changes, respawn and reload go on as ever."""
    site = workers(f"user nobody {GROUP.gr_name}; worker_processes 2; {LOGS}")
    path = site.site.root / "web.sock"
    more = f"http {{ server {{ listen unix:{path}; location / {{ echo $pid; }} }} "
    config = site.site.root / "conf" / "nginx.conf"
    config.write_text(config.read_text().replace("http {", more))
    await site.start()
    pids = await site.all_accept()
    for pid in pids:
        check_nobody(pid, GROUP.gr_gid)
    assert identity(site.proxy.pid)["Uid"] == [0] * 4
    assert (await site.post("x", f"server unix:{path};")).body == "success"
    assert int((await site.ask(site.front, "/", "x")).body) in pids
    os.kill(pids[0], signal.SIGKILL)
    await until(lambda: not is_running(pids[0]), "its end")
    successor = (set(await site.all_accept()) - set(pids)).pop()
    check_nobody(successor, GROUP.gr_gid)
    before = await site.all_accept()
    config.write_text(config.read_text().replace(f"user nobody {GROUP.gr_name};", "user root;"))
    site.proxy.signal(signal.SIGHUP)
    await until(lambda: not any(map(is_running, before)), "the end of the old workers")
    for pid in await site.all_accept():
        assert identity(pid)["Uid"] == [0] * 4
    assert int((await site.ask(site.front, "/", "x")).body) in await site.all_accept()
    site.proxy.signal(signal.SIGQUIT)
    assert await site.proxy.ended() == 0
    assert not path.exists()
    log = site.site.error_log
    assert "Permission denied" not in log and "Traceback" not in log, log


@pytest_twisted.ensureDeferred
async def test_logs_after_a_rotation(workers: Callable[..., Workers]) -> None:
    """USR1: the master gives the new files to the user, and the workers go on in them."""
    access = f"{DUMP} access_log logs/access.log;"
    site = await workers(f"user nobody {GROUP.gr_name}; worker_processes 1; {LOGS}", access).start()
    logs = site.site.root / "logs"
    names = ("error.log", "access.log")
    for name in names:
        (logs / name).rename(logs / f"{name}.1")
    site.proxy.signal(signal.SIGUSR1)
    (pid,) = await site.all_accept()
    wanted = {str(logs / name) for name in names}
    await until(lambda: wanted <= open_files(pid), "the worker to have opened them")
    assert {name: (logs / name).stat().st_uid for name in names} == dict.fromkeys(names, NOBODY.pw_uid)
    assert (await site.ask(site.front, "/after", "host1")).body == "a\n"
    await until(lambda: "/after" in (logs / "access.log").read_text(), "the line")
    os.kill(pid, signal.SIGQUIT)
    await until(lambda: f"{pid}#" in (logs / "error.log").read_text(), "the worker's last words")


@pytest_twisted.ensureDeferred
async def test_master_dies_while_workers_begin(workers: Callable[..., Workers]) -> None:
    """``kill -9`` while workers start: those that have changed their user and not begun yet end with it, too."""
    site = await workers(f"user nobody {GROUP.gr_name}; worker_processes 4; {LOGS}").start()
    for _ in range(3):
        site.proxy.signal(signal.SIGHUP)
        await deferLater(reactor, 0.3)
    site.proxy.kill()
    await site.proxy.ended()
