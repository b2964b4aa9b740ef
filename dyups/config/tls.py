"""What is said of TLS, frozen: towards clients (``ssl_…``, per server) and servers (``proxy_ssl_…``, per location).

Field names are nginx's directive names and defaults are nginx 1.31's, as in ``model``.  The table reads the directives
(``directives/tls``); contexts are made of this by ``dyups.tls``.  Files are absolute, and nobody has opened them yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dyups.config.model import Template

#: The versions that nginx speaks unless told otherwise.
PROTOCOLS = frozenset({"TLSv1.2", "TLSv1.3"})


@dataclass(frozen=True, slots=True)
class ServerTls:
    """How one ``server`` speaks TLS.  A path is empty where none is given; ``data:`` texts stand as they are."""

    ssl_certificate: tuple[Template, ...] = ()
    """Each an absolute path, or ``data:`` and the certificates themselves; with variables rendered per handshake."""
    ssl_certificate_key: tuple[Template, ...] = ()
    """The keys of ``ssl_certificate``, in the same order."""
    ssl_ciphers: str = "HIGH:!aNULL:!MD5"
    ssl_client_certificate: str = ""
    ssl_conf_command: tuple[tuple[str, str], ...] = ()
    ssl_crl: str = ""
    ssl_dhparam: str = ""
    ssl_ecdh_curve: str = "auto"
    ssl_password_file: str = ""
    ssl_prefer_server_ciphers: bool = False
    ssl_protocols: frozenset[str] = PROTOCOLS
    ssl_reject_handshake: bool = False
    ssl_session_cache: bool = False
    """Whether sessions are remembered here; those that clients keep (tickets) are ``ssl_session_tickets``'s."""
    ssl_session_tickets: bool = True
    ssl_session_timeout: float = 300.0
    ssl_stapling: bool = False
    ssl_stapling_file: str = ""
    ssl_stapling_responder: str = ""
    ssl_stapling_verify: bool = False
    ssl_trusted_certificate: str = ""
    ssl_verify_client: str = "off"
    ssl_verify_depth: int = 1


@dataclass(frozen=True, slots=True)
class ProxyTls:
    """How one location speaks TLS to servers; equal settings share connections."""

    proxy_ssl_certificate: Template | None = None
    proxy_ssl_certificate_key: Template | None = None
    proxy_ssl_ciphers: str = "DEFAULT"
    proxy_ssl_conf_command: tuple[tuple[str, str], ...] = ()
    proxy_ssl_crl: str = ""
    proxy_ssl_name: Template | None = None
    """None for ``$proxy_host``."""
    proxy_ssl_password_file: str = ""
    proxy_ssl_protocols: frozenset[str] = PROTOCOLS
    proxy_ssl_server_name: bool = False
    proxy_ssl_session_reuse: bool = True
    proxy_ssl_trusted_certificate: str = ""
    proxy_ssl_verify: bool = False
    proxy_ssl_verify_depth: int = 1


#: What holds where nothing is said.
SERVER_DEFAULTS = ServerTls()
PROXY_DEFAULTS = ProxyTls()
