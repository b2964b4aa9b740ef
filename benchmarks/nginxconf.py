"""The configuration that nginx and dyups read alike: that is what makes them comparable.

Response buffers in memory only, uploads passed on as they come, connections kept on both sides, no access log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: Names of the upstreams of workload (g).
NAMES = tuple(f"host{number}.example" for number in range(1000))

_HEAD = """\
daemon off;
pid {folder}/server.pid;
error_log stderr crit;
worker_processes 1;
worker_rlimit_nofile {files};
events {{
    worker_connections {connections};
}}
"""

_HTTP = """\
    access_log off;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_temp_path {folder}/temp-body;
    proxy_temp_path {folder}/temp-proxy;
    proxy_max_temp_file_size 0;
    proxy_request_buffering off;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
"""

#: nginx makes these folders at start even where no location needs them.
NGINX_ONLY = """\
    fastcgi_temp_path {folder}/temp-fastcgi;
    uwsgi_temp_path {folder}/temp-uwsgi;
    scgi_temp_path {folder}/temp-scgi;
"""


@dataclass(frozen=True)
class Ports:
    """Where a proxy listens and where its backend does."""

    proxy: int
    backend: int
    interface: int = 0
    """``dyups_interface``; 0 for none."""


def upstream_block(name: str, port: int, keepalive: int, servers: int = 1) -> str:
    """An ``upstream`` block of ``servers`` equal servers."""
    lines = f"        server 127.0.0.1:{port};\n" * servers
    kept = f"        keepalive {keepalive};\n        keepalive_requests 1000000000;\n" if keepalive else ""
    return f"    upstream {name} {{\n{lines}{kept}    }}\n"


def proxy_conf(folder: Path, ports: Ports, files: int, *, names: Sequence[str] = (), more: str = "") -> str:
    """A proxy to ``backend``; with ``names`` to whichever of them the client's ``Host`` is."""
    connections = max(1024, min(files - 64, 16384))
    blocks = upstream_block("backend", ports.backend, 512)
    blocks += "".join(upstream_block(name, ports.backend, 16) for name in names)
    target = "$host" if names or ports.interface else "backend"
    servers = _server(ports.proxy, f"proxy_pass http://{target};")
    if ports.interface:
        servers += _server(ports.interface, "dyups_interface;")
    text = _HEAD + "http {{\n" + _HTTP + more
    filled = text.format(folder=folder, files=files, connections=connections)
    return filled + blocks + servers + "}\n"


def _server(port: int, content: str) -> str:
    return (
        f"    server {{\n        listen 127.0.0.1:{port} backlog=4096;\n"
        f"        location / {{\n            {content}\n        }}\n    }}\n"
    )
