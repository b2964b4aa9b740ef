"""The directives of trusted proxies."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.networks import parse_network
from tests.config.helpers import location_of, message_of


class Directives(SynchronousTestCase):
    """What they read."""

    def test_names(self) -> None:
        """A host's name stands for all of its addresses."""

        def find(name: str, port: None, type: int) -> list[object]:
            if name == "proxy.example":
                return [(0, 0, 0, "", ("192.0.2.1", 0)), (0, 0, 0, "", ("2001:db8::1", 0, 0, 0))]
            raise socket.gaierror

        self.patch(socket, "getaddrinfo", find)
        found = location_of("set_real_ip_from proxy.example;").settings.realip.trusted
        self.assertEqual(found, (parse_network("192.0.2.1"), parse_network("2001:db8::1")))
        error = 'host not found in set_real_ip_from "other.example" in conf/nginx.conf:5'
        self.assertEqual(message_of(self, location_of, "set_real_ip_from other.example;"), error)

    def test_mistakes(self) -> None:
        """A prefix that is none is refused; so is everybody."""
        for text in ("all", "10.0.0.0/99"):
            error = f'invalid parameter "{text}" in conf/nginx.conf:5'
            self.assertEqual(message_of(self, location_of, f"set_real_ip_from {text};"), error)
