"""The server behind every proxy: nginx where it is installed, else a small one of our own.

    /small    33 bytes
    /64k /1m  bodies of 65,536 and 1,048,576 bytes
    /chunked  8,192 bytes, chunked
    /upload   answers like /small once the whole request body has been read

``python -m benchmarks.backend PORT`` is the small one; it is slower than nginx, so results name the backend.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

from benchmarks.machine import tool
from benchmarks.processes import Running

SMALL = b"0123456789abcdef0123456789abcdef\n"
CHUNKED_LENGTH = 8192

# SSI takes the length away, so nginx sends chunks.  An upload is passed on to the server itself, which reads it
# first: `return` alone would answer before the body has come.
_NGINX = """\
daemon off;
pid {folder}/backend.pid;
error_log stderr crit;
worker_processes 1;
worker_rlimit_nofile {files};
events {{
    worker_connections {connections};
}}
http {{
    access_log off;
    sendfile on;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_temp_path {folder}/temp-body;
    proxy_temp_path {folder}/temp-proxy;
    fastcgi_temp_path {folder}/temp-fastcgi;
    uwsgi_temp_path {folder}/temp-uwsgi;
    scgi_temp_path {folder}/temp-scgi;
    types {{ text/html html; }}
    upstream itself {{
        server 127.0.0.1:{port};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {folder};
        location = /small {{
            return 200 "{small}";
        }}
        location = /chunked {{
            ssi on;
            try_files /chunked.html =404;
        }}
        location = /upload {{
            client_body_buffer_size 2m;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Connection "";
            proxy_http_version 1.1;
            proxy_method GET;
            proxy_pass http://itself/small;
        }}
    }}
}}
"""


def kind() -> str:
    """Which backend this machine has."""
    return "nginx" if tool("nginx") else "a small one in Python"


def start(folder: Path, port: int, core: int, files: int) -> Running:
    """Start the backend; it answers as soon as it can."""
    folder.mkdir(parents=True, exist_ok=True)
    nginx = tool("nginx")
    if nginx is None:
        root = str(Path(__file__).resolve().parent.parent)
        running = Running(
            [sys.executable, "-m", "benchmarks.backend", str(port)], core, folder, {"PYTHONPATH": root}
        )
    else:
        path = _write_nginx(folder, port, files)
        running = Running([nginx, "-p", str(folder), "-e", "stderr", "-c", str(path)], core, folder)
    running.wait_until_it_answers(port, "/small", "backend")
    return running


def _write_nginx(folder: Path, port: int, files: int) -> Path:
    for name, length in (("64k", 65536), ("1m", 1048576), ("chunked.html", CHUNKED_LENGTH)):
        (folder / name).write_bytes(b"x" * length)
    folder.chmod(0o755)
    connections = max(1024, files - 64)
    small = SMALL.decode().replace("\n", "\\n")
    path = folder / "backend.conf"
    path.write_text(
        _NGINX.format(folder=folder, port=port, files=files, connections=connections, small=small)
    )
    return path


def _framed(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


ANSWERS = {
    b"/small": _framed(SMALL),
    b"/upload": _framed(SMALL),
    b"/64k": _framed(b"x" * 65536),
    b"/1m": _framed(b"x" * 1048576),
    b"/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    % (CHUNKED_LENGTH, b"x" * CHUNKED_LENGTH),
}


class SmallBackend(asyncio.Protocol):
    """Answers by path, after the whole request; no chunked requests."""

    def __init__(self) -> None:
        self._data = b""
        self._body_left = 0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        if self._body_left:
            taken = min(self._body_left, len(data))
            self._body_left -= taken
            data = data[taken:]
            if self._body_left:
                return
            self._transport.write(self._answer)
        self._data += data
        while not self._body_left and (end := self._data.find(b"\r\n\r\n")) >= 0:
            head, self._data = self._data[:end], self._data[end + 4 :]
            self._serve(head)

    def _serve(self, head: bytes) -> None:
        self._answer = ANSWERS.get(
            head.split(b" ", 2)[1].partition(b"?")[0], b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        )
        length = content_length(head)
        taken = min(length, len(self._data))
        self._data = self._data[taken:]
        self._body_left = length - taken
        if not self._body_left:
            self._transport.write(self._answer)


def content_length(head: bytes) -> int:
    """``Content-Length`` of a request head, 0 where there is none."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(SmallBackend, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.install()
    except ImportError:
        pass
    asyncio.run(serve(int(sys.argv[1])))
