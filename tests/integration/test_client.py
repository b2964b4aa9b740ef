"""``dyups-ctl`` as its users run it, against a proxy with two workers; and scripts inside of the workers."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater

from dyups.client import Client
from dyups.errors import LostRace
from tests.integration.running import BOUND, Site, free_ports, run, until
from tests.integration.talking import Workers

Make = Callable[..., Workers]
CTL = Path(sys.executable).parent / "dyups-ctl"
MODULE = (sys.executable, "-m", "dyups.client")


class Shell:
    """Runs the command with the interface's address."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __call__(self, *arguments: str, status: int = 0) -> str:
        """What it prints, or complains of; its exit status must be ``status``."""
        done = await run(*MODULE, "--url", self.url, *arguments)
        assert done.returncode == status, (arguments, done)
        return (done.stdout if status == 0 else done.stderr).decode()


@pytest_twisted.ensureDeferred
async def test_session(workers: Make) -> None:
    """A new user's session: every command, against two workers, that find the changes at once."""
    site = await workers("worker_processes 2;").start()
    ctl = Shell(f"http://127.0.0.1:{site.admin}")
    talks = await site.one_for_each(await site.all_accept())
    assert await ctl("list") == "host1\n"
    assert await ctl("set", "shop", f"server 127.0.0.1:{site.a};") == "success\n"
    for client in talks.values():
        assert (await client.ask("/", "shop")).body == "a\n"
    assert (
        await ctl("patch", "shop", f"add server 127.0.0.1:{site.b}; remove server 127.0.0.1:{site.a};")
        == "success\n"
    )
    for client in talks.values():
        assert (await client.ask("/", "shop")).body == "b\n"
    assert await ctl("show", "shop") == f"server 127.0.0.1:{site.b};\n"
    dry = await ctl("set", "shop", f"server 127.0.0.1:{site.b} weight=2;", "--dry-run")
    assert dry == f"would replace upstream shop\n~ server 127.0.0.1:{site.b} -> 127.0.0.1:{site.b} weight=2\n"
    assert f"127.0.0.1:{site.b}" in await ctl("detail")
    roster = json.loads(await ctl("workers", "--json"))
    assert [worker["sequence"] for worker in roster] == [2, 2]
    site.proxy.kill()
    await site.proxy.ended()
    await site.start()
    assert await ctl("show", "shop") == f"server 127.0.0.1:{site.b};\n"
    assert await ctl("delete", "shop") == "success\n"


@pytest_twisted.ensureDeferred
async def test_statuses(workers: Make) -> None:
    """The exit statuses that scripts go by, and bodies from a file and from a pipe."""
    site = await workers("worker_processes 2;").start()
    ctl = Shell(f"http://127.0.0.1:{site.admin}")
    path = site.site.write(f"server 127.0.0.1:{site.b};\n", "shop.conf")
    assert await ctl("set", "shop", f"@{path}") == "success\n"
    shell = " ".join(MODULE)
    pipe = f"{shell} --url {ctl.url} show shop | {shell} --url {ctl.url} set copy -"
    assert (await run("sh", "-c", pipe)).stdout == b"success\n"
    assert await ctl("show", "copy") == f"server 127.0.0.1:{site.b};\n"
    assert 'unknown directive "bogus" in line 1' in await ctl("set", "shop", "bogus;", status=1)
    assert "not found upstream" in await ctl("show", "nobody", status=3)
    assert "If-None-Match" in await ctl("set", "shop", "server a;", "--create", status=4)
    assert (
        await ctl("set", "many", "".join(f"server 10.{n >> 8}.{n & 255}.1;" for n in range(5000)))
        == "success\n"
    )
    done = await run("sh", "-c", f"{shell} --url {ctl.url} detail --json | head -1")
    assert (done.stdout, done.stderr) == (b"{\n", b"")
    (port,) = free_ports(1)
    assert "refused" in await Shell(f"http://127.0.0.1:{port}")("list", status=5)
    assert "BODY" in await ctl("set", "shop", status=2)
    done = await run(CTL, "--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, b"dyups-ctl")


@pytest_twisted.ensureDeferred
async def test_lost_race(workers: Make) -> None:
    """Of many clients of two workers that have seen the same state, one changes it; the others have lost."""
    site = await workers("worker_processes 2;").start()
    clients = [Client(f"http://127.0.0.1:{site.admin}") for _ in range(6)]
    tag = (await clients[0].show("host1")).etag

    async def change(number: int) -> bool:
        try:
            await clients[number].set("host1", f"server 127.0.0.1:{1000 + number};", if_match=tag)
        except LostRace:
            return False
        return True

    made = await gatherResults([Deferred.fromCoroutine(change(number)) for number in range(len(clients))])
    assert made.count(True) == 1
    shown = await clients[0].show("host1")
    assert shown.commands == f"server 127.0.0.1:{1000 + made.index(True)};\n"
    for client in clients:
        await client.close()


class Lines(ProcessProtocol):
    """What a process prints, and its end."""

    def __init__(self) -> None:
        self.text = ""
        self.ended: Deferred[int] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self.text += data.decode()

    def processEnded(self, reason: object) -> None:
        self.ended.callback(reason.value.exitCode)  # type: ignore[attr-defined]


@pytest_twisted.ensureDeferred
async def test_watch(workers: Make) -> None:
    """Whoever watches sees each change, through a pipe too, and can have it end."""
    site = await workers("worker_processes 2;").start()
    url = f"http://127.0.0.1:{site.admin}"
    watch = Lines()
    arguments = ["--url", url, "watch", "--interval", "0.05", "--count", "2"]
    process = reactor.spawnProcess(watch, sys.executable, [*MODULE, *arguments], env=None)
    try:
        end = reactor.seconds() + BOUND
        for number in itertools.count(1):  # when it looks for the first time is its own business
            if watch.ended.called or reactor.seconds() > end:
                break
            await site.post("host1", f"server 127.0.0.1:{number};")
            await deferLater(reactor, 0.05)
    finally:
        with suppress(ProcessExitedAlready):
            process.signalProcess("KILL")
    assert await watch.ended == 0
    heads = [line for line in watch.text.splitlines() if line.startswith("[")]
    numbers = [int(head[1 : head.index("]")]) for head in heads]
    assert len(heads) == 2 and numbers[0] < numbers[1], watch.text
    assert all(head.endswith(" changed host1") for head in heads)
    assert f"    + server 127.0.0.1:{numbers[1]};\n" in watch.text


@pytest_twisted.ensureDeferred
async def test_unix_socket(site: Site) -> None:
    """An interface on a unix socket, under a prefix."""
    path = site.root / "admin.sock"
    (port,) = free_ports(1)
    interface = "location /dyups/ { dyups_interface; }"
    site.http(f"server {{ listen unix:{path}; {interface} }} server {{ listen 127.0.0.1:{port}; }}")
    await site.proxy().listening(port)
    ctl = Shell(f"unix:{path}:/dyups/")
    assert await ctl("set", "shop", "server 127.0.0.1:1;") == "success\n"
    assert await ctl("list") == "shop\n"


@pytest_twisted.ensureDeferred
async def test_password_on_a_unix_socket(site: Site) -> None:
    """``auth_basic`` on a unix socket: the URL has name and password, and nobody is shown them."""
    path = site.root / "admin.sock"
    (port,) = free_ports(1)
    site.write("ann:{PLAIN}s@/\n", "conf/users")
    interface = "location / { auth_basic changes; auth_basic_user_file users; dyups_interface; }"
    site.http(f"server {{ listen unix:{path}; {interface} }} server {{ listen 127.0.0.1:{port}; }}")
    proxy = await site.proxy().listening(port)
    ctl = Shell(f"unix:ann:s%40%2F@{path}")
    assert await ctl("set", "shop", "server 127.0.0.1:1;") == "success\n"
    assert await ctl("list") == "shop\n"
    assert "password" in await Shell(f"unix:ann:wrong@{path}")("list", status=1)
    await proxy.stop()
    said = await ctl("list", status=5)
    assert f"unix:{path}: " in said and "s%40" not in said and "s@" not in said


SCRIPT = '''
"""Loaded by every process of the proxy; has each worker change something when it begins to accept."""
import importlib.abc, importlib.util, os, sys

FOLDER = os.path.dirname(__file__)

async def act():
    import dyups
    name = f"from-{os.getpid()}"
    results = [await dyups.update_upstream(name, "server 127.0.0.1:1;")]
    results.append(await dyups.patch_upstream(name, "add server 127.0.0.1:2;"))
    results.append(await dyups.update_upstream(name, "bogus;"))
    results.append(await dyups.delete_upstream("nobody"))
    text = f"{results} {dyups.get_upstream(name)!r}"
    with open(f"{FOLDER}/{os.getpid()}.new", "w") as file:
        file.write(text)
    os.rename(f"{FOLDER}/{os.getpid()}.new", f"{FOLDER}/{os.getpid()}.result")

def into(worker):
    accept = worker.accept
    def accept_and_act(self):
        from twisted.internet.defer import Deferred
        from twisted.python import log
        accept(self)
        Deferred.fromCoroutine(act()).addErrback(log.err)
    worker.accept = accept_and_act

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "dyups.workers.worker":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            into(module.Worker)
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
'''


@pytest_twisted.ensureDeferred
async def test_scripts_in_workers(workers: Make) -> None:
    """A script in each of two workers changes upstreams by ``import dyups``: both workers then have both changes."""
    site = workers("worker_processes 2;")
    folder = site.site.root / "scripts"
    site.site.write(SCRIPT, "scripts/sitecustomize.py")
    site.proxy = site.site.proxy(environment={"PYTHONPATH": str(folder)})
    await site.proxy.listening(site.front)
    pids = await site.all_accept()
    await until(lambda: len([*folder.glob("*.result")]) == 2, f"the scripts: {site.site.error_log}")
    for pid in pids:
        text = (folder / f"{pid}.result").read_text()
        expected = [
            "Result(status=200, message='success')",
            "Result(status=200, message='success')",
            "Result(status=400, message='add server failed: unknown directive \"bogus\" in line 1')",
            "Result(status=404, message='not found upstream')",
        ]
        assert text == f"[{', '.join(expected)}] 'server 127.0.0.1:1;\\nserver 127.0.0.1:2;\\n'"
    for client in (await site.one_for_each(pids, site.admin)).values():
        names = (await client.ask("/list")).body.split()
        assert sorted(names) == sorted(["host1", *(f"from-{pid}" for pid in pids)])
    assert all(f"from-{pid}" in site.stored() for pid in pids)
