"""The directives of TLS: towards clients (``ssl_…``) and towards servers (``proxy_ssl_…``)."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dyups.config.directives.entry import Call, Context, Entry, Kind, harmless, setting
from dyups.config.directives.kinds import FLAG, NUMBER, ONLY_OFF, SIZE, TEXT, TIME, choice, words
from dyups.config.model import Template
from dyups.config.parser import encode
from dyups.config.scope import Scope
from dyups.config.tls import ProxyTls, ServerTls
from dyups.config.values import parse_size
from dyups.config.variables import concatenate, constant, has_variables
from dyups.errors import ConfigError

_SERVERS = Context.HTTP_SERVER
_ANYWHERE = Context.HTTP_SERVER_LOCATION
_VERSIONS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
#: Eight pages: what nginx wants a shared cache to have at least.
_LEAST_CACHE = 8 * 4096
_NOT_A_FILE = ("engine:", "store:")


def _protocols(call: Call) -> frozenset[str]:
    for word in call.args:
        if word not in _VERSIONS:
            raise ConfigError(f'invalid value "{word}"')
    return frozenset(call.args)


def _certificate(call: Call) -> Template:
    """A path beside the configuration file, or ``data:`` and the text itself; either with variables."""
    return _material(call.args[0], call.scope)


def _certificate_or_none(call: Call) -> Template | None:
    """As :func:`_certificate`; empty for none (``ngx_http_set_complex_value_zero_slot``)."""
    return _material(call.args[0], call.scope) if call.args[0] else None


def _material(text: str, scope: Scope) -> Template:
    if text.startswith(_NOT_A_FILE):
        raise ConfigError(f'"{text.partition(":")[0]}:" keys are not supported in "{text}"')
    if not has_variables(text):
        path = text if text.startswith("data:") else scope.beside(text)
        return replace(constant(path), source=text)
    found = scope.template(text)
    if text.startswith("data:") or os.path.isabs(text):
        return found
    folder = constant(os.path.join(scope.beside(""), ""))
    return _placed(text, encode(folder.source), found) if text[0] == "$" else concatenate([folder, found])


def _placed(text: str, folder: bytes, found: Template) -> Template:
    """A text that only its value tells to be a path beside the configuration file, an absolute one, or data."""

    def render(exchange: Any) -> bytes:
        value = found.render(exchange)
        return value if not value or value.startswith((b"/", b"data:")) else folder + value

    return Template(text, render)


def _path(call: Call) -> str:
    """A file beside the configuration file; empty for none."""
    return call.scope.beside(call.args[0]) if call.args[0] else ""


def _name(call: Call) -> Template:
    return call.scope.template(call.args[0])


def _session_cache(call: Call) -> bool:
    """``ngx_http_ssl_session_cache``: are sessions remembered here at all?"""
    kept = False
    for word in call.args:
        kind, _, rest = word.partition(":")
        if word in ("off", "none"):
            kept = False
        elif word == "builtin" or (kind == "builtin" and rest.isdigit() and int(rest)):
            kept = True
        elif kind == "shared" and rest:
            _check_shared(word, rest)
            kept = True
        else:
            raise ConfigError(f'invalid session cache "{word}"')
    return kept


def _check_shared(word: str, rest: str) -> None:
    name, _, size = rest.partition(":")
    try:
        number = parse_size(size) if name and size else 0
    except ConfigError:
        number = 0
    if not number:
        raise ConfigError(f'invalid session cache "{word}"')
    if number < _LEAST_CACHE:
        raise ConfigError(f'session cache "{word}" is too small')


def _conf_command(call: Call) -> tuple[str, str]:
    """Of OpenSSL's commands (``SSL_CONF_cmd``) those that can be obeyed."""
    name, value = call.args
    if name.lower() not in ("ciphersuites", "curves", "groups"):
        raise ConfigError(f'the "{name}" command of "{call.name}" is not supported')
    return name.lower(), value


PROTOCOLS = Kind(" | ".join(_VERSIONS) + " …", 1, None, _protocols)
MATERIAL = Kind("file | data:text", 1, 1, _certificate)
MATERIAL_OR_NONE = Kind("file | data:text", 1, 1, _certificate_or_none)
FILE = Kind("file", 1, 1, _path)
COMMAND = Kind("Ciphersuites | Curves | Groups value", 2, 2, _conf_command)
_CACHE = words("off | max=N [inactive=time] [valid=time]", 1, 3)
_CACHED = "Certificates with variables are kept until their files change."


def _family(owner: type[object], contexts: Context) -> Callable[..., Entry]:
    def entry(
        name: str, kind: Kind, default: str, doc: str, *, several: bool = False, reads_default: bool = True
    ) -> Entry:
        reads = reads_default and bool(default)
        return setting(name, contexts, kind, owner, default, doc, several=several, reads_default=reads)

    return entry


_server = _family(ServerTls, _SERVERS)
_proxy = _family(ProxyTls, _ANYWHERE)

_TOWARDS_CLIENTS: tuple[Entry, ...] = (
    _server(
        "ssl_certificate",
        MATERIAL,
        "",
        "The server's certificate in PEM, followed by the intermediate ones.  Several give several kinds of keys (RSA "
        "and ECDSA).  The file is read at the start and at each reload; with variables it is read when a client with "
        "another name connects.  Each needs its ``ssl_certificate_key``.",
        several=True,
    ),
    _server(
        "ssl_certificate_key", MATERIAL, "", "The key of the certificate of the same place.", several=True
    ),
    _server(
        "ssl_ciphers", TEXT, "HIGH:!aNULL:!MD5", "The cipher suites up to TLSv1.2, in OpenSSL's language."
    ),
    _server(
        "ssl_client_certificate",
        FILE,
        "",
        "The CA certificates that clients' certificates are checked against; clients are told their names.",
    ),
    _server(
        "ssl_conf_command",
        COMMAND,
        "",
        "``Ciphersuites`` are those of TLSv1.3; ``Groups`` (``Curves``) is ``ssl_ecdh_curve``.",
        several=True,
    ),
    _server(
        "ssl_crl", FILE, "", "Revoked certificates in PEM, of every CA that signs clients' certificates."
    ),
    _server("ssl_dhparam", FILE, "", "The parameters of DHE ciphers; without them those are not used."),
    _server("ssl_ecdh_curve", TEXT, "auto", "The curves of ECDHE, ``:`` between them."),
    _server("ssl_password_file", FILE, "", "Passphrases of keys, one a line, tried one after the other."),
    _server(
        "ssl_prefer_server_ciphers", FLAG, "off", "Whether our order of ciphers counts, not the client's."
    ),
    _server(
        "ssl_protocols",
        PROTOCOLS,
        "TLSv1.2 TLSv1.3",
        "The versions spoken; SSLv2 and SSLv3 are not any more.",
    ),
    _server(
        "ssl_reject_handshake",
        FLAG,
        "off",
        "Whether clients who ask for this server by name, or for none that is known, are turned away unserved.",
    ),
    _server(
        "ssl_session_cache",
        Kind("off | none | [builtin[:size]] [shared:name:size]", 1, 2, _session_cache),
        "none",
        "Whether sessions are remembered here, so that clients without tickets can resume them too.  Each worker has "
        "a memory of its own, of OpenSSL's size, whatever is said.",
    ),
    _server(
        "ssl_session_tickets",
        FLAG,
        "on",
        "Whether clients may keep sessions and resume them; each worker resumes those that it began.",
    ),
    _server("ssl_session_timeout", TIME, "5m", "How long a session may be resumed."),
    _server(
        "ssl_stapling",
        FLAG,
        "off",
        "Whether handshakes bring along what the authority's OCSP responder says of the certificate.  Each worker asks "
        "when a client first wants to know, and then at least once an hour; nobody waits for it.",
    ),
    _server(
        "ssl_stapling_file", FILE, "", "A responder's answer in DER, which is stapled in place of all others."
    ),
    _server(
        "ssl_stapling_responder",
        TEXT,
        "",
        "The responder, ``http://…``, in place of the one that the certificate names.",
    ),
    _server(
        "ssl_stapling_verify",
        FLAG,
        "off",
        "Whether the answer's signer has to come from ``ssl_trusted_certificate``; signed it always has to be.",
    ),
    _server(
        "ssl_trusted_certificate",
        FILE,
        "",
        "As ``ssl_client_certificate``, but clients are not told the names.",
    ),
    _server(
        "ssl_verify_client",
        choice("off", "on", "optional", "optional_no_ca"),
        "off",
        "Whether clients are asked for a certificate, and must have one; see ``$ssl_client_verify``.  A server that "
        "asks resumes no sessions.",
    ),
    _server("ssl_verify_depth", NUMBER, "1", "How many intermediate certificates a client's may need."),
)

_TOWARDS_SERVERS: tuple[Entry, ...] = (
    _proxy("proxy_ssl_certificate", MATERIAL_OR_NONE, "", "Our certificate, for servers that ask for one."),
    _proxy("proxy_ssl_certificate_key", MATERIAL_OR_NONE, "", "The key of ``proxy_ssl_certificate``."),
    _proxy("proxy_ssl_ciphers", TEXT, "DEFAULT", "The cipher suites up to TLSv1.2, in OpenSSL's language."),
    _proxy(
        "proxy_ssl_conf_command",
        COMMAND,
        "",
        "``Ciphersuites`` are those of TLSv1.3; ``Groups`` (``Curves``) are the curves of ECDHE.",
        several=True,
    ),
    _proxy(
        "proxy_ssl_crl",
        FILE,
        "",
        "Revoked certificates in PEM, of every CA that signs servers' certificates.",
    ),
    _proxy(
        "proxy_ssl_name",
        Kind("name", 1, 1, _name),
        "$proxy_host",
        "The name that the server's certificate must be for, and that ``proxy_ssl_server_name`` says.",
        reads_default=False,
    ),
    _proxy("proxy_ssl_password_file", FILE, "", "Passphrases of the key, one a line."),
    _proxy("proxy_ssl_protocols", PROTOCOLS, "TLSv1.2 TLSv1.3", "The versions spoken to servers."),
    _proxy("proxy_ssl_server_name", FLAG, "off", "Whether the server is told the name (SNI, RFC 6066)."),
    _proxy("proxy_ssl_session_reuse", FLAG, "on", "Whether sessions with servers are resumed."),
    _proxy(
        "proxy_ssl_trusted_certificate", FILE, "", "The CA certificates that servers' are checked against."
    ),
    _proxy("proxy_ssl_verify", FLAG, "off", "Whether servers' certificates are checked."),
    _proxy("proxy_ssl_verify_depth", NUMBER, "1", "How many intermediate certificates a server's may need."),
)

_HARMLESS: tuple[Entry, ...] = (
    harmless("proxy_ssl_certificate_cache", _ANYWHERE, _CACHE, _CACHED),
    harmless("ssl_buffer_size", _SERVERS, SIZE, "Answers are cut into records of OpenSSL's size."),
    harmless("ssl_certificate_cache", _SERVERS, _CACHE, _CACHED),
    harmless("ssl_certificate_compression", _SERVERS, ONLY_OFF, "Only ``off``."),
    harmless("ssl_early_data", _SERVERS, ONLY_OFF, "Only ``off``: early data could be sent again by others."),
    harmless(
        "ssl_ocsp", _SERVERS, ONLY_OFF, "Only ``off``: clients' certificates are checked by ``ssl_crl``."
    ),
    harmless("ssl_ocsp_cache", _SERVERS, ONLY_OFF, "Only ``off``."),
    harmless(
        "ssl_session_ticket_key",
        _SERVERS,
        TEXT,
        "Each worker makes its tickets' keys itself: another process cannot resume its sessions.",
        several=True,
    ),
)

ENTRIES: tuple[Entry, ...] = _TOWARDS_CLIENTS + _TOWARDS_SERVERS + _HARMLESS
