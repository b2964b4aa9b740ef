"""What forwarding needs of the client's side, whoever that is.

``downstream.ClientConnection`` is a connection of our own; ``resource.ResourceClient`` is a request within anybody's
``twisted.web`` site.  Both let the same ``attempt.Forwarding`` drive them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from dyups.proxy.plane import DataPlane

if TYPE_CHECKING:
    from dyups.proxy.exchange import Exchange
    from dyups.proxy.forward.plan import ForwardPlan
    from dyups.proxy.route import ServerRoutes
    from dyups.upstream.group import Group


#: Bytes of a request's body that are held while it waits for whoever is to have it; then the client waits.
MOST_HELD: Final = 65536


class BodySink(Protocol):
    """Who takes the request's body."""

    def take_body(self, data: bytes, ended: bool) -> None:
        """The next piece of the body (maybe empty); ``ended`` with the last one."""
        ...

    def client_paused(self) -> None:
        """The client takes no more of the answer for now."""
        ...

    def client_resumed(self) -> None:
        """The client takes more of the answer."""
        ...

    def client_gone(self) -> None:
        """The client is gone; nothing sent to it will arrive."""
        ...


class TlsSide(Protocol):
    """What a client on a ``listen … ssl`` is besides its requests; ``secured`` has the one that runs."""

    plain: bool
    """It does not speak TLS at all."""

    def refusal(self, server: ServerRoutes) -> int:
        """The status with which a request to ``server`` is refused for what its connection is, or 0."""
        ...


class ClientSide(Protocol):
    """The client of one exchange at a time."""

    plane: DataPlane
    exchange: Exchange
    secured: TlsSide | None
    """None where the address does not speak TLS."""
    write: Callable[[bytes], None]
    """Send bytes: a head, a piece of body, or both in one."""
    write_blocked: bool
    """The client takes no more for now."""

    def forward(self, plan: ForwardPlan, group: Group, uri: bytes, body: bytes, ended: bool) -> BodySink:
        """Pass the request to a server of ``group`` as ``uri``; ``body`` has come already, ``ended`` if it is all."""
        ...

    def context(self, message: str, upstream: bytes = b"") -> str:
        """``message`` with the connection's number, client, server, request and host, as nginx's error log has it."""
        ...

    def answer_tail(self) -> bytes:
        """Decides whether the connection stays open after this answer; gives the ``Connection`` line and the end of
        the head, each with its line end."""
        ...

    def close_after(self) -> None:
        """The connection has to close after this answer."""
        ...

    def body_ended(self) -> bool:
        """All of the request's body has come."""
        ...

    def pause_body(self) -> None:
        """Take no more of the request's body for now."""
        ...

    def resume_body(self) -> None:
        """Take the request's body again."""
        ...

    def refuse(self, status: int, held: bytes | None = b"") -> None:
        """Answer with an error page; nothing of an answer has been sent yet.

        ``held`` is what came of the request's body so far, for an ``error_page`` that passes the request on; None
        where that is not known any more.
        """
        ...

    def redirect(self, uri: bytes, args: bytes, body: bytes = b"", ended: bool = True) -> None:
        """Serve the request as ``uri`` instead; see :meth:`dyups.proxy.phases.ClientPhases.redirect`."""
        ...

    def redirect_named(self, name: bytes, body: bytes = b"", ended: bool = True) -> None:
        """Serve the request by the named location ``name``."""
        ...

    def answered(self) -> None:
        """The answer is complete."""
        ...

    def cut(self) -> None:
        """The answer cannot be completed: let the client see that by the connection's end."""
        ...

    def begin_tunnel(self) -> None:
        """101 was sent: from now on bytes go both ways as they come."""
        ...

    def end_tunnel(self) -> None:
        """The server's side of the tunnel is closed."""
        ...

    def client_address(self) -> tuple[bytes, int]:
        """The client's address and port; for a unix socket ``unix:`` and 0."""
        ...

    def local_address(self) -> tuple[bytes, int]:
        """The address and port the client came to."""
        ...

    def connection_numbers(self) -> tuple[int, int]:
        """The connection's number and how many requests it has had, this one included."""
        ...

    def connected_at(self) -> float:
        """When the client connected, in ``time.monotonic`` seconds."""
        ...

    def pipelined(self) -> bool:
        """Had the request begun to come before the one before it was answered."""
        ...


class PhasedClient(ClientSide, Protocol):
    """A client whose request goes through phases that may wait."""

    def body_paused(self) -> bool:
        """Does whoever takes the request's body want no more of it for now?"""
        ...

    def waits_for(self, sink: BodySink) -> bool:
        """Is it still ``sink`` that has the request."""
        ...

    def hand_over(self, before: BodySink, sink: BodySink) -> None:
        """What ``before`` waited for has come: ``sink`` takes the rest of the request's body."""
        ...

    def pass_body(self, data: bytes, ended: bool) -> None:
        """A piece of the request's body that was kept elsewhere, for whoever serves the request by now.

        It goes no further where the request has been sent elsewhere without its body.
        """
        ...

    def locate_again(self, body: bytes, ended: bool) -> BodySink:
        """The path was rewritten: find its location, and who takes the body."""
        ...
