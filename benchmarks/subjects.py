"""The proxies that are compared: how each is configured, started, and what it cannot do.

Each with one worker or thread, no access log, connections kept on both sides, and nothing else switched on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from importlib.util import find_spec
from pathlib import Path

from benchmarks.machine import first_line_of, tool
from benchmarks.nginxconf import NGINX_ONLY, Ports, proxy_conf

#: A whole day's idle connections must not be cut in the middle of a run.
_IDLE = "300s"


_TWISTD = Path(sys.executable).with_name("twistd")


@dataclass(frozen=True)
class Place:
    """Where a subject is to run."""

    folder: Path
    ports: Ports
    files: int
    """How many files it may open."""
    names: Sequence[str] = ()
    """Upstreams to choose from by ``Host``; none: all goes to one backend."""


@dataclass(frozen=True)
class Command:
    """What to start."""

    argv: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Standing(Enum):
    """How often a subject is asked."""

    MEASURED = "in every workload"
    RIVAL = "in every workload, but with --quick in the main ones only"
    ORIENTATION = "in the main workloads, but with --quick in the first only"


class Subject:
    """A proxy."""

    name = ""
    by_host = False
    """It can choose among many upstreams by the client's ``Host``."""
    standing = Standing.RIVAL

    def missing(self) -> str:
        """Why it cannot take part on this machine; empty if it can."""
        raise RuntimeError("each subject says that itself")

    def version(self) -> str:
        """What it calls itself."""
        return ""

    def prepare(self, place: Place) -> Command:
        """Write its configuration into ``place.folder``."""
        raise RuntimeError("each subject says that itself")


class Dyups(Subject):
    """This project, one process."""

    name = "dyups"
    by_host = True
    standing = Standing.MEASURED

    def __init__(self, reactor: str = "") -> None:
        self._reactor = reactor
        if reactor:
            self.name = f"dyups on {reactor}"

    def missing(self) -> str:
        return ""

    def version(self) -> str:
        return first_line_of([str(_TWISTD), "dyups", "--version"])

    def prepare(self, place: Place) -> Command:
        path = place.folder / "nginx.conf"
        path.write_text(proxy_conf(place.folder, place.ports, place.files, names=place.names))
        return self.command(path)

    def command(self, config: Path) -> Command:
        """``twistd dyups`` on a configuration that is written already."""
        reactor = [f"--reactor={self._reactor}"] if self._reactor else []
        return Command([str(_TWISTD), *reactor, "dyups", "--config", str(config)])


class _Installed(Subject):
    """A program of the system."""

    program = ""
    version_flag = "-v"

    def missing(self) -> str:
        return "" if tool(self.program) else f"{self.program} is not installed"

    def version(self) -> str:
        return first_line_of([self.path, self.version_flag])

    @property
    def path(self) -> str:
        return tool(self.program) or self.program


class Nginx(_Installed):
    """nginx, one worker, on the very configuration that dyups gets."""

    name = program = "nginx"
    by_host = True
    standing = Standing.MEASURED

    def prepare(self, place: Place) -> Command:
        path = place.folder / "nginx.conf"
        path.write_text(
            proxy_conf(place.folder, place.ports, place.files, names=place.names, more=NGINX_ONLY)
        )
        return Command([self.path, "-p", str(place.folder), "-e", "stderr", "-c", str(path)])


_HAPROXY = """\
global
    nbthread 1
    maxconn {connections}
    no strict-limits
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 10s
    timeout client {idle}
    timeout server {idle}
    timeout http-keep-alive {idle}
frontend front
    bind 127.0.0.1:{port} backlog 4096
    {choice}
"""


class HaProxy(_Installed):
    """HAProxy, one thread, server connections shared by all clients (``http-reuse always``)."""

    name = "HAProxy"
    program = "haproxy"
    by_host = True

    def prepare(self, place: Place) -> Command:
        choice = "use_backend %[req.hdr(host)]" if place.names else "default_backend backend"
        text = _HAPROXY.format(
            connections=max(1000, min(place.files // 2 + 2000, 16000)),
            port=place.ports.proxy,
            choice=choice,
            idle=_IDLE,
        )
        for name in ("backend", *place.names):
            text += f"backend {name}\n    server one 127.0.0.1:{place.ports.backend}\n"
        path = place.folder / "haproxy.cfg"
        path.write_text(text)
        return Command([self.path, "-db", "-f", str(path)])


_CADDYFILE = """\
{{
    admin off
    auto_https off
    log {{
        level ERROR
    }}
}}
http://:{port} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{backend} {{
        transport http {{
            keepalive_idle_conns_per_host 512
        }}
    }}
}}
"""


class Caddy(_Installed):
    """Caddy as it comes, on one core."""

    name = "Caddy"
    program = "caddy"
    version_flag = "version"

    def prepare(self, place: Place) -> Command:
        path = place.folder / "Caddyfile"
        path.write_text(_CADDYFILE.format(port=place.ports.proxy, backend=place.ports.backend))
        home = str(place.folder)
        environment = {"GOMAXPROCS": "1", "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}
        return Command([self.path, "run", "--adapter", "caddyfile", "--config", str(path)], environment)


class Stock(Subject):
    """A proxy of a few lines in :mod:`benchmarks.stock`, for orientation."""

    standing = Standing.ORIENTATION

    def __init__(self, name: str, kind: str, module: str) -> None:
        self.name = name
        self._kind = kind
        self._module = module

    def missing(self) -> str:
        return (
            "" if find_spec(self._module) else f"{self._module} is not installed (pip install 'dyups[bench]')"
        )

    def prepare(self, place: Place) -> Command:
        argv = [sys.executable, "-m", "benchmarks.stock", self._kind]
        argv += [str(place.ports.proxy), str(place.ports.backend)]
        root = str(Path(__file__).resolve().parent.parent)
        return Command(
            argv, {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
        )


REFERENCE = "nginx"
#: The order in which each round goes through them.
SUBJECTS: tuple[Subject, ...] = (
    Dyups(),
    Nginx(),
    HaProxy(),
    Caddy(),
    Stock("twisted.web.proxy", "twisted", "twisted"),
    Stock("aiohttp", "aiohttp", "aiohttp"),
)
#: Only on demand.
MORE_SUBJECTS: tuple[Subject, ...] = (Dyups("epoll"),)
