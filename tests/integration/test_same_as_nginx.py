"""The same key, the same servers in the same order as nginx, where nginx is installed.

No server is there: every request is tried on each in turn and fails, and ``$upstream_addr`` tells in which order.  Here
the same is asked of a group.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from errno import ECONNREFUSED
from http.client import HTTPConnection
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from dyups.balancing.consistent_hash import murmur2
from dyups.config.upstreams import parse_commands
from dyups.interfaces import Getter
from dyups.upstream.map import UpstreamMap
from dyups.upstream.peer import Peer
from dyups.upstream.resolve import resolve_now
from tests.integration.running import BOUND, free_ports
from tests.integration.test_same_answers_as_nginx import wait_until_listening

NGINX = shutil.which("nginx", path="/usr/local/nginx/sbin:/usr/local/sbin:/usr/sbin:/usr/bin:/usr/local/bin")

pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed: there is nothing to compare with"
)

#: ``PORT`` stands for a port that nobody listens on, another one each time.
SERVERS = {
    "even": "server 127.0.0.1:PORT; server 127.0.0.1:PORT; server 127.0.0.1:PORT;",
    "uneven": "server 127.0.0.1:PORT weight=5; server 127.0.0.2:PORT; server 127.0.0.3:PORT weight=2;",
    "down": "server 127.0.0.1:PORT; server 127.0.0.1:PORT weight=3 down; server 127.0.0.1:PORT weight=2;",
    "no port": "server 127.255.1.7; server [::1]:PORT; server unix:/nowhere/a.sock; server unix:/nowhere/b;",
    "many": " ".join("server 127.0.0.1:PORT;" for _ in range(12)),
    "most down": "server 127.0.0.1:PORT; server 127.0.0.1:PORT weight=200 down; server 127.0.0.1:PORT;",
    "alone": "server 127.0.0.1:PORT;",
    "twice": "server 127.0.0.1:81; server 127.0.0.1:81 weight=2; server 127.0.0.1:82;",
}
#: Addresses of servers that are always the same, though nobody may listen there.
FIXED = {"no port": [("127.255.1.7", 80)], "twice": [("127.0.0.1", 81), ("127.0.0.1", 82)]}
METHODS = (
    "hash $arg_k;",
    "hash x$arg_k consistent;",
    "hash $arg_k consistent;",
    "ip_hash;",
    "least_conn;",
    "",
)
KEYS = [f"/{number * 7919}/key-{number}" for number in range(60)] + ["", "0", "a" * 200]
CLIENTS = [f"{number % 250}.{number * 7 % 256}.{number * 13 % 256}.{number}" for number in range(1, 50)]
CLIENTS += ["2001:db8::1", "2001:db8::2", "fe80::1:2:3", "::ffff:10.0.0.1", "10.0.0.1"]

#: nginx shows MurmurHash2, which Tengine's ring is made of, only as the share of all hashes that it is in.
SHARES = " ".join(f"1% {share};" for share in range(99))

CONFIGURATION = """
daemon off; master_process off; pid nginx.pid; error_log error.log crit;
events {{ }}
http {{
    access_log off; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    set_real_ip_from 127.0.0.1; real_ip_header X-Client;
    {upstreams}
    split_clients $arg_k $share {{ {shares} * last; }}
    server {{
        listen 127.0.0.1:{port};
        keepalive_requests 100000;
        {locations}
        location =/share {{ return 204; add_header X-Asked $share; }}
    }}
}}
"""


def is_refused(address: tuple[str, int]) -> bool:
    """Does nobody listen there?"""
    with socket() as probe:
        return probe.connect_ex(address) == ECONNREFUSED


class Variables:
    """A request is its key and its client's address."""

    def lookup(self, name: str) -> Getter | None:
        """See :class:`~dyups.interfaces.VariableTable`."""
        place = {"arg_k": 0, "remote_addr": 1}.get(name)
        return None if place is None else lambda exchange: exchange[place]


class Nginx:
    """An nginx with one location for each upstream."""

    def __init__(self, folder: Path, bodies: list[str]) -> None:
        self.port = free_ports(1)[0]
        upstreams = "\n".join(f"upstream u{number} {{ {body} }}" for number, body in enumerate(bodies))
        locations = "\n".join(
            f"location =/{number} {{ proxy_pass http://u{number}; add_header X-Asked $upstream_addr always; }}"
            for number in range(len(bodies))
        )
        (folder / "tmp").mkdir()
        (folder / "nginx.conf").write_text(
            CONFIGURATION.format(upstreams=upstreams, locations=locations, port=self.port, shares=SHARES)
        )
        assert NGINX is not None
        self.process = subprocess.Popen(
            [NGINX, "-p", str(folder), "-c", "nginx.conf"], stderr=(folder / "stderr").open("wb")
        )
        wait_until_listening(self.process, self.port, folder / "stderr")
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=BOUND)

    def asked(self, number: int | str, key: str, client: str) -> list[str]:
        """The servers that a request was tried on, in order."""
        self.connection.request("GET", f"/{number}?k={key}", headers={"X-Client": client})
        response = self.connection.getresponse()
        response.read()
        return (response.headers["X-Asked"] or "").split(", ")

    def stop(self) -> None:
        """End it."""
        self.connection.close()
        self.process.terminate()
        self.process.wait(BOUND)


def bodies_of_all() -> list[tuple[str, str, str]]:
    """Every method with all servers: (servers, method, body)."""
    ports = iter(free_ports(40))
    filled = {}
    for name, text in SERVERS.items():
        while "PORT" in text:
            text = text.replace("PORT", str(next(ports)), 1)
        filled[name] = text.replace(";", " max_fails=0;")
    return [(name, method, f"{method} {text}") for name, text in filled.items() for method in METHODS]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Nginx, UpstreamMap, Any]]:
    """The same upstreams in nginx and in a map."""
    cases = bodies_of_all()
    nginx = Nginx(tmp_path_factory.mktemp("nginx"), [body for _, _, body in cases])
    upstreams = UpstreamMap(Variables())
    for number, (_, _, body) in enumerate(cases):
        spec = parse_commands(f"u{number}", body, upstreams.variables)
        upstreams.replace(spec, resolve_now(spec))
    yield nginx, upstreams, cases
    nginx.stop()


def ours(upstreams: UpstreamMap, number: int, key: str, client: str) -> list[str]:
    """The peers that a request would be tried on, in order."""
    group = upstreams.find(f"u{number}")
    assert group is not None
    tried: frozenset[Peer] = frozenset()
    found: list[str] = []
    while (peer := group.pick((key.encode(), client.encode()), tried, 0.0)) is not None:
        found.append(peer.name.decode())
        peer.note_failure(0.0)
        tried = tried | {peer}
    return found


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("method", METHODS)
def test_same_servers(served: tuple[Nginx, UpstreamMap, Any], name: str, method: str) -> None:
    """Each request goes to nginx's server first, and on to the same ones when that fails."""
    if name in FIXED and not all(map(is_refused, FIXED[name])):
        pytest.skip("somebody listens on one of the ports")
    nginx, upstreams, cases = served
    number = next(at for at, case in enumerate(cases) if case[:2] == (name, method))
    requests = (
        [("k", client) for client in CLIENTS] if method == "ip_hash;" else [(k, "10.0.0.1") for k in KEYS]
    )
    theirs = [nginx.asked(number, *request) for request in requests]
    assert [ours(upstreams, number, *request) for request in requests] == theirs
    assert len({asked[0] for asked in theirs}) >= (1 if name == "alone" else 2)


def test_same_murmur(served: tuple[Nginx, UpstreamMap, Any]) -> None:
    """MurmurHash2 of every key is in nginx's hundredth, keys of every length among them."""
    nginx = served[0]
    hundredth = 0xFFFFFFFF // 100
    for key in (*KEYS, *("x" * length for length in range(20))):
        share = murmur2(key.encode()) // hundredth
        assert nginx.asked("share", key, "10.0.0.1") == [str(share) if share < 99 else "last"], key
