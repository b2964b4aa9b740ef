"""The directives of limits."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.limits import LimitConn, LimitReq
from tests.config.helpers import http_of, message_of

ZONES = "limit_req_zone $host zone=a:1m rate=90r/m; limit_conn_zone $host zone=b:1m;"


class Directives(SynchronousTestCase):
    """What they read."""

    def test_limits(self) -> None:
        """Rates are by the second or the minute; requests beyond wait, some of them, or none."""
        http = http_of(
            ZONES + "server { limit_req zone=a burst=5; limit_req zone=a burst=7 delay=2; limit_conn b 9; "
            "location / { limit_req burst=1 zone=a nodelay; limit_req_status 429; } }"
        )
        self.assertEqual(http.limit_zones[0].rate, 1500)
        server = http.listens[0].default_server
        self.assertEqual(server.settings.limits.limit_req, (LimitReq("a", 5), LimitReq("a", 7, 2)))
        inside = server.locations[0].settings.limits
        self.assertEqual(inside.limit_req, (LimitReq("a", 1, None),))
        self.assertEqual((inside.limit_conn, inside.limit_req_status), ((LimitConn("b", 9),), 429))

    def test_mistakes(self) -> None:
        """Wrong values are refused in nginx's words."""
        for text, error in {
            "limit_req_zone $host zone=a rate=1r/s;": 'invalid zone size "zone=a"',
            "limit_req_zone $host zone=a:x rate=1r/s;": 'invalid zone size "zone=a:x"',
            "limit_req_zone $host zone=a:1k rate=1r/s;": 'zone "a" is too small',
            "limit_req_zone $host zone=a:1m rate=1r/h;": 'invalid rate "rate=1r/h"',
            "limit_req_zone $host zone=a:1m x=1;": 'invalid parameter "x=1"',
            "limit_conn_zone $host rate=1r/s;": 'invalid parameter "rate=1r/s"',
            "limit_req zone=a burst=x;": 'invalid burst value "burst=x"',
            "limit_req burst=1;": '"limit_req" must have "zone" parameter',
            "limit_conn b 0;": 'invalid number of connections "0"',
            "limit_conn b 70000;": "connection limit must be less 65536",
            "limit_req_status 200;": "value must be between 400 and 599",
            "limit_req_log_level loud;": 'invalid value "loud"',
        }.items():
            self.assertEqual(message_of(self, http_of, text), f"{error} in conf/nginx.conf:3")
