"""Tests of dyups.upstream.resolve."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Place, ServerSpec, UpstreamSpec
from dyups.errors import ConfigError
from dyups.interfaces import Resolved
from dyups.upstream.resolve import ThreadedLookup, is_literal, query_system, resolve_now, resolve_what_can_be
from tests.upstream.links import RESOLVED, server, upstream


class Names:
    """A resolver that knows the tests' names and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, name: str) -> tuple[str, ...]:
        self.asked.append(name)
        if name == "empty.example":
            return ()
        if name == "bad..example":
            raise UnicodeError("label empty or too long")
        if name == "nul\0.example":
            raise ValueError("embedded null character")
        try:
            return RESOLVED[name]
        except KeyError:
            raise OSError(-2, "Name or service not known") from None


class LiteralTests(SynchronousTestCase):
    """Addresses that need no look-up."""

    def test_literals(self) -> None:
        """IP addresses are, names are not, and neither are addresses with brackets or ports."""
        for host in ("127.0.0.1", "::1", "fe80::1%eth0", "2001:db8::"):
            self.assertTrue(is_literal(host), host)
        for host in ("localhost", "127.0.0.1:80", "[::1]", "", "1.2.3", "256.0.0.1", "a.example"):
            self.assertFalse(is_literal(host), host)


class NowTests(SynchronousTestCase):
    """Looking up while blocking, as nginx does at start."""

    def test_found(self) -> None:
        """Each name is asked for once; literals and sockets are not asked for."""
        names = Names()
        spec = upstream(
            server(80), server(80, "two.example"), server(81, "two.example"), ServerSpec("unix:/a", path="/a")
        )
        found = resolve_now(spec, names)
        self.assertEqual(found, {"127.0.0.1": ("127.0.0.1",), "two.example": ("192.0.2.1", "192.0.2.2")})
        self.assertEqual(names.asked, ["two.example"])

    def test_not_found(self) -> None:
        """A name without an address is an error in nginx's words, at the upstream's place, whatever went wrong."""
        for host in ("gone.example", "empty.example", "bad..example", "nul\0.example"):
            spec = UpstreamSpec("app", (server(80), server(81, host)), place=Place("/etc/x.conf", 7))
            error = self.assertRaises(ConfigError, resolve_now, spec, Names())
            self.assertEqual(str(error), f'host not found in upstream "{host}:81" in /etc/x.conf:7')


class WhatCanBeTests(SynchronousTestCase):
    """Looking up upstreams that were acknowledged: they start even where a name is gone."""

    def test_some(self) -> None:
        """What is found is given; each name that is not is asked for once and reported once."""
        names = Names()
        spec = upstream(
            server(1, "gone.example"),
            server(2, "one.example"),
            server(3, "gone.example"),
            server(4, "lost.example"),
            ServerSpec("unix:/a", path="/a"),
        )
        found, failed = resolve_what_can_be(spec, names)
        self.assertEqual(found, {"one.example": ("192.0.2.1",)})
        self.assertEqual(
            failed, [f'host not found in upstream "{name}"' for name in ("gone.example:1", "lost.example:4")]
        )
        self.assertEqual(names.asked, ["gone.example", "one.example", "lost.example"])


class ThreadedTests(SynchronousTestCase):
    """Looking up at run time, on a thread pool."""

    def setUp(self) -> None:
        self.handed: list[Callable[[], Resolved]] = []
        self.waiting: list[Deferred[Resolved]] = []
        self.names = Names()
        self.lookup = ThreadedLookup(self.defer_to_thread, self.names)

    def defer_to_thread(self, function: Callable[..., Resolved], *args: Any) -> Deferred[Resolved]:
        """A thread pool that works when :meth:`work` is called."""
        self.handed.append(lambda: function(*args))
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def work(self) -> None:
        """Let the thread do what it was handed."""
        deferred = self.waiting.pop()
        try:
            result = self.handed.pop()()
        except ConfigError as error:
            deferred.errback(error)
        else:
            deferred.callback(result)

    def test_literals_at_once(self) -> None:
        """An upstream of addresses and sockets is answered at once, without a thread."""
        spec = upstream(server(80), ServerSpec("unix:/a", path="/a"))
        self.assertEqual(self.successResultOf(self.lookup(spec)), {"127.0.0.1": ("127.0.0.1",)})
        self.assertEqual((self.handed, self.names.asked), ([], []))

    def test_names_on_a_thread(self) -> None:
        """A name is asked for on the thread, not before."""
        answer = self.lookup(upstream(server(80), server(80, "one.example")))
        self.assertNoResult(answer)
        self.assertEqual(self.names.asked, [])
        self.work()
        self.assertEqual(self.successResultOf(answer)["one.example"], ("192.0.2.1",))

    def test_failure(self) -> None:
        """A name that is not found fails the look-up."""
        answer = self.lookup(upstream(server(80, "gone.example")))
        self.work()
        self.failureResultOf(answer, ConfigError)


class SystemTests(SynchronousTestCase):
    """The system's resolver."""

    def test_addresses(self) -> None:
        """Every address counts once, in the system's order, IPv4 and IPv6 alike."""

        def getaddrinfo(name: str, port: None, type: int) -> list[tuple[Any, ...]]:
            asked.append((name, port, type))
            return [
                (socket.AF_INET6, type, 6, "", ("::1", 0, 0, 0)),
                (socket.AF_INET, type, 6, "", ("127.0.0.1", 0)),
                (socket.AF_INET6, type, 6, "", ("::1", 0, 0, 0)),
            ]

        asked: list[tuple[Any, ...]] = []
        self.patch(socket, "getaddrinfo", getaddrinfo)
        self.assertEqual(query_system("localhost"), ("::1", "127.0.0.1"))
        self.assertEqual(asked, [("localhost", None, socket.SOCK_STREAM)])
