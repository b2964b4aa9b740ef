"""Directives that only say more about something that is not there, and so change nothing: they are taken.

What would use them is refused by itself, with file and line: ``fastcgi_pass``, ``listen … quic`` and so on (``known``);
of ``proxy_cache ZONE`` a start warns.  So a file with Debian's ``include fastcgi_params`` or ``proxy_cache_bypass``
starts, as long as nothing passes requests to a gateway.
"""

from __future__ import annotations

from dyups.config.directives.entry import Context, Entry, harmless
from dyups.config.directives.kinds import FLAG, ONLY_OFF, SIZE, TEXT, words

_HTTP = Context.HTTP
_ANYWHERE = Context.HTTP_SERVER_LOCATION
_ARGUMENTS = words("…", 1, None)

_CACHE = """
    proxy_cache_background_update proxy_cache_bypass proxy_cache_convert_head proxy_cache_key proxy_cache_lock
    proxy_cache_lock_age proxy_cache_lock_timeout proxy_cache_max_range_offset proxy_cache_methods
    proxy_cache_min_uses proxy_cache_purge proxy_cache_revalidate proxy_cache_use_stale proxy_cache_valid
    proxy_no_cache
"""
_BROTLI = """
    brotli brotli_buffers brotli_comp_level brotli_min_length brotli_static brotli_types brotli_window
"""
_HTTP3 = """
    http3_hq http3_max_concurrent_streams http3_stream_buffer_size quic_active_connection_id_limit quic_gso
    quic_host_key quic_retry
"""
#: What the three gateways have in common, behind their prefixes.
_GATEWAY = """
    bind buffer_size buffering buffers busy_buffers_size cache cache_background_update cache_bypass
    cache_key cache_lock cache_lock_age cache_lock_timeout cache_max_range_offset cache_methods
    cache_min_uses cache_path cache_purge cache_revalidate cache_use_stale cache_valid connect_timeout
    force_ranges hide_header ignore_client_abort ignore_headers intercept_errors limit_rate
    max_temp_file_size next_upstream next_upstream_timeout next_upstream_tries no_cache param pass_header
    pass_request_body pass_request_headers read_timeout request_buffering send_lowat send_timeout
    socket_keepalive store store_access temp_file_write_size temp_path
"""
_OTHERS = """
    fastcgi_catch_stderr fastcgi_index fastcgi_keep_conn fastcgi_split_path_info
    grpc_bind grpc_buffer_size grpc_connect_timeout grpc_hide_header grpc_ignore_headers grpc_intercept_errors
    grpc_next_upstream grpc_next_upstream_timeout grpc_next_upstream_tries grpc_pass_header grpc_read_timeout
    grpc_send_timeout grpc_set_header grpc_socket_keepalive
    memcached_bind memcached_buffer_size memcached_connect_timeout memcached_gzip_flag memcached_next_upstream
    memcached_next_upstream_timeout memcached_next_upstream_tries memcached_read_timeout memcached_send_timeout
    memcached_socket_keepalive
    uwsgi_modifier1 uwsgi_modifier2
"""


def _idle(names: str, doc: str) -> tuple[Entry, ...]:
    return tuple(harmless(name, _ANYWHERE, _ARGUMENTS, doc, several=True) for name in names.split())


def _gateways() -> str:
    return " ".join(f"{kind}_{name}" for kind in ("fastcgi", "uwsgi", "scgi") for name in _GATEWAY.split())


_CONVERTED = "Without ``charset_map``, which is refused, nothing is converted."

ENTRIES: tuple[Entry, ...] = (
    harmless(
        "load_module",
        Context.MAIN,
        words("file", 1, 1),
        "Nothing is loaded; what a module brings is unknown or refused where it is used.",
        several=True,
    ),
    harmless("proxy_cache_path", _HTTP, _ARGUMENTS, "Nothing is cached.", several=True),
    *_idle(_CACHE, "Nothing is cached."),
    *_idle(_BROTLI, "Only ``gzip`` is spoken."),
    *_idle(_HTTP3, "HTTP/3 is not spoken."),
    *_idle(_gateways(), "The ``…_pass`` of a gateway is refused by itself."),
    *_idle(_OTHERS, "The ``…_pass`` of a gateway is refused by itself."),
    harmless("disable_symlinks", _ANYWHERE, ONLY_OFF, "Only ``off``: links are followed."),
    harmless("msie_padding", _ANYWHERE, FLAG, "Error pages are never padded."),
    harmless("msie_refresh", _ANYWHERE, ONLY_OFF, "Only ``off``."),
    harmless("open_log_file_cache", _ANYWHERE, _ARGUMENTS, "Logs stay open as long as they are written."),
    harmless("proxy_force_ranges", _ANYWHERE, ONLY_OFF, "Only ``off``: ranges are the server's."),
    harmless("proxy_send_lowat", _ANYWHERE, SIZE, "Without effect on Linux in nginx too."),
    harmless("proxy_store", _ANYWHERE, ONLY_OFF, "Only ``off``: answers are not stored."),
    harmless("proxy_store_access", _ANYWHERE, _ARGUMENTS, "See ``proxy_store``."),
    harmless("override_charset", _ANYWHERE | Context.IF, FLAG, _CONVERTED),
    harmless("source_charset", _ANYWHERE | Context.IF, TEXT, _CONVERTED),
    harmless("send_lowat", _ANYWHERE, SIZE, "Without effect on Linux in nginx too."),
    harmless("ssi", _ANYWHERE, ONLY_OFF, "Only ``off``: nothing is looked for in texts."),
)
