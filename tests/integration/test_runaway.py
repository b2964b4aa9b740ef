"""Regular expressions that a path could keep busy for longer than anybody lives."""

from __future__ import annotations

import pytest_twisted

from tests.integration.running import Site, curl, free_ports


@pytest_twisted.ensureDeferred
async def test_runaway_expression_is_ended(site: Site) -> None:
    """A hostile path gets 500 and a line in the error log; the worker goes on serving everybody else."""
    (port,) = free_ports(1)
    site.http(
        f"server {{ listen {port}; location ~ ^/(a+)+$ {{ return 200 a; }} location / {{ return 200 b; }} }}"
    )
    await site.proxy().listening(port)
    url = f"http://127.0.0.1:{port}"
    assert await curl("-s", "-o", "/dev/null", "-w", "%{http_code}", f"{url}/{'a' * 100}!") == b"500"
    assert await curl("-s", f"{url}/b") == b"b"
    assert await curl("-s", f"{url}/aaa") == b"a"
    assert "pcre2_match() failed: -47 on" in site.error_log
