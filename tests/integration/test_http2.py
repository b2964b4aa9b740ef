"""HTTP/2 with real processes: curl as it is installed, a client that leaves, a reload, an end."""

from __future__ import annotations

import hashlib
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from time import monotonic

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.integration.http2_client import Client
from tests.integration.running import (
    BOUND,
    CURL,
    SAME_USER,
    Proxy,
    Site,
    children,
    free_ports,
    is_running,
    run,
    until,
)
from tests.tls.authority import Authority

_CURL = shutil.which("curl")
with_curl = pytest.mark.skipif(
    _CURL is None
    or b" HTTP2" not in subprocess.run([_CURL, "-V"], capture_output=True, check=True, timeout=BOUND).stdout,
    reason="there is no curl that speaks HTTP/2",
)
HTTP = """
upstream back {{ server 127.0.0.1:{back}; }}
log_format short '$status "$request" $http2 $body_bytes_sent';
access_log {root}/logs/short.log short;
server {{
    listen 127.0.0.1:{plain};
    listen 127.0.0.1:{tls} ssl;
    http2 on;
    server_name one.example;
    ssl_certificate certs/one.crt;
    ssl_certificate_key certs/one.key;
    client_max_body_size 100m;
    location / {{ root {root}/www; }}
    location /said {{ echo -n "$server_protocol $http2 $ssl_server_name $request_method"; }}
    location /back/ {{ proxy_pass http://back; }}
    location /again/ {{ proxy_pass http://127.0.0.1:{plain}/; }}
}}
"""


class Held:
    """A server that answers when it is told to."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(BOUND)
        self.port: int = self._listening.getsockname()[1]
        self.connection: socket.socket | None = None

    def take(self) -> bytes:
        """Wait for a request; what came of it with the first read."""
        self.connection, _ = self._listening.accept()
        self.connection.settimeout(BOUND)
        return self.connection.recv(65536)

    def answer(self, body: bytes) -> None:
        """Answer the request that was taken."""
        assert self.connection is not None
        self.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    def let_go(self) -> bool:
        """Wait for the proxy to leave."""
        assert self.connection is not None
        with suppress(ConnectionError):
            return self.connection.recv(1) == b""
        return True

    def close(self) -> None:
        """Take no more."""
        self._listening.close()
        if self.connection is not None:
            self.connection.close()


class Http2Site:
    """A site that speaks HTTP/2, with a certificate and a large file."""

    def __init__(self, site: Site, back: int = 9) -> None:
        self.site = site
        self.plain, self.tls = free_ports(2)
        certs = site.root / "conf" / "certs"
        certs.mkdir(parents=True)
        (site.root / "www").mkdir()
        self.large = site.root / "www" / "large"
        self.large.write_bytes(bytes(range(256)) * 4_000)
        Authority().issue("one.example").write(certs, "one")
        text = HTTP.format(back=back, root=site.root, plain=self.plain, tls=self.tls)
        site.http(text, "error_log logs/error.log info;")

    async def proxy(self) -> Proxy:
        """It serves."""
        return await self.site.proxy(*SAME_USER).listening(self.plain, self.tls)

    async def curl(self, path: str, *more: str, tls: bool = False) -> bytes:
        """What curl gets."""
        if tls:
            place = f"https://one.example:{self.tls}"
            how = ("--http2", "-k", "--resolve", f"one.example:{self.tls}:127.0.0.1")
        else:
            place = f"http://127.0.0.1:{self.plain}"
            how = ("--http2-prior-knowledge",)
        done = await run("curl", *CURL, *how, *more, f"{place}{path}")
        assert done.returncode == 0, (done.returncode, done.stderr, self.site.error_log)
        return bytes(done.stdout)

    @property
    def log(self) -> list[str]:
        """The lines of the access log."""
        path = self.site.root / "logs" / "short.log"
        return path.read_text().splitlines() if path.exists() else []


def ask_once(port: int) -> bytes:
    """The body of one answer, on a connection of its own."""
    client = Client(port)
    try:
        return client.whole(client.begin(b"/said")).body
    finally:
        client.close()


@with_curl
@pytest_twisted.ensureDeferred
async def test_curl(site: Site) -> None:
    """By ALPN and by prior knowledge; HTTP/1.1 beside it; large bodies both ways, forwarded and from a file."""
    two = Http2Site(site)
    await two.proxy()
    assert await two.curl("/said", tls=True) == b"HTTP/2.0 h2 one.example GET"
    assert await two.curl("/said") == b"HTTP/2.0 h2c  GET"
    assert await two.curl("/said", "--http1.1", tls=True) == b"HTTP/1.1  one.example GET"
    assert await two.curl("/again/said", tls=True) == b"HTTP/1.1   GET"
    whole = hashlib.sha256(two.large.read_bytes()).digest()
    for tls in (True, False):
        for path in ("/large", "/again/large"):
            assert hashlib.sha256(await two.curl(path, tls=tls)).digest() == whole, path
    put = ("-T", str(two.large), "-o", "/dev/null", "-w", "%{http_code} %{http_version} %{size_upload}")
    assert await two.curl("/again/said", *put, tls=True) == b"200 2 1024000"
    code = await two.curl("/none", "-o", "/dev/null", "-w", "%{http_code} %{http_version}")
    assert code == b"404 2"
    line = '404 "GET /none HTTP/2.0" h2c '
    await until(lambda: any(found.startswith(line) for found in two.log), "the line of the log")


@pytest_twisted.ensureDeferred
async def test_many_at_a_time(site: Site) -> None:
    """A hundred requests on one connection, of which the first is answered last."""
    held = Held()
    two = Http2Site(site, held.port)
    await two.proxy()

    def talk() -> None:
        client = Client(two.plain)
        first = client.begin(b"/back/x", host=b"one.example")
        assert held.take().startswith(b"GET /back/x HTTP/1.1\r\n")
        numbers = [client.begin(b"/large", send=False) for _ in range(5)]
        numbers += [client.begin(b"/said", send=False) for _ in range(94)]
        bodies = [client.whole(number).body for number in numbers]
        assert bodies == [two.large.read_bytes()] * 5 + [b"HTTP/2.0 h2c  GET"] * 94
        assert not client.answer(first).heads
        held.answer(b"last")
        assert client.whole(first).body == b"last"
        client.close()

    await deferToThread(talk)
    held.close()


@pytest_twisted.ensureDeferred
async def test_a_request_taken_back(site: Site) -> None:
    """RST_STREAM: the server is let go of, the log has 499, and the connection goes on."""
    held = Held()
    two = Http2Site(site, held.port)
    await two.proxy()

    def talk() -> None:
        client = Client(two.plain)
        number = client.begin(b"/back/x")
        held.take()
        client.h2.reset_stream(number, 8)
        client.send()
        assert held.let_go()
        assert client.whole(client.begin(b"/said")).status == 200
        client.close()

    await deferToThread(talk)
    await until(lambda: '499 "GET /back/x HTTP/2.0" h2c 0' in two.log, "the line of the log")
    held.close()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT], ids=["reload", "end"])
@pytest_twisted.ensureDeferred
async def test_the_worker_goes(site: Site, number: signal.Signals) -> None:
    """The client is told; what is under way is answered; what is asked afterwards it may ask elsewhere."""
    held = Held()
    two = Http2Site(site, held.port)
    proxy = await two.proxy()
    old = children(proxy.pid)
    clients: list[Client] = []

    def begin() -> int:
        clients.extend(Client(two.plain) for _ in range(2))
        asked = clients[0].begin(b"/back/x")
        held.take()
        assert clients[1].whole(clients[1].begin(b"/said")).status == 200
        return asked

    def finish(asked: int) -> None:
        busy, idle = clients
        for client in clients:
            client.await_(lambda client=client: client.goodbye or client.link.closed, "GOAWAY")
            assert client.goodbye is not None and client.goodbye.error_code == 0
        assert busy.goodbye is not None and busy.goodbye.last_stream_id == asked
        idle.await_(lambda: idle.link.closed, "the end of an idle connection")
        held.answer(b"late")
        raw, end = b"", monotonic() + BOUND
        while not busy.link.closed:
            assert monotonic() < end, f"the connection is open after {BOUND} s"
            raw += busy.link.read()
        assert raw.endswith(b"late") and b"\0\0\4\0\1" in raw
        for client in clients:
            client.close()

    asked = await deferToThread(begin)
    proxy.signal(number)
    await deferToThread(finish, asked)
    await until(lambda: not any(map(is_running, old)), "the end of the old workers")
    if number == signal.SIGHUP:
        assert await deferToThread(ask_once, two.plain) == b"HTTP/2.0 h2c  GET"
    held.close()
