"""The same configuration, the same requests, the same answers as nginx, where nginx is installed.

Rewriting, routing, files and fields of answers: nginx as a process, here a data plane in memory on the same text.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from dyups.http1.chunked import ChunkedReader
from tests.integration.answers_of_nginx import CASES, SERVER
from tests.integration.running import BOUND, free_ports, is_free
from tests.proxy.conversation import World, head

NGINX = shutil.which("nginx", path="/usr/local/nginx/sbin:/usr/local/sbin:/usr/sbin:/usr/bin:/usr/local/bin")

pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed: there is nothing to compare with"
)

CONFIGURATION = """
daemon off; master_process off; pid nginx.pid; error_log error.log crit;
events {{ }}
http {{
    access_log off; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    {http}
}}
"""
#: What differs on purpose, or from one moment to the next.
NOT_COMPARED = {"server", "date", "connection"}
_TOKEN = re.compile(rb"nginx/[0-9.]+|dyups/[0-9.]+")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "www" / "sub").mkdir(parents=True)
    (folder / "www" / "empty").mkdir()
    (folder / "tmp").mkdir()
    texts = {
        "a.html": "0123456789" * 10,
        "b.txt": "text",
        "sub/index.html": "index",
        "404.html": "gone",
        "x": "x",
    }
    for name, text in texts.items():
        (folder / "www" / name).write_text(text)
    for path in [*(folder / "www").rglob("*")]:
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return folder


@pytest.fixture(scope="module")
def both(site: Path) -> Iterator[tuple[int, World]]:
    """The port of nginx, and the same in memory."""
    port = free_ports(1)[0]
    http = SERVER.replace("PORT", str(port)).replace("WWW", str(site / "www"))
    (site / "nginx.conf").write_text(CONFIGURATION.format(http=http))
    assert NGINX is not None
    errors = (site / "stderr").open("wb")
    process = subprocess.Popen([NGINX, "-p", str(site), "-c", "nginx.conf"], stderr=errors)
    wait_until_listening(process, port, site / "stderr")
    yield port, World(http)
    process.terminate()
    process.wait(BOUND)


def wait_until_listening(process: subprocess.Popen[bytes], port: int, said: Path) -> None:
    """Return when nginx has the port; ``said`` is what it says on the terminal."""
    end = monotonic() + BOUND
    while is_free(port):
        assert process.poll() is None, said.read_text()
        assert monotonic() < end, f"nginx does not listen after {BOUND} s"
        sleep(0.01)


def theirs(port: int, request: bytes) -> bytes:
    """nginx's answer; it closes behind it."""
    with socket.create_connection(("127.0.0.1", port), timeout=BOUND) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


def compared(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """What has to be the same of an answer."""
    status, fields, body = head(answer)
    if fields.pop("transfer-encoding", ""):
        body = ChunkedReader().feed(body)
        fields["content-length"] = str(len(body))
    page = b"<hr><center>" in body
    boundary = fields.get("content-type", "").partition("boundary=")[2]
    if page:
        body = _TOKEN.sub(b"TOKEN", body).replace(b' bgcolor="white"', b"")
        fields.pop("content-length", None)
    if boundary:
        body = body.replace(boundary.encode(), b"BOUNDARY")
        fields["content-type"] = fields["content-type"].replace(boundary, "BOUNDARY")
    return status, {name: value for name, value in fields.items() if name not in NOT_COMPARED}, body


@pytest.mark.parametrize("case", CASES)
def test_same_answer(both: tuple[int, World], case: str) -> None:
    """Status, fields and body are nginx's."""
    port, world = both
    start, *lines = case.split("\n")
    method, _, target = start.partition(" ") if " " in start else ("GET", "", start)
    text = "\r\n".join(
        [f"{method} {target} HTTP/1.1", "Host: site.example", *lines, "Connection: close", "", ""]
    )
    request = text.encode("latin-1")
    client = world.client(high=1 << 30)
    client.say(request)
    assert compared(client.got) == compared(theirs(port, request))
