"""Tests of dyups.workers.notify."""

from __future__ import annotations

import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from dyups.workers import notify
from dyups.workers.notify import Manager, manager_of


class ManagerTests(SynchronousTestCase):
    """What is said, in the words of sd_notify(3)."""

    def setUp(self) -> None:
        self.said: list[bytes] = []

    def test_life(self) -> None:
        """A start, a reload with the time of its beginning, the end."""
        manager = Manager(self.said.append, now=lambda: 1_234_567_890)
        manager.ready("serving with 2 workers")
        manager.reloading()
        manager.status("a\nb")
        manager.stopping()
        self.assertEqual(
            self.said,
            [
                b"READY=1\nSTATUS=serving with 2 workers",
                b"RELOADING=1\nMONOTONIC_USEC=1234567\nSTATUS=reloading",
                b"STATUS=a b",
                b"STOPPING=1\nSTATUS=shutting down",
            ],
        )

    def test_watchdog(self) -> None:
        """Signs of life are given where they are wanted."""
        Manager(self.said.append).alive()
        self.assertEqual(self.said, [])
        Manager(self.said.append, watching=True).alive()
        self.assertEqual(self.said, [b"WATCHDOG=1"])

    def test_nobody_listens(self) -> None:
        """A manager that is gone, or does not read, troubles nobody."""

        def refuse(data: bytes) -> None:
            raise ConnectionRefusedError

        Manager(refuse).ready("x")
        Manager().ready("x")


class Out:
    """A datagram socket on paper."""

    def __init__(self, family: int, kind: int) -> None:
        self.facts: list[object] = [family, kind]

    def __enter__(self) -> Out:
        return self

    def __exit__(self, *error: object) -> None:
        self.facts.append("closed")

    def setblocking(self, flag: bool) -> None:
        self.facts.append(flag)

    def sendto(self, data: bytes, address: str) -> None:
        self.facts += [data, address]


class EnvironmentTests(SynchronousTestCase):
    """Who started us."""

    def setUp(self) -> None:
        self.made: list[Out] = []
        self.patch(notify.socket, "socket", self.make)

    def make(self, family: int, kind: int) -> Out:
        self.made.append(Out(family, kind))
        return self.made[-1]

    def test_named(self) -> None:
        """Datagrams go to the socket that is named, a file's or an abstract one's, and never wait."""
        for path, address in (("/run/notify", "/run/notify"), ("@abc", "\0abc")):
            environment = {"NOTIFY_SOCKET": path, "OTHER": "x"}
            manager_of(environment).status("x")
            self.assertEqual(environment, {"OTHER": "x"})
            self.assertEqual(
                self.made.pop().facts,
                [socket.AF_UNIX, socket.SOCK_DGRAM, False, b"STATUS=x", address, "closed"],
            )

    def test_nobody(self) -> None:
        """Without the variable, or with an address that we cannot send to, nothing is sent."""
        manager_of({}).ready("x")
        manager_of({"NOTIFY_SOCKET": "vsock:2:1234"}).ready("x")
        self.assertEqual(self.made, [])

    def test_whose_watchdog(self) -> None:
        """The watchdog of another process is not ours."""
        for pid, wanted in ((str(os.getpid()), True), ("1", False), ("", True)):
            environment = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": pid}
            manager_of(environment).alive()
            self.assertEqual((bool(self.made), environment), (wanted, {}))
            self.made.clear()
