"""nginx's methods written down from its C sources line by line, with its own CRC: what ours are held against.

A request of nginx keeps its state between tries; each class here is one such request.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from dyups.balancing.base import Tally
from dyups.config.model import ServerSpec
from tests.balancing.servers import Reference, Server


@dataclass(eq=False)
class Named(Server):
    """A server that knows how it is written in the configuration."""

    @property
    def spec(self) -> ServerSpec:
        """What the configuration says of it."""
        return ServerSpec(self.name)


def crc_of_byte(crc: int) -> int:
    """A row of ``ngx_crc32_table256``."""
    for _ in range(8):
        crc = crc >> 1 ^ 0xEDB88320 if crc & 1 else crc >> 1
    return crc


CRC_TABLE = [crc_of_byte(byte) for byte in range(256)]


def crc32(data: bytes, crc: int = 0xFFFFFFFF) -> int:
    """``ngx_crc32_update``, without init and final."""
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc


def is_skipped(peer: Server, tried: Container[Server], now: float) -> bool:
    """The ``goto next`` that all methods share."""
    if peer in tried or peer.down:
        return True
    if peer.max_fails and peer.fails >= peer.max_fails and now - peer.checked <= peer.fail_timeout:
        return True
    return bool(peer.max_conns) and peer.active >= peer.max_conns


def taken(peer: Server, now: float) -> Server:
    """The chosen peer, after what nginx does to it."""
    if now - peer.checked > peer.fail_timeout:
        peer.checked = now
    return peer


class Request:
    """What hash and ip_hash have in common: a walk over the list of peers by weight."""

    def __init__(self, peers: Sequence[Server], round_robin: Reference) -> None:
        self.peers = peers
        self.round_robin = round_robin
        self.tries = 0

    def next_hash(self) -> int:
        """The next hash of the request."""
        raise AssertionError

    def get(self, tried: Container[Server], now: float) -> Server | None:
        """``peer.get``."""
        if self.tries > 20 or len(self.peers) < 2:
            return self.round_robin.pick(tried, now)
        while True:
            w = self.next_hash() % sum(peer.weight for peer in self.peers)
            p = 0
            while w >= self.peers[p].weight:
                w -= self.peers[p].weight
                p += 1
            if not is_skipped(self.peers[p], tried, now):
                return taken(self.peers[p], now)
            self.tries += 1
            if self.tries > 20:
                return self.round_robin.pick(tried, now)


class HashRequest(Request):
    """``ngx_http_upstream_get_hash_peer``."""

    def __init__(self, peers: Sequence[Server], round_robin: Reference, key: bytes) -> None:
        super().__init__(peers, round_robin)
        self.key = key
        self.rehash = 0
        self.hash = 0

    def next_hash(self) -> int:
        """((crc32([REHASH] KEY) >> 16) & 0x7fff) + PREV_HASH."""
        text = str(self.rehash).encode() if self.rehash > 0 else b""
        self.hash += (crc32(text + self.key) ^ 0xFFFFFFFF) >> 16 & 0x7FFF
        self.rehash += 1
        return self.hash

    def get(self, tried: Container[Server], now: float) -> Server | None:
        """``peer.get``."""
        return super().get(tried, now) if self.key else self.round_robin.pick(tried, now)


class IpHashRequest(Request):
    """``ngx_http_upstream_get_ip_hash_peer``."""

    def __init__(self, peers: Sequence[Server], round_robin: Reference, octets: bytes) -> None:
        super().__init__(peers, round_robin)
        self.octets = octets
        self.hash = 89

    def next_hash(self) -> int:
        """Of the octets that count."""
        for octet in self.octets:
            self.hash = (self.hash * 113 + octet) % 6271
        return self.hash


class ConsistentRequest:
    """``ngx_http_upstream_get_chash_peer``; ``points`` are those of :func:`ring_of`."""

    def __init__(
        self, peers: Sequence[Named], round_robin: Reference, points: list[tuple[int, str]], key: bytes
    ) -> None:
        self.peers = peers
        self.round_robin = round_robin
        self.points = points
        self.key = key
        self.tries = 0
        value = crc32(key) ^ 0xFFFFFFFF
        self.hash = next((i for i, (point, _) in enumerate(points) if point >= value), len(points))

    def get(self, tried: Container[Server], now: float) -> Server | None:
        """``peer.get``."""
        if self.tries > 20 or len(self.peers) < 2 or not self.key:
            return self.round_robin.pick(tried, now)
        current = self.round_robin.current
        while True:
            server = self.points[self.hash % len(self.points)][1]
            best: Server | None = None
            total = 0
            for peer in self.peers:
                if is_skipped(peer, tried, now) or peer.name != server:
                    continue
                current[peer] += peer.effective_weight
                total += peer.effective_weight
                if peer.effective_weight < peer.weight:
                    peer.effective_weight += 1
                if best is None or current[peer] > current[best]:
                    best = peer
            if best is not None:
                current[best] -= total
                return taken(best, now)
            self.hash += 1
            self.tries += 1
            if self.tries > 20:
                return self.round_robin.pick(tried, now)


def ring_of(peers: Sequence[Server]) -> list[tuple[int, str]]:
    """``ngx_http_upstream_init_chash``."""
    points: list[tuple[int, str]] = []
    for peer in peers:
        host, port = peer.name.encode(), b""
        if host[:5].lower() == b"unix:":
            host = host[5:]
        else:
            for j in range(len(host)):
                c = host[len(host) - j - 1 : len(host) - j]
                if c == b":":
                    host, port = host[: len(host) - j - 1], host[len(host) - j :]
                    break
                if not b"0" <= c <= b"9":
                    break
        base = crc32(port, crc32(b"\0", crc32(host)))
        previous = 0
        for _ in range(peer.weight * 160):
            previous = crc32(struct.pack("<I", previous), base) ^ 0xFFFFFFFF
            points.append((previous, peer.name))
    points.sort(key=lambda point: point[0])
    return [point for at, point in enumerate(points) if not at or points[at - 1][0] != point[0]]


class LeastConnRequest:
    """``ngx_http_upstream_get_least_conn_peer``."""

    def __init__(self, peers: Sequence[Server], round_robin: Reference) -> None:
        self.peers = peers
        self.current = round_robin.current

    def get(self, tried: Container[Server], now: float) -> Server | None:
        """``peer.get``."""
        best: Server | None = None
        many, p, total = False, 0, 0
        for i, peer in enumerate(self.peers):
            if is_skipped(peer, tried, now):
                continue
            if best is None or peer.active * best.weight < best.active * peer.weight:
                best, many, p = peer, False, i
            elif peer.active * best.weight == best.active * peer.weight:
                many = True
        if best is None:
            return None
        if many:
            for peer in self.peers[p:]:
                if is_skipped(peer, tried, now):
                    continue
                if peer.active * best.weight != best.active * peer.weight:
                    continue
                self.current[peer] += peer.effective_weight
                total += peer.effective_weight
                if peer.effective_weight < peer.weight:
                    peer.effective_weight += 1
                if self.current[peer] > self.current[best]:
                    best = peer
        self.current[best] -= total
        return taken(best, now)


def murmur2(data: bytes) -> int:
    """``ngx_murmur_hash2``."""
    h = len(data)
    while len(data) >= 4:
        k = data[0] | data[1] << 8 | data[2] << 16 | data[3] << 24
        k = k * 0x5BD1E995 % 2**32
        k ^= k >> 24
        k = k * 0x5BD1E995 % 2**32
        h = h * 0x5BD1E995 % 2**32
        h ^= k
        data = data[4:]
    if len(data) >= 3:
        h ^= data[2] << 16
    if len(data) >= 2:
        h ^= data[1] << 8
    if len(data) >= 1:
        h ^= data[0]
        h = h * 0x5BD1E995 % 2**32
    h ^= h >> 13
    h = h * 0x5BD1E995 % 2**32
    return h ^ h >> 15


# -- servers and requests for property tests -----------------------------------------------------------------------

#: (weight, down, failures, max_fails, max_conns, requests under way) of some servers.
states = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.sampled_from([False, False, False, True]),
        st.sampled_from([0, 0, 0, 1, 3]),
        st.sampled_from([0, 1, 3]),
        st.sampled_from([0, 0, 0, 1, 4]),
        st.integers(0, 4),
    ),
    min_size=2,
    max_size=6,
)
keys = st.lists(st.binary(max_size=9) | st.integers(0, 999).map(b"/%d".__mod__), min_size=1, max_size=12)


def servers_of(state: Sequence[Any], names: Sequence[str] = "") -> list[Named]:
    """The servers of ``states``; failures were at second 100."""
    tally = Tally()
    found = []
    for at, (weight, down, fails, max_fails, max_conns, active) in enumerate(state):
        name = names[at % len(names)] if names else f"10.0.0.{at}:80"
        server = Named(name, weight, max_fails, 10.0, max_conns, down, active, fails, tally=tally)
        server.checked = server.accessed = 100.0 if fails else 0.0
        server.effective_weight = max(0, weight - fails)
        tally.failures += fails
        found.append(server)
    return found


def twins_of(servers: Sequence[Named]) -> list[Named]:
    """The same servers again, for the reference."""
    tally = Tally()
    tally.failures = servers[0].tally.failures
    return [replace(server, tally=tally) for server in servers]


def all_tries(pick: Any, servers: Sequence[Server], now: float = 105.0) -> list[int]:
    """The places of the servers that one request is tried on, each of which fails it, until there is nobody left."""
    tried: frozenset[Server] = frozenset()
    places: list[int] = []
    while (peer := pick(tried, now)) is not None:
        assert peer not in tried
        places.append([*map(id, servers)].index(id(peer)))
        tried = tried | {peer}
    return places
