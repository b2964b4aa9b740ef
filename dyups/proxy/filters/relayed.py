"""Servers' answers whose bodies a location changes: the way back, where ``relay`` goes through body filters.

A location without such filters has nothing of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyups.http1.response import ResponseHead
from dyups.proxy.answers import framed
from dyups.proxy.filters.answerhead import AnswerHead
from dyups.proxy.filters.bodies import BodyFilters
from dyups.proxy.filters.coded import CodedClient
from dyups.proxy.filters.coding import Coder

if TYPE_CHECKING:
    from dyups.proxy.forward.relay import Relay


class ChangedAnswers:
    """One location's (:class:`~dyups.proxy.forward.plan.ChangesBodies`)."""

    __slots__ = ("_filters",)

    def __init__(self, filters: BodyFilters) -> None:
        self._filters = filters

    def pass_on(self, relay: Relay, head: ResponseHead, rest: bytes) -> None:
        """See :class:`~dyups.proxy.forward.plan.ChangesBodies`."""
        answer = AnswerHead(relay.client.exchange, relay.lines(head), head.content_length)
        coder = self._filters.begin(answer)
        if coder is None or relay.bodiless(head):
            relay.answer(head, answer.lines, rest, coder is None)
            return
        body = relay.first_of(head, rest)
        if body is not None:
            _pass_coded(relay, head, answer.lines, body, coder)


def _pass_coded(relay: Relay, head: ResponseHead, lines: bytes, body: bytes, coder: Coder) -> None:
    client = relay.client
    line = framed(client)
    coded: Any = CodedClient(
        client,
        coder,
        relay.trailers if line else None,
        length=head.content_length,
        let_go=lambda: _let_go(relay, coded),
    )
    message = relay.head_of(head, lines, line)
    coded.source = relay
    relay.client = coded
    coded.begin(message, body, relay.whole())
    relay.await_rest(head)


def _let_go(relay: Relay, coded: Any) -> None:
    """The answer is over: the next one goes to the client itself."""
    present: Any = relay.client
    if present is coded:
        relay.client = coded.inner
