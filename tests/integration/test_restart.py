"""What was acknowledged is there after any end: TERM, ``kill -9``, a damaged journal."""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.integration.running import Site, curl, free_ports, run
from tests.integration.wires import Wire, Wires

CONFIG = """
    dyups_upstream_conf conf/upstream.conf;
    include conf/upstream.conf;
    server {{ listen {0}; location / {{ dyups_interface; }} }}
"""
UPSTREAM = "upstream host1 {\n    server 127.0.0.1:9;\n}\n"


def stored_site(site: Site, ahead: str = "master_process off;") -> int:
    """A site with a dump file and an interface; the interface's port."""
    (port,) = free_ports(1)
    site.http(CONFIG.format(port), ahead)
    site.write(UPSTREAM, "conf/upstream.conf")
    return port


async def upstreams(port: int) -> dict[str, list[str]]:
    """What the interface says there is: server lines by name."""
    text = (await curl(f"127.0.0.1:{port}/detail")).decode()
    blocks = [block.split("\n") for block in text.split("\n\n") if block.strip()]
    return {lines[0]: [line for line in lines[1:] if line] for lines in blocks}


async def nginx_accepts(site: Site) -> None:
    """Where nginx is installed it must read the dump as its own configuration."""
    if shutil.which("nginx") is None:
        print("nginx is not installed: the dump was not held against it")
        return
    dump = site.root / "conf/upstream.conf"
    where = site.root / "nginx"
    where.mkdir(exist_ok=True)
    text = (
        f"pid {where}/pid;\nerror_log {where}/log;\nevents {{}}\nhttp {{ access_log off; include {dump}; }}\n"
    )
    checked = site.write(text, "nginx/nginx.conf")
    done = await run("nginx", "-t", "-p", where, "-c", checked)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("ahead", ["master_process off;", "worker_processes 2;"])
@pytest_twisted.ensureDeferred
async def test_an_acknowledged_upstream_survives_kill_nine(site: Site, ahead: str) -> None:
    """``success``, then ``kill -9`` at once, then a new start: it is there, and the configured ones are too."""
    port = stored_site(site, ahead)
    first = await site.proxy().listening(port)
    assert (
        await curl("-d", "server 127.0.0.1:8089 weight=2;", f"127.0.0.1:{port}/upstream/dyhost") == b"success"
    )
    first.kill()
    await first.ended()
    await site.proxy().listening(port)
    found = await upstreams(port)
    assert found == {"host1": ["server 127.0.0.1:9"], "dyhost": ["server 127.0.0.1:8089 weight=2"]}


@pytest_twisted.ensureDeferred
async def test_an_acknowledged_delete_survives_kill_nine(site: Site) -> None:
    """An upstream of the configuration that was deleted stays so."""
    port = stored_site(site)
    first = await site.proxy().listening(port)
    assert await curl("-X", "DELETE", f"127.0.0.1:{port}/upstream/host1") == b"success"
    first.kill()
    await first.ended()
    await site.proxy().listening(port)
    assert await upstreams(port) == {}


@pytest_twisted.ensureDeferred
async def test_term_writes_the_dump(site: Site) -> None:
    """A graceful end leaves everything in the dump file, as nginx would write it, and nothing in the journal."""
    port = stored_site(site)
    first = await site.proxy().listening(port)
    body = "server 127.0.0.1:8089 backup; server unix:/tmp/x.sock;"
    assert await curl("-d", body, f"127.0.0.1:{port}/upstream/dyhost") == b"success"
    await first.stop()
    dump = site.root / "conf/upstream.conf"
    text = dump.read_text()
    assert "upstream dyhost {" in text
    assert "server unix:/tmp/x.sock;" in text
    await nginx_accepts(site)
    Path(f"{dump}.journal").unlink()
    await site.proxy().listening(port)
    assert list(await upstreams(port)) == ["host1", "dyhost"]


@pytest_twisted.ensureDeferred
async def test_a_damaged_journal_is_said_and_the_rest_is_served(site: Site) -> None:
    """A byte turned over in the first of two records: the error log says where, the second upstream is served."""
    port = stored_site(site)
    first = await site.proxy().listening(port)
    for name in ("one", "two"):
        assert await curl("-d", "server 127.0.0.1:1;", f"127.0.0.1:{port}/upstream/{name}") == b"success"
    first.kill()
    await first.ended()
    journal = Path(f"{site.root}/conf/upstream.conf.journal")
    data = bytearray(journal.read_bytes())
    data[data.index(b"one")] ^= 0xFF
    journal.write_bytes(data)
    await site.proxy().listening(port)
    assert list(await upstreams(port)) == ["host1", "two"]
    said = [
        line for line in site.error_log.splitlines() if "[error]" in line and "upstream.conf.journal" in line
    ]
    assert len(said) == 1, site.error_log
    assert "at byte" in said[0]
    assert "what was readable is kept" in said[0]


class Storm:
    """Random changes, one after the other, until the proxy is gone.

    ``sure`` is what has been acknowledged; ``asked`` is the one change that has no answer yet.
    """

    def __init__(self, choose: random.Random, sure: dict[str, list[str]]) -> None:
        self.sure = sure
        self.asked: tuple[str, list[str] | None] | None = None
        self.acknowledged = 0
        self._choose = choose
        self._moment = 0
        self._call: Callable[[], object] = bool

    def after(self, acknowledged: int, call: Callable[[], object]) -> None:
        """Have ``call`` made when so many changes have been acknowledged."""
        self._moment, self._call = acknowledged, call

    async def rage(self, wire: Wire) -> None:
        """Change until the connection ends."""
        while not wire.ended:
            name = f"u{self._choose.randrange(12)}"
            gone = name in self.sure and self._choose.random() < 0.4
            servers = None if gone else self._servers()
            self.asked = name, servers
            wire.send(request(name, servers))
            try:
                answer = await wire.hears(b"success")
            except AssertionError:
                return
            assert answer.startswith(b"HTTP/1.1 200 "), answer
            self.take(self.asked)
            self.acknowledged += 1
            if self.acknowledged == self._moment:
                self._call()

    def _servers(self) -> list[str]:
        count = self._choose.randrange(1, 5)
        return [f"server 127.0.0.1:{self._choose.randrange(1, 65536)}" for _ in range(count)]

    def take(self, change: tuple[str, list[str] | None]) -> None:
        """``change`` was made."""
        name, servers = change
        if servers is None:
            self.sure.pop(name, None)
        else:
            self.sure[name] = servers

    def accepts(self, found: dict[str, list[str]]) -> bool:
        """Is ``found`` what was acknowledged, with or without the change that was under way?"""
        if found == self.sure:
            return True
        assert self.asked is not None
        self.take(self.asked)
        return found == self.sure


def request(name: str, servers: list[str] | None) -> bytes:
    """An update or a delete as the interface takes it."""
    body = "".join(f"{server};" for server in servers or ())
    verb = "DELETE" if servers is None else "POST"
    return (
        f"{verb} /upstream/{name} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )


@pytest.mark.parametrize("seed", [random.randrange(10**6)])
@pytest_twisted.ensureDeferred
async def test_a_hundred_changes_with_kill_nine_at_random_moments(
    site: Site, wires: Wires, seed: int
) -> None:
    """Whatever moment ``kill -9`` meets: every acknowledged change is there, the dump is one nginx reads."""
    choose = random.Random(seed)
    port = stored_site(site)
    sure = {"host1": ["server 127.0.0.1:9"]}
    total, rounds = 0, 0
    while total < 100 or rounds < 3:
        proxy = await site.proxy().listening(port)
        assert await upstreams(port) == sure
        storm = Storm(choose, sure)
        wire = await wires.connect(port)
        storm.after(choose.randrange(1, 60), partial(reactor.callLater, choose.uniform(0, 0.05), proxy.kill))
        await storm.rage(wire)
        await proxy.ended()
        total += storm.acknowledged
        rounds += 1
        sure = await survived(site, port, storm)
    await nginx_accepts(site)


async def survived(site: Site, port: int, storm: Storm) -> dict[str, list[str]]:
    """What a new start finds, which then is ended gracefully; fails where that is not what ``storm`` was told."""
    proxy = await site.proxy().listening(port)
    found = await upstreams(port)
    assert storm.accepts(found), json.dumps({"found": found, "sure": storm.sure, "asked": storm.asked})
    proxy.signal(signal.SIGTERM if storm.acknowledged % 2 else signal.SIGKILL)
    await proxy.ended()
    return found


@pytest_twisted.ensureDeferred
async def test_a_kill_while_the_dump_is_written(site: Site, wires: Wires) -> None:
    """Changes that go on past the moment of the dump: the dump is whole, and dump and journal make the whole map."""
    port = stored_site(site)
    proxy = await site.proxy().listening(port)
    storm = Storm(random.Random(7), {"host1": ["server 127.0.0.1:9"]})
    before = (site.root / "conf/upstream.conf").stat().st_ino
    wire = await wires.connect(port)

    def kill_at_the_dump() -> None:
        aside = site.root / "conf/upstream.conf.new"
        if aside.exists() or (site.root / "conf/upstream.conf").stat().st_ino != before:
            proxy.kill()
        elif not wire.ended:
            reactor.callLater(0, kill_at_the_dump)

    assert await curl("-d", "server 127.0.0.1:1;", f"127.0.0.1:{port}/upstream/first") == b"success"
    storm.sure["first"] = ["server 127.0.0.1:1"]
    kill_at_the_dump()
    await wire.end()
    await proxy.ended()
    await nginx_accepts(site)
    await site.proxy().listening(port)
    assert await upstreams(port) == storm.sure
