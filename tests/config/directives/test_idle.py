"""Directives about something that is not there."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives import Effect, all_entries
from dyups.config.directives.idle import ENTRIES
from tests.config.helpers import location_of, message_of, settings_of

#: What people have in their files, though nothing caches, and nothing passes requests to a gateway.
_ORDINARY = """
    proxy_cache_bypass $http_upgrade; proxy_no_cache $http_pragma $http_authorization; proxy_cache_valid 200 302 10m;
    proxy_cache_valid 404 1m; fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_index index.php; fastcgi_read_timeout 300; uwsgi_param SCRIPT_NAME $x; keepalive_disable msie6; ssi off;
    grpc_set_header A b; http2_push_preload on; proxy_store off; brotli on;
"""


class Idle(SynchronousTestCase):
    """What they do: nothing."""

    def test_nothing(self) -> None:
        """A location with them is like one without."""
        found, plain = location_of(_ORDINARY), location_of("")
        self.assertEqual(
            (found.pattern, found.steps, found.content), (plain.pattern, plain.steps, plain.content)
        )

    def test_outside(self) -> None:
        """Modules to load, paths for caches and for what is never written are taken where they stand."""
        settings_of(
            "load_module modules/a.so; load_module modules/b.so; http {\n"
            "proxy_cache_path /c keys_zone=a:10m; proxy_cache_path /d keys_zone=b:10m; fastcgi_temp_path /t 1 2;\n"
            "http2_max_concurrent_streams 128; }"
        )

    def test_what_would_use_them(self) -> None:
        """What would make a difference stops the start as before."""
        for text, error in {
            "fastcgi_pass unix:/s;": '"fastcgi_pass" directive is not supported',
            "grpc_pass a;": '"grpc_pass" directive is not supported',
            "ssi on;": '"ssi" directive is not supported',
            "proxy_store on;": '"proxy_store" directive is not supported',
            "http3 on;": '"http3" directive is not supported',
        }.items():
            self.assertEqual(message_of(self, location_of, text), f"{error} in conf/nginx.conf:5", text)

    def test_each_once(self) -> None:
        """None of them has an entry elsewhere, and none is acted on."""
        names = [entry.name for entry in all_entries()]
        self.assertEqual([entry.name for entry in ENTRIES if names.count(entry.name) != 1], [])
        self.assertEqual({entry.effect for entry in ENTRIES}, {Effect.NO_EFFECT})
