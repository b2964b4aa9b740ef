"""Tests of dyups.config.directives.resolver."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ResolverSpec
from dyups.config.values import HostPort
from tests.config.helpers import http_of, location_of, message_of, server_of

REFUSED = {
    "resolver;": 'invalid number of arguments in "resolver" directive in conf/nginx.conf:5',
    "resolver valid=10s;": "no name servers defined in conf/nginx.conf:5",
    "resolver a:x;": 'invalid port in resolver "a:x" in conf/nginx.conf:5',
    "resolver unix:/x;": 'invalid host in resolver "unix:/x" in conf/nginx.conf:5',
    "resolver a valid=x;": "invalid parameter: valid=x in conf/nginx.conf:5",
    "resolver a ipv6=no;": "invalid parameter: ipv6=no in conf/nginx.conf:5",
    "resolver a status_zone=;": "invalid parameter: status_zone= in conf/nginx.conf:5",
    "resolver a ipv4=off ipv6=off;": '"ipv4" and "ipv6" cannot both be "off" in conf/nginx.conf:5',
    "resolver a; resolver b;": '"resolver" directive is duplicate in conf/nginx.conf:5',
}
FOLLOWS = "upstream up { server app.example resolve; }"


class ResolverTests(SynchronousTestCase):
    """Which name servers are asked."""

    def test_read(self) -> None:
        """Several addresses, each with or without a port, and parameters in any order."""
        settings = location_of(
            "resolver 127.0.0.1 valid=90s [::1]:5353 dns:54 ipv6=off status_zone=z; resolver_timeout 5s;"
        ).settings
        servers = (HostPort("127.0.0.1", 53), HostPort("::1", 5353), HostPort("dns", 54))
        self.assertEqual(settings.resolver, ResolverSpec(servers, 90.0, True, False, "z"))
        self.assertEqual(settings.resolver_timeout, 5.0)

    def test_refused(self) -> None:
        """What nginx refuses is refused in its words."""
        for text, error in REFUSED.items():
            self.assertEqual(message_of(self, location_of, text), error)

    def test_inherited(self) -> None:
        """Locations have what their server says; nothing is asked by default."""
        server = server_of("resolver 127.0.0.1; location / { }")
        self.assertEqual(server.locations[0].settings.resolver, server.settings.resolver)
        self.assertIsNone(location_of("").settings.resolver)

    def test_of_upstreams(self) -> None:
        """Upstreams have what ``http`` says, not what some server does, unless they say themselves."""
        http = http_of(f"resolver 127.0.0.1; resolver_timeout 3s; {FOLLOWS}")
        self.assertEqual(http.resolver, ResolverSpec((HostPort("127.0.0.1", 53),)))
        self.assertEqual(http.resolver_timeout, 3.0)
        own = http_of("upstream up { server app.example resolve; resolver 127.0.0.2; }").upstreams[0]
        self.assertEqual(own.resolver, ResolverSpec((HostPort("127.0.0.2", 53),)))

    def test_missing(self) -> None:
        """A name that is to be looked up again and again needs a resolver for upstreams; an address needs none."""
        for text in (FOLLOWS, FOLLOWS + " server { resolver 127.0.0.1; }"):
            self.assertEqual(
                message_of(self, http_of, text),
                'no resolver defined to resolve names at run time in upstream "up" in conf/nginx.conf:3',
            )
        self.assertIsNone(http_of("upstream up { server 127.0.0.1 resolve; }").resolver)
