"""The data plane's way out: connections through the reactor (:class:`~dyups.proxy.plane.Dial`)."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IConnector, IProtocolFactory

from dyups.config.values import local_address
from dyups.interfaces import Address, TcpAddress
from dyups.proxy.plane import Dial


def dial_through(reactor: Any) -> Dial:
    """Connects by ``reactor.connectTCP`` and ``reactor.connectUNIX``."""

    def dial(address: Address, factory: IProtocolFactory, timeout: float, source: str = "") -> IConnector:
        if isinstance(address, TcpAddress):
            connector: IConnector = reactor.connectTCP(
                address.host, address.port, factory, timeout, local_address(source) if source else None
            )
        else:
            connector = reactor.connectUNIX(address.path, factory, timeout)
        return connector

    return dial
