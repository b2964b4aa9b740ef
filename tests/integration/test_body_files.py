"""``client_body_in_file_only``, with real files, threads and workers."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest_twisted

from tests.integration.running import Site, curl, free_ports, until

CONFIG = """
server {{
    listen {front};
    client_max_body_size 100m;
    client_body_temp_path bodies 1 2;
    location / {{ client_body_in_file_only clean; proxy_pass http://127.0.0.1:{back}/echo;
        proxy_set_header X-File $request_body_file; }}
    location /kept {{ client_body_in_file_only on; proxy_pass http://127.0.0.1:{back}/name;
        proxy_pass_request_body off; proxy_set_header X-File $request_body_file; }}
}}
server {{
    listen {back};
    client_max_body_size 100m;
    location /name {{ return 200 $http_x_file; }}
    location /echo {{ content_by_lua_block {{
        ngx.req.read_body()
        ngx.print(ngx.var.http_x_file, " ", #(ngx.req.get_body_data() or ""), " ",
            ngx.md5(ngx.req.get_body_data() or ""))
    }} }}
}}
"""


def files(site: Site) -> list[Path]:
    return [path for path in (site.root / "bodies").rglob("*") if path.is_file()]


@pytest_twisted.ensureDeferred
async def test_bodies_in_files(site: Site, tmp_path: Path) -> None:
    """A body is in its file before the server is asked, and comes through as it was, whatever its length."""
    front, back = free_ports(2)
    site.http(CONFIG.format(front=front, back=back), "worker_processes 2;")
    await site.proxy().listening(front, back)
    for size in (1, 70_000, 3_000_000):
        body = bytes(range(251)) * (size // 251 + 1)
        path = tmp_path / "body"
        path.write_bytes(body[:size])
        answer = await curl("--data-binary", f"@{path}", "-H", "Expect:", f"http://127.0.0.1:{front}/")
        name, length, digest = answer.decode().split()
        assert re.search(r"/bodies/\d/\d\d/\d{10}$", name)
        assert (int(length), digest) == (size, hashlib.md5(body[:size]).hexdigest())
    await until(lambda: not files(site), "the files to be removed")
    kept = await curl("--data-binary", f"@{path}", "-H", "Expect:", f"http://127.0.0.1:{front}/kept")
    assert Path(kept.decode()).read_bytes() == body[:size]
    assert files(site) == [Path(kept.decode())]
