"""One request's facts, renewed for the next."""

from __future__ import annotations

import re
from time import monotonic
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.times import Times
from dyups.http1.request import RequestHead, read_request
from dyups.http1.response import read_response
from dyups.proxy.exchange import AttemptRecord, Carried, Exchange, nobody_asked
from tests.proxy.conversation import attributes


class ExchangeTests(SynchronousTestCase):
    """:class:`Exchange`."""

    def test_renewed(self) -> None:
        """Nothing of a request is left for the next, whatever it was."""
        kept = {"at_end", "client", "head", "route", "server", "started", "sub", "proxy_scheme", "proxy_uri"}
        fresh, used = Exchange(cast(Any, None)), Exchange(cast(Any, None))
        used.user["a"] = b"1"
        used.attempts.append(AttemptRecord(b"x"))
        used.real_address = (b"192.0.2.1", 0)
        used.carried = Carried(b"A: b")
        used.captures = re.match(b"a", b"a")
        used.upstream_head = read_response(b"HTTP/1.1 200 OK")
        for name in (
            attributes(Exchange)
            - kept
            - {"user", "attempts", "captures", "carried", "real_address", "upstream_head"}
        ):
            before = getattr(used, name)
            other = (
                not before
                if isinstance(before, bool)
                else before + (b"x" if isinstance(before, bytes) else 1)
            )
            setattr(used, name, other)
        head = RequestHead()
        used.renew(head)
        self.assertIs(used.head, head)
        for name in attributes(Exchange) - kept:
            self.assertEqual(getattr(used, name), getattr(fresh, name), name)

    def test_move(self) -> None:
        """A request that is sent elsewhere asks servers for the new path, escaped again."""
        exchange = Exchange(cast(Any, None))
        exchange.move(b"/a b", b"")
        self.assertEqual((exchange.uri, exchange.args, exchange.target), (b"/a b", b"", b"/a%20b"))
        exchange.move(b"/", b"x=1")
        self.assertEqual(exchange.target, b"/?x=1")

    def test_move_with_path_as_argument(self) -> None:
        """A decoded path among the arguments does not break the line that they stand in."""
        exchange = Exchange(cast(Any, None))
        exchange.move(b"/", b"u=/a b\r\nX: y&v=%20\x7f")
        self.assertEqual(exchange.args, b"u=/a%20b%0D%0AX:%20y&v=%20%7F")
        self.assertEqual(exchange.target, b"/?" + exchange.args)

    def test_drop_body(self) -> None:
        """What answers in place of another gets no body, and no field that tells of one."""
        exchange = Exchange(cast(Any, None))
        fields = b"Host: a\r\nContent-Length: 3\r\nContent-Type: text/x\r\nAccept: b"
        exchange.renew(read_request(b"POST /a?b HTTP/1.1\r\n" + fields))
        exchange.drop_body()
        head = exchange.head
        self.assertEqual((head.method, head.has_body(), head.sent_on), (b"GET", False, b"Accept: b\r\n"))
        self.assertEqual((head.target, head.host, head.line), (b"/a?b", b"a", b"POST /a?b HTTP/1.1"))

    def test_end(self) -> None:
        """What is to be done at a request's end is done once."""
        exchange = Exchange(cast(Any, None))
        calls: list[int] = []
        exchange.at_end.append(lambda: calls.append(1))
        exchange.end()
        exchange.end()
        self.assertEqual(calls, [1])

    def test_attempt(self) -> None:
        """A new attempt knows its server and nothing else."""
        record = AttemptRecord(b"127.0.0.1:1")
        times = (record.connect_time, record.header_time, record.response_time)
        self.assertEqual((record.address, record.status, times), (b"127.0.0.1:1", 0, (-1, -1, -1)))

    def test_nobody(self) -> None:
        """Where there was nobody to ask, the name of the group stands with the answer's status and no time at all."""
        record = nobody_asked(b"group", 502)
        self.assertEqual((record.address, record.status, record.response_time), (b"group", 502, 0.0))


class RecordTests(SynchronousTestCase):
    """:class:`AttemptRecord`."""

    def test_times(self) -> None:
        """What an attempt took counts for the server's times, where they are kept, unless it failed."""
        times = Times()
        one, other = AttemptRecord(b"x", times), AttemptRecord(b"x", times)
        self.assertGreaterEqual(times.waiting(monotonic()), 0.0)
        other.end(False, 0)
        self.assertLess(times.last_byte.read(monotonic()), 0.0)
        one.end(True, 7)
        self.assertGreaterEqual(times.last_byte.read(monotonic()), 0.0)
        self.assertGreaterEqual(one.response_time, 0.0)
        self.assertEqual((one.received, other.received), (7, 0))
        AttemptRecord(b"x").end(True, 7)
