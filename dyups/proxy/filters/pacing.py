"""``limit_rate``, ``set $limit_rate``, ``X-Accel-Limit-Rate``, ``proxy_limit_rate``: answers that go out no faster.

A :class:`PacedClient` stands between whoever answers (a forwarding, a file, ourselves) and the client for one answer,
holds what may not go out yet, and has whoever answers wait meanwhile.  Requests without such a limit never see it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from dyups.config.model import Template
from dyups.config.proxying import ProxyingSettings
from dyups.proxy.client import ClientSide
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.between import Between, holds
from dyups.proxy.rewrite.assigning import RATE, size_of

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from dyups.proxy.forward.relay import Relay

#: Seconds between two pieces of a paced answer, at least.
STEP = 0.05


class Rates:
    """What a location says of the pace of answers; bytes a second."""

    __slots__ = ("_after", "_proxy", "_rate")

    def __init__(self, settings: ProxyingSettings) -> None:
        self._rate = settings.limit_rate
        self._after = settings.limit_rate_after
        self._proxy = settings.proxy_limit_rate

    @classmethod
    def of(cls, settings: ProxyingSettings, *, forwards: bool = True) -> Rates | None:
        """None where no limit can come of the settings; those for servers count where the location ``forwards``."""
        said = (settings.limit_rate, settings.proxy_limit_rate if forwards else None)
        return cls(settings) if any(rate is not None and rate.constant != b"0" for rate in said) else None

    def towards_client(self, exchange: Exchange) -> int:
        """``limit_rate``; 0 for none."""
        return _size(self._rate, exchange)

    def from_server(self, exchange: Exchange) -> int:
        """``proxy_limit_rate``; 0 for none."""
        return _size(self._proxy, exchange)

    def after(self, exchange: Exchange) -> int:
        """Bytes that go out before."""
        return _size(self._after, exchange)


class SomeRates(Protocol):
    """:class:`Rates`, for those below."""

    def towards_client(self, exchange: Exchange) -> int:
        """Bytes a second; 0 is without limit."""
        ...

    def from_server(self, exchange: Exchange) -> int:
        """The same, of what is read from a server."""
        ...

    def after(self, exchange: Exchange) -> int:
        """Bytes that go out before the limit holds."""
        ...


def _size(template: Template | None, exchange: Exchange) -> int:
    return 0 if template is None else size_of(template.render(exchange))


def _client_rate(exchange: Exchange, rates: SomeRates | None) -> int:
    """What was set for the request (``r->limit_rate_set``), else what the location says."""
    said = exchange.user.get(RATE)
    if said is not None:
        return size_of(said)
    return 0 if rates is None else rates.towards_client(exchange)


def pace(relay: Relay) -> None:
    """From here to the end of the answer ``relay`` sends at the pace of its request, if it has one.

    The lower of the limits towards the client and from the server counts.
    """
    client: Any = relay.client
    if isinstance(client, PacedClient):
        client.hurry()
    exchange, rates = relay.client.exchange, relay.plan.rates
    found = [_client_rate(exchange, rates), 0 if rates is None else rates.from_server(exchange)]
    rate = min(filter(None, found), default=0)
    if rate:
        after = 0 if rates is None else rates.after(exchange)
        made: Any = PacedClient(relay.client, rate, after, relay, lambda: _let_go(relay, made))
        relay.client = made


def _let_go(relay: Relay, paced: Any) -> None:
    """The answer is over: the next one goes to the client itself."""
    present: Any = relay.client
    if present is paced:
        relay.client = paced.inner


def paced(client: ClientSide, source: Source | None = None) -> ClientSide:
    """Who gets an answer of ours, or a file: ``client``, or what stands before it where there is a pace.

    ``source`` is who waits then, if anybody.
    """
    exchange = client.exchange
    rates = exchange.route.rates
    rate = _client_rate(exchange, rates)
    if not rate or exchange.sub:
        return client
    made: Any = PacedClient(client, rate, 0 if rates is None else rates.after(exchange), source)
    exchange.at_end.append(made.stop)
    found: ClientSide = made
    return found


class Source(Protocol):
    """Whoever answers, and waits where it has to."""

    def client_paused(self) -> None:
        """The client takes no more for now."""
        ...

    def client_resumed(self) -> None:
        """The client takes more."""
        ...


class PacedClient(Between):
    """The client of one answer, which ``rate`` bytes a second may reach.

    A ``source`` that is None waits for nothing; ``let_go`` is called at the end.
    """

    def __init__(
        self,
        client: ClientSide,
        rate: int,
        after: int,
        source: Source | None = None,
        let_go: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(client)
        self.source = source
        self._on_end = let_go
        self._rate = rate
        self._allowance = float(after + rate)
        self._clock = client.plane.deadlines
        self._since = self._clock.seconds()
        self._queue = bytearray()
        self._timer: IDelayedCall | None = None
        self._end: str = ""

    @property
    def write_blocked(self) -> bool:
        """Something waits already."""
        return bool(self._queue) or self._client.write_blocked

    def holds(self) -> bool:
        """See :meth:`Between.holds`: the timer goes on with what waits here."""
        return holds(self._client) or bool(self._queue)

    # -- what is sent ----------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send what may go out; the server waits for the rest."""
        self._queue += data
        self._pump()
        if self._queue and self.source is not None:
            self.source.client_paused()

    def _pump(self) -> None:
        now = self._clock.seconds()
        self._allowance += (now - self._since) * self._rate
        self._since = now
        size = min(len(self._queue), max(0, int(self._allowance)))
        if size:
            self._allowance -= size
            piece = bytes(self._queue[:size])
            del self._queue[:size]
            self._client.write(piece)
        if self._queue and self._timer is None:
            wanted = min(len(self._queue), self._rate * STEP) - self._allowance
            self._timer = self._clock.call_later(max(STEP, wanted / self._rate), self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        if self._client.write_blocked:
            self._timer = self._clock.call_later(STEP, self._go_on)
            return
        self._pump()
        if not self._queue:
            if self._end:
                self._finish()
            elif self.source is not None:
                self.source.client_resumed()

    # -- its end -------------------------------------------------------------------------------------------------

    def answered(self) -> None:
        """The answer is complete once all of it went out."""
        self._end = "answered"
        if not self._queue:
            self._finish()
        elif self.source is None and not self._client.body_ended():
            self._client.pause_body()  # of no use any more; nor may it end what is still going out

    def cut(self) -> None:
        """What came still goes out, then the connection ends."""
        self._end = "cut"
        if not self._queue:
            self._finish()

    def _finish(self) -> None:
        self._let_go()
        if self._end == "cut":
            self._client.cut()
        else:
            self._client.answered()

    def hurry(self) -> None:
        """There is no limit any more: what waits goes out."""
        self._let_go()
        if self._queue:
            self._client.write(bytes(self._queue))
            self._queue.clear()

    def _let_go(self) -> None:
        if self._on_end is not None:
            self._on_end()
        self.stop()

    def stop(self) -> None:
        """The client is gone: nothing waits any more."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        super().stop()

    # -- what ends the pace ----------------------------------------------------------------------------------------

    def begin_tunnel(self) -> None:
        """A tunnel has no pace (``ngx_http_upstream_upgrade``)."""
        self.hurry()
        self._client.begin_tunnel()

    def refuse(self, status: int, held: bytes | None = b"") -> None:
        """The answer is another one."""
        self.hurry()
        self._client.refuse(status, held)

    def redirect(self, uri: bytes, args: bytes, body: bytes = b"", ended: bool = True) -> None:
        """The answer is another one."""
        self.hurry()
        self._client.redirect(uri, args, body, ended)

    def redirect_named(self, name: bytes, body: bytes = b"", ended: bool = True) -> None:
        """The answer is another one."""
        self.hurry()
        self._client.redirect_named(name, body, ended)
