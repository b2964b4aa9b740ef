"""The Sample session of the seed, typed at a real proxy, compared byte for byte."""

from __future__ import annotations

import re

import pytest
import pytest_twisted

from dyups._version import VERSION
from tests.integration.running import SEED_PORTS, Site, curl, free_ports, is_free

BAD_GATEWAY = f"""<html>
<head><title>502 Bad Gateway</title></head>
<body bgcolor="white">
<center><h1>502 Bad Gateway</h1></center>
<hr><center>dyups/{VERSION}</center>
</body>
</html>
""".replace("\n", "\r\n").encode()  # nginx's pages have CR LF, which a terminal does not show

AT_FIRST = """host1
server 127.0.0.1:{1}

host2
server 127.0.0.1:{2}

"""

WITH_DYHOST = (
    AT_FIRST
    + """dyhost
server 127.0.0.1:{2}
server 127.0.0.1:{1}

"""
)


async def sample_session(ports: list[int]) -> None:
    """The commands of the seed in their order, and what each must print."""
    front, first, second, admin = (f"127.0.0.1:{port}" for port in ports)
    detail, with_dyhost = (text.format(*ports).encode() for text in (AT_FIRST, WITH_DYHOST))

    assert await curl("-H", "host: dyhost", front) == BAD_GATEWAY
    body = f"server {second};server {first};"
    assert await curl("-d", body, f"{admin}/upstream/dyhost") == b"success"
    assert await curl("-H", "host: dyhost", front) == b"%d\n" % SEED_PORTS[2]
    assert await curl("-H", "host: dyhost", front) == b"%d\n" % SEED_PORTS[1]
    assert await curl(f"{admin}/detail") == with_dyhost
    deleted = await curl("-i", "-X", "DELETE", f"{admin}/upstream/dyhost")
    assert deleted.startswith(b"HTTP/1.1 200 OK\r\n")
    assert deleted.endswith(b"\r\n\r\nsuccess")
    assert await curl(f"{admin}/detail") == detail
    assert await curl("-H", "host: dyhost", front) == BAD_GATEWAY


def echoing_the_seeds_ports(site: Site) -> None:
    """What is echoed stays the seed's text, whatever port it comes from."""
    text = (site.root / "conf/nginx.conf").read_text().splitlines()
    echoed = iter(SEED_PORTS[1:3])
    lines = [
        line if "echo" not in line else f"{line[: line.index('echo')]}echo {next(echoed)};" for line in text
    ]
    site.write("\n".join(lines) + "\n")


@pytest.mark.parametrize("reactor", ["uvloop", "epoll"])
@pytest_twisted.ensureDeferred
async def test_the_session_is_as_the_seed_shows_it(site: Site, reactor: str) -> None:
    """On free ports, on our reactor and on one of Twisted's own."""
    ports = free_ports(4)
    site.seed(ports)
    echoing_the_seeds_ports(site)
    proxy = await site.proxy(reactor=reactor).listening(*ports)
    await sample_session(ports)
    await proxy.stop()
    kind = {"uvloop": "UvloopReactor", "epoll": "EPollReactor"}[reactor]
    assert kind in site.error_log
    # Where the tests are root's and Python is too, the proxy says that its workers stay root.
    complaints = [
        line
        for line in site.error_log.splitlines()
        if re.search(r"\[(warn|error|crit|alert|emerg)]", line) and "workers serve as root" not in line
    ]
    assert len(complaints) == 2, complaints
    assert all("[error]" in line and 'host "dyhost"' in line for line in complaints)


@pytest_twisted.ensureDeferred
async def test_the_session_on_the_seeds_own_ports(site: Site) -> None:
    """With the two files exactly as they are."""
    if not all(map(is_free, SEED_PORTS)):
        pytest.skip("somebody else listens on one of the seed's ports")
    site.seed(list(SEED_PORTS))
    await site.proxy().listening(*SEED_PORTS)
    await sample_session(list(SEED_PORTS))
