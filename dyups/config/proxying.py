"""How a request and its answer are changed on their way through the proxy, frozen: ``proxy_…`` beyond names and times.

A family of ``model.LocationSettings``; field names are nginx's directive names.  ``directives/proxying`` fills it,
``proxy.shaping`` and ``proxy.headfilter`` make of it what runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from dyups.config.matching import Regex
from dyups.config.template import Template


@dataclass(frozen=True, slots=True)
class Change:
    """One rule of ``proxy_redirect``, ``proxy_cookie_domain`` or ``proxy_cookie_path``: what becomes what."""

    text: Template | None
    """The beginning (of a cookie's domain: the whole) that is replaced; None where ``regex`` is matched."""
    replacement: Template
    regex: Regex | None = None


@dataclass(frozen=True, slots=True)
class CookieFlags:
    """One ``proxy_cookie_flags``."""

    name: Template | None
    """The cookie's name; None where ``regex`` is matched."""
    flags: tuple[Template, ...]
    """Each renders to ``secure``, ``httponly``, ``samesite=strict`` … or to one of them with ``no`` before it."""
    regex: Regex | None = None


@dataclass(frozen=True, slots=True)
class ProxyingSettings:
    """What is done with requests and answers that are forwarded; sizes in bytes."""

    early_hints: tuple[Template, ...] = ()
    """103 goes to the client if one of these is neither empty nor ``0``."""
    limit_rate: Template | None = None
    """Bytes a second of an answer; None, empty and 0 are without limit."""
    limit_rate_after: Template | None = None
    mirror: tuple[str, ...] = ()
    """Paths that get the same request; ``off`` for none."""
    mirror_request_body: bool = True
    proxy_bind: Template | None = None
    """The local address of connections to servers; None and empty leave it to the system."""
    proxy_buffer_size: int = 4096
    """A head of an answer that is longer is 502."""
    proxy_cookie_domain: tuple[Change | None, ...] = ()
    """None stands for ``off``."""
    proxy_cookie_flags: tuple[CookieFlags | None, ...] = ()
    proxy_cookie_path: tuple[Change | None, ...] = ()
    proxy_hide_header: tuple[str, ...] = ()
    proxy_ignore_client_abort: bool = False
    proxy_ignore_headers: tuple[str, ...] = ()
    """Names in lower case."""
    proxy_intercept_errors: bool = False
    proxy_limit_rate: Template | None = None
    proxy_method: Template | None = None
    proxy_pass_header: tuple[str, ...] = ()
    proxy_pass_request_body: bool = True
    proxy_pass_request_headers: bool = True
    proxy_pass_trailers: bool = False
    proxy_redirect: tuple[Change | str, ...] = ()
    """A text is ``off`` or ``default``; nothing at all is ``default``."""
    proxy_set_body: Template | None = None
    proxy_socket_keepalive: bool = False
