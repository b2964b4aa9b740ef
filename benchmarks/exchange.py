"""What Python itself costs per request: whole exchanges with no sockets, ``python -m benchmarks.exchange``.

A client's request goes through the data plane to a server and its answer back, on transports that only count.  What
is left is our own code: the figure to watch while the hot path is cut, steady even on a busy machine, since the best
of many short runs counts.  ``--profile`` lists what the time goes into.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import sys
import time
from collections.abc import Iterable, Sequence
from itertools import cycle, islice
from typing import Any

from tests.proxy.conversation import Wire, World

PLAIN = """
keepalive_requests 1000000000;
upstream backend { server 127.0.0.1:8080; keepalive 512; keepalive_requests 1000000000; }
server { listen 80; location / {
  proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; } }
"""
BY_HOST = """
keepalive_requests 1000000000;
upstream backend { server 127.0.0.1:8080; keepalive 512; keepalive_requests 1000000000; }
server { listen 80; location / { proxy_pass http://$host; } }
"""
#: As ``wrk`` asks, and as a browser does; ``%d`` is another number in each request, so that no two heads are alike.
REQUESTS = {
    "wrk": b"GET /small HTTP/1.1\r\nHost: backend\r\n\r\n",
    "browser": (
        b"GET /static/app.js?v=%d HTTP/1.1\r\nHost: backend\r\nConnection: keep-alive\r\n"
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
        b"Accept: */*\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"
        b"Referer: http://backend/index.html\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\r\n"
    ),
}
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 14:52:47 GMT\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 33\r\nConnection: keep-alive\r\n\r\n"
    b"0123456789abcdef0123456789abcdef\n"
)


class Counting(Wire):
    """A transport that forgets what is written to it."""

    def write(self, data: bytes) -> None:
        """Only note that something came."""
        self.got = data


def pair(configuration: str, request: bytes) -> tuple[Any, Any]:
    """A client's and a server's connection to one data plane, after their first exchange."""
    world = World(configuration)
    client = world.client()
    client.say(several(request)[0])
    server = world.servers[0]
    server.say(ANSWER)
    for wire in (client, server):
        wire.__class__ = Counting
        wire.protocol.write = wire.write
    return client, server


def several(request: bytes) -> list[bytes]:
    """One request, or more different ones than anybody would remember."""
    return [request % number for number in range(20_000)] if b"%d" in request else [request]


def exchanges(client: Any, server: Any, requests: Iterable[bytes]) -> None:
    """Every request answered before the next."""
    ask, answer = client.protocol.dataReceived, server.protocol.dataReceived
    for request in requests:
        ask(request)
        answer(ANSWER)


def best(client: Any, server: Any, requests: Sequence[bytes], number: int = 500, runs: int = 200) -> float:
    """Microseconds per exchange in the best of ``runs``."""
    lowest = float("inf")
    counters = client.protocol.plane.counters
    before = counters.requests
    gc.collect()
    turn = cycle(requests)
    for _ in range(runs):
        batch = list(islice(turn, number))
        began = time.perf_counter()
        exchanges(client, server, batch)
        lowest = min(lowest, time.perf_counter() - began)
    if counters.requests - before != number * runs or not client.got.endswith(ANSWER[-33:]):
        raise RuntimeError(f"not all was served; the last answer: {client.got!r}")
    return lowest / number * 1e6


def main(argv: Sequence[str]) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exchange", description=__doc__)
    parser.add_argument("--profile", action="store_true", help="list the functions by the time they take")
    chosen = parser.parse_args(argv)
    for title, configuration in (("constant target", PLAIN), ("target from $host", BY_HOST)):
        for kind, request in REQUESTS.items():
            client, server = pair(configuration, request)
            print(f"{title}, request of {kind}: {best(client, server, several(request)):.2f} µs per exchange")
    if chosen.profile:
        profile = cProfile.Profile()
        client, server = pair(PLAIN, REQUESTS["wrk"])
        profile.runcall(exchanges, client, server, [REQUESTS["wrk"]] * 20_000)
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
