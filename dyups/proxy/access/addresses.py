"""The access phase: who may ask (``allow``, ``deny``, ``auth_…``), all of it or any of it (``satisfy``).

Made per location from :class:`~dyups.config.access.AccessSettings`; a location where nobody is kept out has no such
phase.  Passwords are ``auth``'s, the word of a sub-request ``authrequest``'s.  ``dyups_interface`` is closed to the
outside here unless something says who may ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from dyups.config.access import AccessRule
from dyups.config.networks import LOOPBACK, number_of
from dyups.proxy import answers
from dyups.proxy.deadlines import Deadlines
from dyups.proxy.exchange import Exchange
from dyups.proxy.passage import Passage
from dyups.proxy.plane import complain
from dyups.proxy.rewrite.steps import DONE, NEXT, WAIT

#: What a check says of a request, besides a status that refuses it.
GRANTED: Final = 0
NO_OPINION: Final = -1
LATER: Final = -2
"""``Asking.decide`` will be called."""
ANSWERED: Final = -3
"""The check has answered the request itself."""


class Check(Protocol):
    """One restriction of a location; made once, stateless between requests."""

    def check(self, exchange: Exchange, asking: Asking) -> int:
        """``GRANTED``, ``NO_OPINION``, ``LATER``, ``ANSWERED``, or the status that refuses the request."""
        ...


class AccessPhase:
    """All restrictions of a location (:class:`~dyups.proxy.passage.Phase`)."""

    __slots__ = ("any_will_do", "checks", "deadlines", "delay")

    def __init__(
        self, checks: Sequence[Check], deadlines: Deadlines, *, any_will_do: bool = False, delay: float = 0.0
    ) -> None:
        self.checks = tuple(checks)
        self.deadlines = deadlines
        self.any_will_do = any_will_do
        """``satisfy any``."""
        self.delay = delay
        """``auth_delay``: seconds that a 401 waits."""

    def run(self, exchange: Exchange, passage: Passage) -> int:
        """See :class:`~dyups.proxy.passage.Phase`."""
        return NEXT if exchange.sub else Asking(self, exchange, passage).go()


class Asking:
    """One request before its restrictions (``ngx_http_core_access_phase``)."""

    __slots__ = ("_at", "_checking", "_decided", "_phase", "_refused", "exchange", "passage")

    def __init__(self, phase: AccessPhase, exchange: Exchange, passage: Passage) -> None:
        self._phase = phase
        self._at = 0
        self._checking = False
        self._decided = LATER
        self._refused = 0
        """With ``satisfy any``, the status of a restriction that was not satisfied."""
        self.exchange = exchange
        self.passage = passage

    @property
    def any_will_do(self) -> bool:
        """One satisfied restriction is enough."""
        return self._phase.any_will_do

    @property
    def waits(self) -> bool:
        """Does the request still wait for a verdict?"""
        return self._checking or self.passage.client.waits_for(self.passage)

    def go(self) -> int:
        """Ask the checks that are left; what a phase says."""
        checks = self._phase.checks
        while self._at < len(checks):
            check = checks[self._at]
            self._at += 1
            verdict = self._ask(check)
            if verdict == LATER:
                return WAIT
            end = self._weigh(verdict)
            if end is not None:
                return end
        if not self._refused:
            return NEXT
        if self._refused == 403:
            complain("error", self.exchange.client.context("access forbidden by any rule"))
        return self._refuse(self._refused)

    def _ask(self, check: Check) -> int:
        self._checking, self._decided = True, LATER
        verdict = check.check(self.exchange, self)
        self._checking = False
        return self._decided if verdict == LATER else verdict

    def decide(self, verdict: int) -> None:
        """What a check says that asked for time."""
        if self._checking:
            self._decided = verdict
        elif self.waits:
            self.passage.cancel = None
            end = self._weigh(verdict)
            if end is None:
                end = self.go()
            if end == NEXT:
                self.passage.go_on()

    def _weigh(self, verdict: int) -> int | None:
        """What follows of one verdict; None where the next check is to be asked."""
        if verdict == GRANTED and self.any_will_do:
            self.exchange.carried = None  # nobody has to be asked for a password any more
            return NEXT
        if verdict == ANSWERED:
            return DONE
        if verdict in (GRANTED, NO_OPINION):
            return None
        if not self.any_will_do or verdict not in (401, 403):
            return self._refuse(verdict)
        if self._refused != 401:
            self._refused = verdict
        return None

    def _refuse(self, status: int) -> int:
        delay = self._phase.delay
        if status != 401 or not delay:
            self._answer(status)
            return DONE
        self.passage.cancel = self._phase.deadlines.call_later(delay, lambda: self._answer(status)).cancel
        return WAIT

    def _answer(self, status: int) -> None:
        answers.send_page(self.passage.client, status, b"", self.passage.body)


class AddressRules:
    """``allow`` and ``deny``: the first rule that fits decides; without one nothing is said."""

    __slots__ = ("_rules",)

    def __init__(self, rules: Sequence[AccessRule]) -> None:
        self._rules = tuple(rules)

    def check(self, exchange: Exchange, asking: Asking) -> int:
        """See :class:`Check`."""
        address = number_of(exchange.client.client_address()[0])
        for rule in self._rules:
            if rule.network.holds(address):
                if rule.allow:
                    return GRANTED
                if not asking.any_will_do:
                    complain("error", exchange.client.context("access forbidden by rule"))
                return 403
        return NO_OPINION


class OnlyLocal:
    """What no ``allow``, ``deny`` or ``auth_…`` opens or closes: loopback and unix sockets alone."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def check(self, exchange: Exchange, asking: Asking) -> int:
        """See :class:`Check`."""
        client = exchange.client
        # Both ends of what a proxy in front says: its word alone must not make anybody a local client.
        connection = getattr(client, "connection_address", client.client_address)()[0]
        if _is_local(client.client_address()[0]) and _is_local(connection):
            return GRANTED
        complain(
            "error",
            exchange.client.context(
                f'"{self._name}" answers only local clients unless "allow", "deny" or "auth_basic" says who may ask'
            ),
        )
        return 403


def _is_local(address: bytes) -> bool:
    number = number_of(address)
    return any(network.holds(number) for network in LOOPBACK)
