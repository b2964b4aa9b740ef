"""``limit_rate`` of everything that is sent, over real connections: all of it comes, and no faster."""

from __future__ import annotations

from time import monotonic

import pytest
import pytest_twisted

from tests.integration.running import Site, curl, free_ports
from tests.integration.test_http2 import with_curl

CONFIG = """
server {{
    listen {port};
    http2 on;
    root html;
    location /file {{ limit_rate 100k; }}
    location /set {{ set $limit_rate 100k; alias html/file; }}
    location /zip {{ limit_rate 100k; gzip on; gzip_types *; alias html/file; }}
    location /proxied {{ limit_rate 100k; proxy_pass http://127.0.0.1:{back}/file; }}
    location /accel {{ proxy_pass http://127.0.0.1:{back}/accel; }}
    location /inner {{ internal; alias html/file; }}
}}
server {{
    listen {back};
    root html;
    location /file {{ }}
    location /accel {{ add_header X-Accel-Redirect /inner; add_header X-Accel-Limit-Rate 102400; return 200; }}
}}
"""
SIZE = 250_000


@pytest.mark.parametrize("version", ["--http1.1", pytest.param("--http2-prior-knowledge", marks=with_curl)])
@pytest_twisted.ensureDeferred
async def test_pace(site: Site, version: str) -> None:
    """A second's worth comes at once, so 250 kB take more than a second at 100 kB a second, whoever sends them."""
    port, back = free_ports(2)
    site.http(CONFIG.format(port=port, back=back))
    content = bytes(range(250)) * (SIZE // 250)
    (site.root / "html").mkdir()
    (site.root / "html" / "file").write_bytes(content)
    await site.proxy().listening(port, back)
    for name in ("file", "set", "proxied", "accel"):
        began = monotonic()
        got = await curl(version, f"http://127.0.0.1:{port}/{name}")
        assert got == content, name
        assert monotonic() - began > 1, name
    assert await curl(version, "--compressed", f"http://127.0.0.1:{port}/zip") == content
