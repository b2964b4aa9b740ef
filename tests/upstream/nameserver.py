"""Name servers in memory: a reactor whose datagrams go to functions, on a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.names import dns

#: From a question (name, type) to records, or a number: the code of a refusal; None is silence.
Zone = Callable[[str, int], list[dns.RRHeader] | int | None]


def a(name: str, *addresses: str, ttl: int = 60) -> list[dns.RRHeader]:
    """A records."""
    return [dns.RRHeader(name.encode(), dns.A, ttl=ttl, payload=dns.Record_A(x)) for x in addresses]


def aaaa(name: str, *addresses: str, ttl: int = 60) -> list[dns.RRHeader]:
    """AAAA records."""
    return [dns.RRHeader(name.encode(), dns.AAAA, ttl=ttl, payload=dns.Record_AAAA(x)) for x in addresses]


def cname(name: str, to: str, ttl: int = 60) -> list[dns.RRHeader]:
    """An alias."""
    return [dns.RRHeader(name.encode(), dns.CNAME, ttl=ttl, payload=dns.Record_CNAME(to.encode()))]


def srv(name: str, *records: tuple[int, int, int, str], ttl: int = 60) -> list[dns.RRHeader]:
    """SRV records: priority, weight, port, target."""
    return [
        dns.RRHeader(name.encode(), dns.SRV, ttl=ttl, payload=dns.Record_SRV(p, w, port, to.encode()))
        for p, w, port, to in records
    ]


def table(records: dict[tuple[str, int], Any]) -> Zone:
    """A name server that knows these; another name it does not find."""
    known = {name for name, _ in records}

    def answer(name: str, kind: int) -> Any:
        return records.get((name, kind), [] if name in known else dns.ENAME)

    return answer


class _Socket:
    """A datagram socket."""

    def __init__(self, net: Net, protocol: Any) -> None:
        self._net, self._protocol = net, protocol
        self.open = True

    def write(self, data: bytes, address: tuple[str, int]) -> None:
        question = dns.Message()
        question.fromStr(data)
        query = question.queries[0]
        name = query.name.name.decode()
        self._net.asked.append((address, name, query.type))
        said = self._net.servers[address](name, query.type)
        if said is None:
            return
        answer = dns.Message(question.id, answer=1, rCode=said if isinstance(said, int) else 0)
        answer.queries = question.queries
        answer.answers = [] if isinstance(said, int) else said
        self._net.callLater(0, self._deliver, answer.toStr(), address)

    def _deliver(self, data: bytes, address: tuple[str, int]) -> None:
        if self.open:
            self._protocol.datagramReceived(data, address)

    def getHost(self) -> IPv4Address:
        return IPv4Address("UDP", "127.0.0.1", 5000)

    def stopListening(self) -> None:
        self.open = False
        self._net.open -= 1
        self._protocol.doStop()


class Net(Clock):
    """The reactor; ``asked`` is what came to which server."""

    def __init__(self, **servers: Zone) -> None:
        super().__init__()
        self.servers: dict[tuple[str, int], Zone] = {}
        for number, zone in enumerate(servers.values(), 1):
            self.servers[f"192.0.2.{number}", 53] = zone
        self.asked: list[tuple[tuple[str, int], str, int]] = []
        self.open = 0

    def listenUDP(self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 0) -> _Socket:
        socket = _Socket(self, protocol)
        self.open += 1
        protocol.makeConnection(socket)
        return socket

    def settle(self) -> None:
        """Deliver what is under way."""
        for _ in range(20):
            self.advance(0)
