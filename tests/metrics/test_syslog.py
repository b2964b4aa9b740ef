"""Access logs as datagrams."""

from __future__ import annotations

import errno
import re
import socket
import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Syslog
from dyups.metrics import syslog
from dyups.metrics.syslog import SyslogSender, stamp

UNIX = Syslog("", 0, "/dev/log", 190, "dyups", False)
UDP = Syslog("127.0.0.1", 514, "", 16, "tag", True)


class FakeSocket:
    """A datagram socket that keeps what it was given, or fails."""

    def __init__(self, net: FakeNet, family: int) -> None:
        self.net, self.family, self.closed = net, family, False

    def setblocking(self, blocking: bool) -> None:
        self.net.blocking = blocking

    def connect(self, address: Any) -> None:
        self.net.connected.append((self.family, address))
        if self.net.refuses:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    def send(self, data: bytes) -> int:
        if self.net.failure is not None:
            raise self.net.failure
        self.net.sent.append(data)
        return len(data)

    def close(self) -> None:
        self.closed = True


class FakeNet:
    """What the sender uses of the module ``socket``."""

    AF_UNIX, SOCK_DGRAM = socket.AF_UNIX, socket.SOCK_DGRAM

    def __init__(self) -> None:
        self.connected: list[tuple[int, Any]] = []
        self.sent: list[bytes] = []
        self.made: list[FakeSocket] = []
        self.failure: OSError | None = None
        self.refuses = False
        self.blocking = True

    def socket(self, family: int, kind: int) -> FakeSocket:
        assert kind == self.SOCK_DGRAM
        self.made.append(FakeSocket(self, family))
        return self.made[-1]

    def getaddrinfo(self, host: str, port: int, type: int) -> list[Any]:
        if host == "nosuch":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, type, 0, "", (host, port))]

    def gethostname(self) -> str:
        return "here"


class SyslogTestCase(SynchronousTestCase):
    """Senders on a network that is none."""

    def setUp(self) -> None:
        self.net = FakeNet()
        self.patch(syslog, "socket", self.net)
        self.told: list[str] = []

    def sender(self, target: Syslog) -> SyslogSender:
        """A sender whose clock stands."""
        return SyslogSender(target, self.told.append, lambda: 1_000_000_000.9)

    def test_message(self) -> None:
        """Priority, time, host, tag and the line without its end; nothing is waited for."""
        self.sender(UDP).add(b"GET /\n")
        when = time.strftime("%b %e %H:%M:%S", time.localtime(1_000_000_000))
        self.assertEqual(self.net.sent, [f"<16>{when} here tag: GET /".encode()])
        self.assertEqual(self.net.connected, [(socket.AF_INET, ("127.0.0.1", 514))])
        self.assertFalse(self.net.blocking)

    def test_without_host(self) -> None:
        """``nohostname``, on a unix socket."""
        self.sender(UNIX).add(b"x\n")
        (sent,) = self.net.sent
        self.assertTrue(re.fullmatch(rb"<190>\w{3} [ \d]\d \d\d:\d\d:\d\d dyups: x", sent), sent)
        self.assertEqual(self.net.connected, [(socket.AF_UNIX, "/dev/log")])

    def test_stamp(self) -> None:
        """The day has two places, the first maybe blank."""
        self.assertIn(b" ", stamp(0))
        self.assertEqual({len(stamp(day * 86400)) for day in range(40)}, {15})

    def test_failures(self) -> None:
        """They are told once until a line goes out again."""
        sender = self.sender(UDP)
        for failure in (OSError(errno.ECONNREFUSED, ""), BlockingIOError(errno.EAGAIN, ""), None):
            self.net.failure = failure
            sender.add(b"x\n")
        self.net.failure = OSError(errno.ENETUNREACH, "")
        sender.add(b"x\n")
        self.assertEqual(
            self.told,
            [
                "send() failed (111: Connection refused) while logging to syslog, server: 127.0.0.1:514",
                "send() failed (101: Network is unreachable) while logging to syslog, server: 127.0.0.1:514",
            ],
        )
        self.assertEqual(len(self.net.made), 1)

    def test_daemon_started_anew(self) -> None:
        """The unix socket of a log daemon that was started anew is connected to with the next line."""
        sender = self.sender(UNIX)
        self.net.failure = ConnectionRefusedError(errno.ECONNREFUSED, "")
        sender.add(b"lost\n")
        self.assertTrue(self.net.made[0].closed)
        self.net.failure, self.net.refuses = None, True
        sender.add(b"lost too\n")
        self.assertTrue(self.net.made[1].closed)
        self.net.refuses = False
        sender.add(b"sent\n")
        self.assertEqual([message[-4:] for message in self.net.sent], [b"sent"])
        self.assertEqual(len(self.told), 1)

    def test_unknown_host(self) -> None:
        """A name without an address is told; lines are lost until it has one and logs are opened anew."""
        sender = self.sender(UDP)
        other = self.sender(Syslog("nosuch", 514, "", 1, "t", False))
        other.add(b"x\n")
        self.assertEqual(
            self.told,
            [
                "connect() failed (-2: Name or service not known) while logging to syslog, server: nosuch:514",
            ],
        )
        self.assertEqual(self.net.sent, [])
        sender.reopen()
        sender.add(b"x\n")
        self.assertEqual((len(self.net.sent), self.net.made[0].closed), (1, True))
