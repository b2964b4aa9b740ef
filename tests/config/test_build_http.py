"""The http block."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.build import load
from dyups.config.model import BalancingSpec, DyupsSettings, ErrorLog, NameKind, Place
from dyups.interfaces import TcpAddress
from tests.config.helpers import FILE, PREFIX, Table, http_of, message_of, server_of, settings_of

ERRORS = {
    "upstream a { server b; }\nupstream A { server c; }": 'duplicate upstream "A" in conf/nginx.conf:4',
    "upstream a {\n}": "no servers are inside upstream in conf/nginx.conf:3",
    "upstream a { server b; listen 80; }": '"listen" directive is not allowed here in conf/nginx.conf:3',
    "upstream a/b { server c; }": "invalid upstream name 'a/b' in conf/nginx.conf:3",
    "server {\nserver_name *; }": 'invalid server name "*" in conf/nginx.conf:4',
    "server { listen 80 default_server; }\nserver { listen 80 default_server; }": (
        "a duplicate default server for 0.0.0.0:80 in conf/nginx.conf:4"
    ),
    "server { listen 80; listen *:80; }": "a duplicate listen 0.0.0.0:80 in conf/nginx.conf:3",
    "dyups_upstream_conf;": 'invalid number of arguments in "dyups_upstream_conf" directive in conf/nginx.conf:3',
    "dyups_trylock maybe;": (
        'invalid value "maybe" in "dyups_trylock" directive, it must be "on" or "off" in conf/nginx.conf:3'
    ),
    "access_log syslog:tag=x;": "no syslog server specified in conf/nginx.conf:3",
    "match x { a b; }": '"match" directive is not supported in conf/nginx.conf:3',
    "types { text/html html; } }": 'unexpected "}" in conf/nginx.conf:4',
}


class Http(SynchronousTestCase):
    """What the block makes."""

    maxDiff = None

    def test_mistakes(self) -> None:
        """Mistakes are nginx's, with the place."""
        self.assertEqual({text: message_of(self, http_of, text) for text in ERRORS}, ERRORS)

    def test_default_listen(self) -> None:
        """A server without listen has the default port."""
        self.assertEqual(http_of("server {}").listens[0].address, TcpAddress("0.0.0.0", 8000))

    def test_names(self) -> None:
        """Names of several lines add up; a server without any has the empty one."""
        names = server_of("server_name a *.b; server_name '';").names
        self.assertEqual([name.kind for name in names], [NameKind.EXACT, NameKind.LEADING, NameKind.EXACT])
        self.assertEqual([name.key for name in server_of("").names], [""])

    def test_same_server_behind_two_listens(self) -> None:
        """A server with two listens is one server."""
        first, second = http_of("server { listen 81; listen 82; }").listens
        self.assertIs(first.default_server, second.default_server)

    def test_inheritance(self) -> None:
        """Servers and locations get what http and main say."""
        http = http_of(
            "client_header_timeout 5; proxy_read_timeout 6; proxy_set_header A b;\n"
            "server { listen 81; proxy_read_timeout 7; location / { proxy_set_header B c; } }\n"
            "server { listen 82; client_header_timeout 8; }"
        )
        first, second = (listen.default_server for listen in http.listens)
        self.assertEqual(
            (first.server.client_header_timeout, second.server.client_header_timeout), (5.0, 8.0)
        )
        self.assertEqual((first.settings.proxy_read_timeout, second.settings.proxy_read_timeout), (7.0, 6.0))
        inner = first.locations[0].settings
        self.assertEqual(
            (inner.proxy_read_timeout, [name for name, _ in inner.proxy_set_header]), (7.0, ["B"])
        )
        self.assertEqual([name for name, _ in second.settings.proxy_set_header], ["A"])

    def test_error_log(self) -> None:
        """Requests log where the innermost block says, by default where main does."""
        main = settings_of("error_log logs/m.log info; http { server { location / { error_log x warn; } } }")
        assert main.http is not None
        server = main.http.listens[0].default_server
        self.assertEqual(server.settings.error_log, (ErrorLog(f"{PREFIX}/logs/m.log", "info"),))
        self.assertEqual(server.locations[0].settings.error_log, (ErrorLog(f"{PREFIX}/x", "warn"),))
        several = (
            "error_log x info; http { error_log a; error_log b; server { error_log b; location / { } } }"
        )
        http = settings_of(several).http
        assert http is not None
        server = http.listens[0].default_server
        self.assertEqual(server.locations[0].settings.error_log, (ErrorLog(f"{PREFIX}/b"),))

    def test_dyups(self) -> None:
        """The module's directives may stand in http and outside; http wins."""
        found = settings_of(
            "dyups_trylock on; dyups_shm_zone_size 4m; http { dyups_shm_zone_size 8m; dyups_read_msg_timeout 2s; "
            "dyups_upstream_conf conf/up.conf; dyups_dump off; dyups_literal_targets on; dyups_read_msg_log on; }"
        ).http
        assert found is not None
        self.assertEqual(
            found.dyups,
            DyupsSettings(False, True, True, 2.0, 8 << 20, True, os.path.join(PREFIX, "conf/up.conf")),
        )

    def test_upstreams(self) -> None:
        """Upstreams keep their order and their place."""
        found = http_of("upstream b { server x; }\nupstream a { server y; }").upstreams
        self.assertEqual(
            [(spec.name, spec.place) for spec in found], [("b", Place(FILE, 3)), ("a", Place(FILE, 4))]
        )

    def test_keys_of_upstreams(self) -> None:
        """The key of a balancing method may read what ``set`` defines anywhere; texts of run time may too."""
        http = http_of("upstream b { hash $mine$uri; server x; }\nserver { set $mine 1; }")
        self.assertEqual(http.upstreams[0].balancing, BalancingSpec("hash", ("$mine$uri",)))
        self.assertEqual(http.user_variables, {"mine"})

    def test_harmless(self) -> None:
        """What has no meaning here is accepted."""
        http = http_of(
            "sendfile on; tcp_nopush on; types { text/html html; } types_hash_max_size 2048;\n"
            "proxy_buffers 8 4k; proxy_buffering off; gzip off; reset_timedout_connection on;"
        )
        self.assertEqual(http.listens, ())


class Dump(SynchronousTestCase):
    """Upstreams of the dump beside the configured ones."""

    def load(
        self, dump: str, text: str = "upstream a { server conf; }\n", *, said_first: bool = False
    ) -> list[tuple[str, str, Place]]:
        prefix = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(prefix, "conf"))
        Path(prefix, "conf/up.conf").write_text(dump, encoding="utf-8")
        main = Path(prefix, "conf/nginx.conf")
        said = ["include conf/up.conf;", "dyups_upstream_conf conf/up.conf;"]
        words = " ".join(reversed(said) if said_first else said)
        main.write_text(f"events {{}} http {{ {text} {words} }}", encoding="utf-8")
        http = load(str(main), variables=Table()).http
        assert http is not None
        return [
            (spec.name, spec.servers[0].host, Place(spec.place.file.replace(prefix, "P"), spec.place.line))
            for spec in http.upstreams
        ]

    def test_same_name(self) -> None:
        """A block of the dump may have a configured upstream's name; both are kept, the place tells them apart."""
        self.assertEqual(
            self.load("\nupstream A { server dump; }"),
            [("a", "conf", Place("P/conf/nginx.conf", 1)), ("A", "dump", Place("P/conf/up.conf", 2))],
        )

    def test_left_to_the_dump_reader(self) -> None:
        """Behind ``dyups_upstream_conf`` an include of the dump is not read twice: its reader reads it anyway."""
        self.assertEqual(
            self.load("upstream A { server dump; }", said_first=True),
            [("a", "conf", Place("P/conf/nginx.conf", 1))],
        )

    def test_duplicates(self) -> None:
        """Within the dump, and within the configuration, a name stands once."""
        twice = "upstream x { server a; }\nupstream x { server b; }"
        self.assertIn("duplicate upstream", message_of(self, self.load, twice))
        self.assertIn("duplicate upstream", message_of(self, self.load, "", twice))
