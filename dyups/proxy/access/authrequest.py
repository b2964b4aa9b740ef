"""``auth_request``: another location says whether a request may pass; ``mirror``: others get it, too.

Both ask by sub-requests, the one waiting for the answer, the other not.
"""

from __future__ import annotations

from collections.abc import Sequence

from dyups.config.access import AccessSettings
from dyups.config.parser import encode
from dyups.proxy.access.addresses import GRANTED, LATER, Asking
from dyups.proxy.exchange import Carried, Exchange
from dyups.proxy.passage import Passage
from dyups.proxy.plane import complain
from dyups.proxy.rewrite.assigning import assign
from dyups.proxy.rewrite.steps import NEXT, WAIT
from dyups.proxy.subrequest import SubRequest


class AuthRequest:
    """The word of another location (:class:`~dyups.proxy.access.addresses.Check`)."""

    __slots__ = ("_args", "_set", "_uri")

    def __init__(self, settings: AccessSettings) -> None:
        self._uri, _, self._args = encode(settings.auth_request).partition(b"?")
        self._set = settings.auth_request_set

    def check(self, exchange: Exchange, asking: Asking) -> int:
        """See :class:`~dyups.proxy.access.addresses.Check`."""

        def done(asked: SubRequest) -> None:
            if asking.waits:
                asking.decide(self._judge(exchange, asked))

        sub = SubRequest(asking.passage.client, done)
        asking.passage.cancel = sub.cancel
        sub.start(self._uri, self._args)
        return LATER

    def _judge(self, exchange: Exchange, asked: SubRequest) -> int:
        """``ngx_http_auth_request_handler``: 2xx lets pass, 401 and 403 do not, anything else is 500."""
        for name, value in self._set:
            assign(exchange, name, value.render(asked.exchange))
        status = asked.status
        if 200 <= status < 300 and not asked.failed:
            return GRANTED
        if status == 401:
            exchange.carried = _challenge(asked.exchange)
        if status in (401, 403):
            return status
        complain(
            "error",
            exchange.client.context(f"auth request unexpected status: {status} while sending to client"),
        )
        return 500


def _challenge(asked: Exchange) -> Carried | None:
    """What a 401 asks of the client goes with ours."""
    head = asked.upstream_head
    if head is None:
        return asked.carried
    lines = [field.line + b"\r\n" for field in head.fields if field.name == b"www-authenticate"]
    return Carried(b"".join(lines))


class Mirror:
    """``mirror``: the same request to other locations, whose answers nobody waits for (a phase)."""

    __slots__ = ("_uris", "_with_body")

    def __init__(self, uris: Sequence[str], *, with_body: bool) -> None:
        self._uris = [encode(uri).partition(b"?") for uri in uris]
        self._with_body = with_body

    def run(self, exchange: Exchange, passage: Passage) -> int:
        """See :class:`~dyups.proxy.passage.Phase`."""
        if exchange.sub:
            return NEXT
        if not self._with_body or passage.ended:
            self._send(exchange, passage)
            return NEXT

        def read() -> None:
            self._send(exchange, passage)
            passage.go_on()

        passage.read_all(read)
        return WAIT

    def _send(self, exchange: Exchange, passage: Passage) -> None:
        body = passage.body if self._with_body else b""
        head = exchange.head
        if not self._with_body or not head.has_body():
            head = head.without_body(head.method)
        elif head.chunked:
            head = head.without_body(head.method)
            head.content_length = len(body)
        for uri, _, args in self._uris:
            sub = SubRequest(passage.client, _nobody_waits, head=head, detached=True)
            sub.start(uri, args or exchange.args, body)


def _nobody_waits(asked: SubRequest) -> None:
    """The answer of a mirror goes nowhere."""
