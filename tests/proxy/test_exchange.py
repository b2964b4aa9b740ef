"""One request's facts, renewed for the next."""

from __future__ import annotations

import re
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.request import RequestHead
from dyups.proxy.exchange import AttemptRecord, Exchange
from tests.proxy.conversation import attributes


class ExchangeTests(SynchronousTestCase):
    """:class:`Exchange`."""

    def test_renewed(self) -> None:
        """Nothing of a request is left for the next, whatever it was."""
        kept = {"client", "head", "route", "server", "started", "proxy_uri"}
        fresh, used = Exchange(cast(Any, None)), Exchange(cast(Any, None))
        used.user["a"] = b"1"
        used.attempts.append(AttemptRecord(b"x"))
        used.captures = re.match(b"a", b"a")
        for name in attributes(Exchange) - kept - {"user", "attempts", "captures"}:
            before = getattr(used, name)
            setattr(used, name, before + (b"x" if isinstance(before, bytes) else 1))
        head = RequestHead()
        used.renew(head)
        self.assertIs(used.head, head)
        for name in attributes(Exchange) - kept:
            self.assertEqual(getattr(used, name), getattr(fresh, name), name)

    def test_attempt(self) -> None:
        """A new attempt knows its server and nothing else."""
        record = AttemptRecord(b"127.0.0.1:1")
        times = (record.connect_time, record.header_time, record.response_time)
        self.assertEqual((record.address, record.status, times), (b"127.0.0.1:1", 0, (-1, -1, -1)))
