"""What ``dyups -V`` tells: the version, and what is built in, by nginx's module names.

Scripts and test suites read the ``configure arguments:`` line to learn what they may use, so it is derived from the
directive table: a module is in when every directive that makes it that module is supported.
"""

from __future__ import annotations

from collections.abc import Iterator

from OpenSSL import SSL

from dyups._version import VERSION
from dyups.config.directives import Effect, all_entries
from dyups.script.lua.machine import Unavailable, luajit

#: The nginx whose behaviour is followed.
NGINX_VERSION = "1.31.3"

#: nginx's optional modules (``--with-http_X_module``), each by the directives without which it is not that module.
OPTIONAL: dict[str, tuple[str, ...]] = {
    "http_ssl": ("ssl_certificate", "ssl_certificate_key", "proxy_ssl_verify"),
    "http_v2": ("http2",),
    "http_realip": ("set_real_ip_from", "real_ip_header"),
    "http_addition": ("add_before_body",),
    "http_sub": ("sub_filter",),
    "http_gunzip": ("gunzip",),
    "http_gzip_static": ("gzip_static",),
    "http_auth_request": ("auth_request", "auth_request_set"),
    "http_secure_link": ("secure_link",),
    "http_slice": ("slice",),
    "http_stub_status": ("stub_status",),
}
#: nginx's default modules (``--without-http_X_module`` where they are missing).
DEFAULT: dict[str, tuple[str, ...]] = {
    "http_charset": ("charset",),
    "http_gzip": ("gzip_types",),
    "http_ssi": ("ssi",),
    "http_userid": ("userid",),
    "http_access": ("allow", "deny"),
    "http_auth_basic": ("auth_basic", "auth_basic_user_file"),
    "http_mirror": ("mirror",),
    "http_autoindex": ("autoindex",),
    "http_geo": ("geo",),
    "http_map": ("map",),
    "http_split_clients": ("split_clients",),
    "http_referer": ("valid_referers",),
    "http_rewrite": ("rewrite", "if", "return", "set", "break"),
    "http_proxy": ("proxy_pass", "proxy_set_header"),
    "http_fastcgi": ("fastcgi_pass",),
    "http_uwsgi": ("uwsgi_pass",),
    "http_scgi": ("scgi_pass",),
    "http_grpc": ("grpc_pass",),
    "http_memcached": ("memcached_pass",),
    "http_limit_conn": ("limit_conn", "limit_conn_zone"),
    "http_limit_req": ("limit_req", "limit_req_zone"),
    "http_empty_gif": ("empty_gif",),
    "http_browser": ("ancient_browser",),
    "http_upstream_hash": ("hash",),
    "http_upstream_ip_hash": ("ip_hash",),
    "http_upstream_least_conn": ("least_conn",),
    "http_upstream_random": ("random",),
    "http_upstream_keepalive": ("keepalive",),
    "http_upstream_zone": ("zone",),
}
#: Modules that are not nginx's own (``--add-module=``).
ADDED: dict[str, tuple[str, ...]] = {
    "dyups": ("dyups_interface", "dyups_upstream_conf"),
    "echo-nginx-module": ("echo",),
    "lua-nginx-module": ("content_by_lua_block", "rewrite_by_lua_block", "access_by_lua_block"),
}


def configure_arguments(supported: frozenset[str], *, lua: bool = True) -> Iterator[str]:
    """The words of the ``configure arguments:`` line, given the names of the supported directives.

    ``lua`` tells whether there is a LuaJIT.
    """
    for module, directives in OPTIONAL.items():
        if supported.issuperset(directives):
            yield f"--with-{module}_module"
    for module, directives in DEFAULT.items():
        if not supported.issuperset(directives):
            yield f"--without-{module}_module"
    yield "--without-http-cache"
    for module, directives in ADDED.items():
        if supported.issuperset(directives) and (lua or module != "lua-nginx-module"):
            yield f"--add-module={module}"


def supported_directives() -> frozenset[str]:
    """The names of all directives that do here what they do in nginx."""
    return frozenset(entry.name for entry in all_entries() if entry.effect is Effect.SUPPORTED)


def has_lua() -> bool:
    """Can Lua directives be used here (``pip install dyups[lua]``)?"""
    try:
        luajit()
    except Unavailable:
        return False
    return True


def version_text() -> str:
    """The line of ``-v``."""
    return f"dyups version: dyups/{VERSION}"


def build_text() -> str:
    """The lines of ``-V``."""
    arguments = list(configure_arguments(supported_directives(), lua=has_lua()))
    lines = [version_text(), f"nginx version: nginx/{NGINX_VERSION}"]
    if "--with-http_ssl_module" in arguments:
        lines += [
            f"built with {SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()}",
            "TLS SNI support enabled",
        ]
    return "\n".join([*lines, f"configure arguments: {' '.join(arguments)}"])
