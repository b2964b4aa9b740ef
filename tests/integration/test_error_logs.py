"""``error_log`` of servers and locations, with real files, a real syslog server and real workers."""

from __future__ import annotations

import os
import re
import signal
import socket
from contextlib import suppress
from pathlib import Path

import pytest_twisted

from tests.integration.running import Site, curl, free_ports, until

CONFIG = """
error_log logs/http.log warn;
server {{
    listen {port};
    root html;
    location / {{ rewrite_log on; rewrite ^/x /y; }}
    location /shop/ {{ error_log logs/shop.log; error_log syslog:server=127.0.0.1:{syslog},tag=shop crit; }}
    location /quiet/ {{ error_log logs/quiet.log crit; }}
    location /sent/ {{ error_log syslog:server=127.0.0.1:{syslog},nohostname,facility=user,severity=debug; }}
    location /loud/ {{ error_log logs/loud.log notice; rewrite_log on; rewrite ^/loud/(.*) /loud/$1/x break; }}
}}
"""


def lines_of(path: Path, text: str) -> int:
    """How many lines of a log have ``text``."""
    return len([line for line in path.read_text().splitlines() if text in line]) if path.exists() else 0


@pytest_twisted.ensureDeferred
async def test_each_block_has_its_logs(site: Site) -> None:
    """What happens to a request is told in the logs of its location alone, from their levels on."""
    logs = site.root / "logs"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        (port,) = free_ports(1)
        text = CONFIG.format(port=port, syslog=receiver.getsockname()[1])
        site.http(text, "worker_processes 2; error_log logs/error.log notice;")
        await site.proxy().listening(port)
        names = ("error", "http", "shop", "quiet", "loud")
        assert all((logs / f"{name}.log").exists() for name in names)
        received: list[bytes] = []

        def heard() -> bool:
            with suppress(BlockingIOError):
                received.append(receiver.recv(65536))
            return bool(received)

        for path in ("/shop/a", "/quiet/b", "/loud/c", "/d", "/sent/e"):
            await curl(f"http://127.0.0.1:{port}{path}")
        await until(heard, "the datagram")
        message = received[0].decode()
        assert re.match(
            r"<11>[A-Z][a-z]{2} [ \d]\d [\d:]{8} dyups: \d{4}/\d\d/\d\d [\d:]{8} \[error\] ", message
        )
        assert message.endswith(
            f'/html/sent/e" failed (2: No such file or directory), client: 127.0.0.1, '
            f'server: , request: "GET /sent/e HTTP/1.1", host: "127.0.0.1:{port}"'
        )
        assert lines_of(logs / "shop.log", '/html/shop/a" failed') == 1
        assert lines_of(logs / "loud.log", "rewritten data") == 1
        assert lines_of(logs / "loud.log", '/html/loud/c/x" failed') == 1
        assert lines_of(logs / "http.log", '/html/d" failed') == 1
        assert lines_of(logs / "http.log", "rewritten") == 0
        assert (logs / "quiet.log").read_text() == ""
        assert "request:" not in site.error_log


@pytest_twisted.ensureDeferred
async def test_logs_of_blocks_are_opened_anew(site: Site) -> None:
    """USR1: master and workers go on in the file that has the name now, also of a location's log."""
    (port,) = free_ports(1)
    http = f"server {{ listen {port}; root html; location / {{ error_log logs/own.log; }} }}"
    site.http(http, "worker_processes 2; error_log logs/error.log notice;")
    proxy = await site.proxy().listening(port)
    own, moved = site.root / "logs/own.log", site.root / "logs/own.log.1"
    await curl(f"http://127.0.0.1:{port}/before")
    await until(lambda: lines_of(own, "/before") == 1, "the line before")
    os.rename(own, moved)
    proxy.signal(signal.SIGUSR1)

    async def told() -> bool:
        await curl(f"http://127.0.0.1:{port}/after")
        return lines_of(own, "/after") > 0

    await until(told, "a line in the new file")
    assert lines_of(moved, "/before") == 1


@pytest_twisted.ensureDeferred
async def test_a_reload_brings_other_logs(site: Site) -> None:
    """HUP: requests are logged where the new configuration says, and a log that cannot be opened refuses it."""
    (port,) = free_ports(1)
    http = "server {{ listen {0}; root html; location / {{ error_log {1}; }} }}"
    ahead = "worker_processes 1; error_log logs/error.log notice;"
    site.http(http.format(port, "logs/one.log"), ahead)
    proxy = await site.proxy().listening(port)
    site.http(http.format(port, "no/such/folder.log"), ahead)
    proxy.signal(signal.SIGHUP)
    await until(lambda: "[emerg]" in site.error_log, "the refusal")
    assert "no/such/folder.log" in site.error_log
    site.http(http.format(port, "logs/two.log"), ahead)
    proxy.signal(signal.SIGHUP)

    async def told() -> bool:
        await curl(f"http://127.0.0.1:{port}/there")
        return lines_of(site.root / "logs/two.log", "/there") > 0

    await until(told, "a line in the new log")
