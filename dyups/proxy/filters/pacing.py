"""``limit_rate``, ``proxy_limit_rate``, ``X-Accel-Limit-Rate``: an answer that goes out no faster than that.

A :class:`PacedClient` stands between a forwarding and its client for one answer, holds what may not go out yet, and has
the server wait meanwhile.  Requests without such a limit never see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyups.config.model import Template
from dyups.config.proxying import ProxyingSettings
from dyups.config.values import parse_size
from dyups.errors import ConfigError
from dyups.proxy.client import ClientSide
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.between import Between, holds

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
    def of(cls, settings: ProxyingSettings) -> Rates | None:
        """None where no limit can come of the settings."""
        said = (settings.limit_rate, settings.proxy_limit_rate)
        return cls(settings) if any(rate is not None and rate.constant != b"0" for rate in said) else None

    def rate(self, exchange: Exchange) -> int:
        """The lower of the limits towards the client and from the server; 0 for none."""
        found = [rate for rate in (_size(self._rate, exchange), _size(self._proxy, exchange)) if rate]
        return min(found, default=0)

    def after(self, exchange: Exchange) -> int:
        """Bytes that go out before."""
        return _size(self._after, exchange)


def _size(template: Template | None, exchange: Exchange) -> int:
    if template is None:
        return 0
    try:
        return parse_size(template.render(exchange).decode("latin-1"))
    except ConfigError:
        return 0  # empty, or nonsense: as ngx_http_complex_value_size


def pace(relay: Relay, rate: int, after: int = 0) -> None:
    """From here to the end of the answer ``relay`` sends no more than ``rate`` bytes a second; 0 ends that."""
    client: Any = relay.client
    if isinstance(client, PacedClient):
        client.hurry()
    if rate:
        made: Any = PacedClient(relay, relay.client, rate, after)
        relay.client = made


class PacedClient(Between):
    """The client of one answer, which ``rate`` bytes a second may reach."""

    def __init__(self, relay: Relay, client: ClientSide, rate: int, after: int) -> None:
        super().__init__(client)
        self._relay = relay
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

    # -- what the relay sends ------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send what may go out; the server waits for the rest."""
        self._queue += data
        self._pump()
        if self._queue:
            self._relay.client_paused()

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
            else:
                self._relay.client_resumed()

    # -- its end -------------------------------------------------------------------------------------------------

    def answered(self) -> None:
        """The answer is complete once all of it went out."""
        self._end = "answered"
        if not self._queue:
            self._finish()

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
        present: Any = self._relay.client
        if present is self:
            self._relay.client = self._client
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
