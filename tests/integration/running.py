"""A prefix folder with a configuration on free ports, and the ``twistd dyups`` that serves it.

Blocking calls go to threads, so that servers and clients in the test's own reactor go on meanwhile.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from inspect import isawaitable
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

CHECKOUT = Path(__file__).resolve().parents[2]
TWISTD = Path(sys.executable).parent / "twistd"
SEED_PORTS = (8080, 8088, 8089, 8081)
BOUND = 60.0
"""Seconds after which what a test waits for counts as missing: it ends a wait that has no end, and measures nothing."""
SLACK = 20.0
"""Seconds that a busy machine may take beyond a bound of ours; a change that hangs would hang for longer."""
REACTORS = {"uvloop": (), "epoll": ("--reactor", "epoll")}
"""Arguments of twistd before ``dyups``: the reactor that we choose, and one of Twisted's."""


CURL = ("-s", "-S", "-m", f"{BOUND:.0f}", "--noproxy", "*")
"""Arguments of ``curl``: no progress, no proxy of the environment, each transfer bounded."""

SAME_USER = ("--globals", "user root;") if os.geteuid() == 0 else ()
"""Arguments of ``dyups``: its workers stay whoever runs the tests, without a warning that nobody else would do."""


async def until(check: Callable[[], object], what: str = "", bound: float = BOUND) -> None:
    """Return as soon as ``check`` holds, which may be waited for; fail when it does not for ``bound`` seconds."""
    end = reactor.seconds() + bound
    while not await _said(check()):
        assert reactor.seconds() < end, f"waited {bound} s for {what or check}"
        await deferLater(reactor, 0.01)


async def _said(answer: object) -> object:
    return await answer if isawaitable(answer) else answer


async def settled(read: Callable[[], object], seconds: float = 0.5) -> None:
    """Return when what ``read`` gives has been the same for ``seconds``: nothing moves any more."""
    last, since = read(), reactor.seconds()
    end = since + BOUND
    while reactor.seconds() - since < seconds:
        assert reactor.seconds() < end, "it still moves"
        await deferLater(reactor, 0.02)
        now = read()
        if now != last:
            last, since = now, reactor.seconds()


def _places() -> Iterator[int]:
    """Ports below those that the system gives to outgoing connections, by turns.

    Each run of the tests has a range of its own, by the number of its process: runs beside each other do not meet.
    """
    first = 10_000 + os.getpid() % 40 * 500
    return itertools.cycle(range(first, first + 500))


_PLACES = _places()


def free_ports(count: int) -> list[int]:
    """Ports nobody has, for connections or datagrams, and nobody who asked lately means to have."""
    return list(itertools.islice(filter(_is_free_for_all, _PLACES), count))


def is_free(port: int) -> bool:
    """Could somebody listen on ``port`` now?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _can_bind(probe, port)


def _is_free_for_all(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        return is_free(port) and _can_bind(probe, port)


def _can_bind(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind(("0.0.0.0", port))
    except OSError:
        return False
    return True


def nonsense(port: int) -> bytes:
    """What a request is answered that no location is asked for; empty where nobody answers."""
    with socket.create_connection(("127.0.0.1", port), BOUND) as client:
        client.sendall(b"nonsense\r\n\r\n")
        return client.recv(4096)


async def run(*command: str | Path, cwd: Path | None = None, bound: float = BOUND, **options: object):
    """Run a command to its end; its ``returncode``, ``stdout`` and ``stderr`` (bytes)."""
    return await deferToThread(
        subprocess.run,
        [os.fspath(part) for part in command],
        cwd=cwd,
        capture_output=True,
        timeout=bound,
        stdin=subprocess.DEVNULL,
        **options,
    )


async def curl(*arguments: str) -> bytes:
    """What ``curl`` prints; it must succeed."""
    done = await run("curl", *CURL, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_running(pid: int) -> bool:
    """Is there such a process, and is it more than an entry that nobody has collected?"""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the second: it ended after the file was opened
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def children(pid: int) -> list[int]:
    """The processes that ``pid`` has started and that run, and theirs."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, path.read_text().split()):
                found += [child] * is_running(child) + children(child)
    return found


def open_files(pid: int) -> set[str]:
    """What a process has open."""
    found: set[str] = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(os.readlink(path))
    return found


class Site:
    """A prefix folder: ``conf/``, ``logs/`` and the processes that were started on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.started: list[Proxy] = []
        (root / "conf").mkdir(parents=True)

    @property
    def error_log(self) -> str:
        """What is in ``logs/error.log``; empty where there is none."""
        path = self.root / "logs" / "error.log"
        return path.read_text() if path.exists() else ""

    @property
    def pid_file(self) -> Path:
        """The file of the ``pid`` directive's default."""
        return self.root / "logs" / "dyups.pid"

    def write(self, text: str, name: str = "conf/nginx.conf") -> Path:
        """A file of the site."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def http(self, body: str, ahead: str = "master_process off;") -> Path:
        """``conf/nginx.conf`` in the foreground, one process unless said otherwise, ``body`` as its ``http`` block."""
        return self.write(f"daemon off;\n{ahead}\nevents {{ }}\nhttp {{\n{body}\n}}\n")

    def seed(self, ports: list[int]) -> None:
        """The two files of the checkout's ``conf/``, on other ports."""
        for name in ("conf/nginx.conf", "conf/upstream.conf"):
            text = (CHECKOUT / name).read_text()
            for old, new in zip(SEED_PORTS, ports, strict=True):
                text = text.replace(str(old), str(new))
            self.write(text, name)

    def proxy(self, *arguments: str, reactor: str = "uvloop", **options: object) -> Proxy:
        """A process that is started on the site's configuration."""
        proxy = Proxy(self, reactor, arguments, **options)
        self.started.append(proxy)
        return proxy

    async def clean(self) -> None:
        """End whatever still runs: by its number."""
        left = [pid for proxy in self.started for pid in proxy.all_pids()]
        if self.pid_file.is_file():
            with suppress(ValueError):
                daemon = int(self.pid_file.read_text())
                left += [daemon, *children(daemon)]
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for proxy in self.started:
            await proxy.ended()


class Proxy:
    """One start of ``twistd dyups``; without a terminal, wherever the tests have been started."""

    def __init__(
        self,
        site: Site,
        reactor: str,
        arguments: tuple[str, ...],
        *,
        twistd: Path = TWISTD,
        before: tuple[str, ...] = (),
        cwd: Path | None = None,
        command: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
        start_new_session: bool = True,
    ) -> None:
        self.site = site
        self._output = site.root / f"output.{len(site.started)}"
        config = ("--config", str(site.root / "conf" / "nginx.conf")) if "--config" not in arguments else ()
        ordinary = (str(twistd), *REACTORS[reactor], *before, "dyups", *config, *arguments)
        ours = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command or ordinary,
                cwd=cwd or site.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=ours | (environment or {}),
                start_new_session=start_new_session,
            )
        self.pid = self.process.pid
        self._under: set[int] = set()

    @property
    def output(self) -> str:
        """What it said on the terminal."""
        return self._output.read_text()

    async def listening(self, *ports: int) -> Proxy:
        """Return when somebody answers on all ``ports``: a socket listens long before its process serves."""
        for port in ports:
            await until(lambda port=port: self._accepts(port), f"port {port}")
            answer = await deferToThread(nonsense, port)
            assert b" 400 " in answer, answer
        return self

    def _accepts(self, port: int) -> bool:
        code = self.process.poll()
        assert code in (None, 0), f"ended with {code}: {self.output}{self.site.error_log}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def all_pids(self) -> list[int]:
        """The numbers of its processes, its own first; none once it has ended."""
        return [self.pid, *children(self.pid)] if self.process.poll() is None else []

    async def ended(self) -> int:
        """The exit status, once there is one and nothing that it started is left."""
        code = await deferToThread(self.process.wait, BOUND)
        await until(lambda: not any(map(is_running, self._under)), "the end of the processes that it started")
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        self._under |= set(self.all_pids()) - {self.pid}
        if self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """``kill -9``."""
        self.signal(signal.SIGKILL)

    async def stop(self) -> int:
        """End it with TERM; the exit status."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    def high_water(self) -> int:
        """The most memory that each of its processes has ever held (VmHWM), added up, in bytes."""
        total = 0
        for pid in self.all_pids():
            (line,) = re.findall(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            total += int(line) * 1024
        return total
