"""TLS with real processes: three names, client certificates, servers that speak TLS, renewed certificates.

Where nginx is installed it is started on the same configuration, and must answer the same.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from cryptography import x509

from tests.integration.running import (
    BOUND,
    CURL,
    SAME_USER,
    TWISTD,
    Proxy,
    Site,
    children,
    free_ports,
    is_running,
    run,
    until,
)
from tests.integration.test_same_answers_as_nginx import wait_until_listening
from tests.integration.test_same_as_nginx import NGINX
from tests.tls.authority import Authority, Issued

SAMPLE = Path(__file__).parent / "configurations" / "tls_sni" / "nginx.conf"
PORTS = (8080, 8443, 8090, 8490)
CERTIFICATES = {
    "shop": ("shop.example", "www.shop.example"),
    "blog": ("blog.example", "*.blog.example"),
    "api": ("api.example",),
    "inner": ("inner.example",),
}
#: Requests: name, path, whose certificate the client shows.
REQUESTS = [
    ("shop.example", "/a?b=c", ""),
    ("www.shop.example", "/", ""),
    ("shop.example", "/cart", ""),
    ("blog.example", "/", ""),
    ("x.blog.example", "/old", ""),
    ("api.example", "/", ""),
    ("api.example", "/", "anna"),
    ("api.example", "/", "eve"),
    ("api.example", "/inner/x?y", "anna"),
    ("api.example", "/wrong/", ""),
    ("api.example", "/plain/", ""),
    ("none.example", "/", ""),
]


class TlsSite:
    """A site on the sample, with certificates of its own authority."""

    def __init__(self, site: Site, sample: Path = SAMPLE) -> None:
        self.site = site
        self.ports = free_ports(len(PORTS))
        text = sample.read_text()
        for old, new in zip(PORTS, self.ports, strict=True):
            text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        site.write(text)
        self.certs = site.root / "conf" / "certs"
        self.certs.mkdir()
        (site.root / "logs").mkdir(exist_ok=True)
        self.authority = Authority()
        (self.certs / "ca.crt").write_bytes(self.authority.pem)
        for name, names in CERTIFICATES.items():
            self.renew(name, *names)
        self.authority.issue("anna").write(self.certs, "anna")
        Authority("Other CA").issue("eve").write(self.certs, "eve")

    def renew(self, name: str, *names: str) -> Issued:
        """A new certificate in the place of an old one."""
        issued = self.authority.issue(names[0], *names)
        issued.write(self.certs, name)
        return issued

    async def proxy(self) -> Proxy:
        """It serves."""
        return await self.site.proxy(*SAME_USER).listening(*self.ports)

    async def ask(
        self, name: str, path: str = "/", client: str = "", more: tuple[str, ...] = ()
    ) -> tuple[int, str]:
        """The status and the body of a request over TLS; 0 and nothing where there is no connection."""
        port = self.ports[1]
        shown = (
            ("--cert", f"{self.certs}/{client}.crt", "--key", f"{self.certs}/{client}.key") if client else ()
        )
        done = await run(
            *("curl", *CURL, "--cacert", f"{self.certs}/ca.crt", *shown, *more),
            *("--resolve", f"{name}:{port}:127.0.0.1", "-w", "%{http_code} %{redirect_url}"),
            f"https://{name}:{port}{path}",
        )
        body, _, status = done.stdout.decode().rpartition("\n")
        code, _, location = status.partition(" ")
        return int(code), f"{location}{body}"

    async def serial(self, name: str) -> int:
        """The serial number of the certificate that ``name`` shows."""
        command = ("openssl", "s_client", "-connect", f"127.0.0.1:{self.ports[1]}", "-servername", name)
        done = await run(*command)
        found = re.search(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", done.stdout, re.DOTALL)
        assert found is not None, done.stderr
        return x509.load_pem_x509_certificate(found[0]).serial_number


@pytest_twisted.ensureDeferred
async def test_three_names_on_one_port(site: Site) -> None:
    """Each name has its certificate and its server; other names are turned away; port 80 leads to https."""
    tls = TlsSite(site)
    await tls.proxy()
    assert await tls.ask("shop.example", "/a?b=c") == (200, "shop shop.example https /a?b=c")
    blog = "blog x.blog.example on TLSv1.2 x.blog.example"
    assert await tls.ask("x.blog.example", more=("--tls-max", "1.2")) == (200, blog)
    assert await tls.ask("none.example") == (0, "")
    done = await run("curl", *CURL, "-i", "-H", "Host:shop.example", f"http://127.0.0.1:{tls.ports[0]}/x?y")
    assert b"\r\nLocation: https://shop.example/x?y\r\n" in done.stdout


@pytest_twisted.ensureDeferred
async def test_clients_and_servers_are_verified(site: Site) -> None:
    """A client's certificate is told to the server behind, whose own is checked; the wrong name is 502."""
    tls = TlsSite(site)
    await tls.proxy()
    status, body = await tls.ask("api.example", client="anna")
    assert (status, body.split()[:2]) == (200, ["SUCCESS", "CN=anna,O=Tests"])
    status, body = await tls.ask("api.example", client="eve")
    assert status == 400 and "The SSL certificate error" in body
    expected = "inner /x CN=anna,O=Tests inner.example"
    assert await tls.ask("api.example", "/inner/x", "anna") == (200, expected)
    assert (await tls.ask("api.example", "/wrong/"))[0] == 502
    await until(lambda: 'upstream SSL certificate does not match "other.example"' in site.error_log)
    assert (await tls.ask("api.example", "/plain/"))[0] == 502
    await until(lambda: "SSL_do_handshake() failed" in site.error_log)


@pytest_twisted.ensureDeferred
async def test_a_renewed_certificate(site: Site) -> None:
    """A reload shows the new certificate; a broken one is refused, and everything stays as it was."""
    tls = TlsSite(site)
    proxy = await tls.proxy()
    before = await tls.serial("shop.example")
    renewed = tls.renew("shop", *CERTIFICATES["shop"]).certificate.serial_number
    assert renewed != before
    assert await tls.serial("shop.example") == before
    old = children(proxy.pid)
    proxy.signal(signal.SIGHUP)
    await until(lambda: not any(map(is_running, old)), "the end of the old workers")
    assert await tls.serial("shop.example") == renewed

    (tls.certs / "shop.crt").write_text("nonsense")
    proxy.signal(signal.SIGHUP)
    await until(lambda: "cannot load certificate" in site.error_log, "the refusal")
    assert "[emerg]" in site.error_log
    assert await tls.serial("shop.example") == renewed
    done = await run(*proxy_command(tls))
    assert done.returncode == 1
    assert b'[emerg] cannot load certificate "' in done.stderr
    assert (await tls.ask("blog.example"))[0] == 200


def proxy_command(tls: TlsSite) -> list[str]:
    """``-t`` on the site."""
    return [str(TWISTD), "dyups", "--config", str(tls.site.root / "conf" / "nginx.conf"), "-t"]


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[TlsSite]:
    """nginx on the same configuration."""
    if NGINX is None:
        pytest.skip("nginx is not installed: there is nothing to compare with")
    tls = TlsSite(Site(tmp_path / "theirs"))
    root = tls.site.root
    process = subprocess.Popen(
        [NGINX, "-p", str(root), "-c", "conf/nginx.conf"], stderr=(root / "stderr").open("wb")
    )
    for port in tls.ports:
        wait_until_listening(process, port, root / "stderr")
    yield tls
    process.terminate()
    process.wait(BOUND)


@pytest_twisted.ensureDeferred
async def test_nginx_answers_the_same(site: Site, nginx: TlsSite) -> None:
    """Status, redirect and body of every request are nginx's, but for the names at the foot of pages and ports."""
    ours = TlsSite(site)
    for name in CERTIFICATES:  # the very same certificates, so that numbers agree
        for end in ("crt", "key"):
            shutil.copy(nginx.certs / f"{name}.{end}", ours.certs)
    for name in ("ca.crt", "anna.crt", "anna.key", "eve.crt", "eve.key"):
        shutil.copy(nginx.certs / name, ours.certs)
    await ours.proxy()
    for request in REQUESTS:
        answers = []
        for one in (ours, nginx):
            status, body = await one.ask(*request)
            for number in one.ports:
                body = body.replace(str(number), "PORT")
            answers.append((status, re.sub("<hr>.*|<body.*?>|\r", "", body)))
        assert answers[0] == answers[1], request
