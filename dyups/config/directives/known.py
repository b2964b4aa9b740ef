"""Directives of nginx, Tengine and their common modules that are known, would change what happens, and are not
supported: each is an error at the start, never ignored.  A directive that gains support moves to its family.
"""

from __future__ import annotations

from dyups.config.directives.entry import Entry, refused

_FAMILIES: dict[str, str] = {
    "Process": """
        google_perftools_profiles mail rtmp ssl_engine ssl_object_cache_inheritable stream
    """,
    "Choosing a location": """
        http3 post_action
    """,
    "Variables": """
        geoip_city geoip_country geoip_org geoip_proxy geoip_proxy_recursive js_access
        js_body_filter js_content js_fetch_buffer_size js_fetch_ciphers
        js_fetch_max_response_buffer_size js_fetch_protocols js_fetch_timeout
        js_fetch_trusted_certificate js_fetch_verify js_fetch_verify_depth js_filter
        js_header_filter js_import js_include js_path js_periodic js_preload_object js_preread
        js_set js_shared_dict_zone js_var perl perl_modules perl_require perl_set
    """,
    "Static files": """
        add_after_body add_before_body addition_types
        ancient_browser ancient_browser_value
        charset_map concat
        concat_delimiter concat_ignore_file_error concat_max_files concat_types
        concat_unique create_full_put_path dav_access dav_methods flv footer
        footer_types image_filter image_filter_buffer image_filter_interlace
        image_filter_jpeg_quality image_filter_sharpen image_filter_transparency
        image_filter_webp_quality min_delete_depth modern_browser modern_browser_value mp4
        mp4_buffer_size mp4_limit_rate mp4_limit_rate_after mp4_max_buffer_size
        mp4_start_key_frame random_index slice
        ssi_ignore_recycled_buffers ssi_last_modified ssi_min_file_chunk ssi_silent_errors
        ssi_types ssi_value_length sub_filter_buffer_size trim trim_css trim_js
        trim_types xml_entities xslt_last_modified xslt_param xslt_string_param
        xslt_stylesheet xslt_types
    """,
    "Access": """
        auth_jwt auth_jwt_claim_set auth_jwt_header_set auth_jwt_key_file auth_jwt_key_request
        auth_jwt_leeway auth_jwt_type limit_req_whitelist limit_zone sysguard sysguard_cpu
        sysguard_free sysguard_interval sysguard_load sysguard_log_level sysguard_mem sysguard_mode
        sysguard_rt sysguard_swap user_agent
    """,
    "Logs and status": """
        api health_check match ntlm queue req_status req_status_bypass req_status_lazy
        req_status_show req_status_show_field req_status_zone server_admin server_tag state
        status_zone
    """,
    "TLS": """
        proxy_ssl proxy_ssl_alpn proxy_ssl_key_log ssl ssl_alpn ssl_async ssl_ech_file
        ssl_handshake_timeout ssl_key_log ssl_ocsp_responder ssl_preread
    """,
    "Proxy": """
        proxy_allow_upstream proxy_connect proxy_connect_address proxy_connect_allow
        proxy_connect_bind proxy_connect_data_timeout proxy_connect_response
        proxy_http2_max_concurrent_streams tunnel_pass
    """,
    "Upstreams": """
        bind_conn check_fastcgi_param dyn_resolve dynamic_resolve jdomain
        session_sticky_header sticky_cookie_insert upstream_conf vnswrr
    """,
    "Other protocols": """
        fastcgi_pass grpc_pass memcached_pass scgi_pass uwsgi_pass
    """,
    "Lua and echo": """
        balancer_by_lua_block balancer_by_lua_file body_filter_by_lua body_filter_by_lua_block
        body_filter_by_lua_file echo_after_body echo_before_body echo_blocking_sleep echo_duplicate
        echo_end echo_exec echo_flush echo_foreach_split echo_location echo_location_async
        echo_read_request_body echo_request_body echo_reset_timer echo_sleep echo_status
        echo_subrequest echo_subrequest_async exit_worker_by_lua_block lua_capture_error_log
        lua_check_client_abort lua_load_resty_core lua_need_request_body lua_package_cpath
        lua_socket_buffer_size lua_socket_connect_timeout lua_socket_keepalive_timeout
        lua_socket_log_errors lua_socket_pool_size lua_socket_read_timeout lua_socket_send_timeout
        lua_ssl_trusted_certificate lua_ssl_verify_depth
        lua_transform_underscores_in_response_headers lua_use_default_type more_clear_headers
        more_clear_input_headers more_set_headers more_set_input_headers rewrite_by_lua_no_postpone
        server_rewrite_by_lua_block set_by_lua set_by_lua_block set_by_lua_file
        ssl_certificate_by_lua_block ssl_client_hello_by_lua_block ssl_session_fetch_by_lua_block
        ssl_session_store_by_lua_block
    """,
}

ENTRIES: tuple[Entry, ...] = tuple(
    refused(name, family) for family, names in _FAMILIES.items() for name in names.split()
)
