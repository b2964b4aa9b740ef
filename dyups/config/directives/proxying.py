"""The directives that change requests and answers on their way through the proxy."""

from __future__ import annotations

from dyups.config.directives.entry import Call, Context, Entry, Kind, setting
from dyups.config.directives.kinds import FLAG, SIZE, TEXT
from dyups.config.model import Template
from dyups.config.proxying import Change, CookieFlags, ProxyingSettings
from dyups.config.regex import compile_regex
from dyups.config.values import local_address, parse_size
from dyups.config.variables import has_variables
from dyups.errors import ConfigError

_ANYWHERE = Context.HTTP_SERVER_LOCATION
_IGNORED = frozenset(
    {
        *(
            "x-accel-redirect",
            "x-accel-expires",
            "x-accel-limit-rate",
            "x-accel-buffering",
            "x-accel-charset",
        ),
        *("expires", "cache-control", "set-cookie", "vary"),
    }
)
_FLAGS = frozenset({"secure", "nosecure", "httponly", "nohttponly", "nosamesite"})
_SAMESITE = frozenset({"samesite=strict", "samesite=lax", "samesite=none"})


def _template(call: Call) -> Template:
    return call.scope.template(call.args[0])


def _text(call: Call) -> str:
    return call.args[0]


def _templates(call: Call) -> tuple[Template, ...]:
    return tuple(call.scope.template(text) for text in call.args)


def _rate(call: Call) -> Template:
    if not has_variables(call.args[0]):
        try:
            parse_size(call.args[0])
        except ConfigError:
            raise ConfigError(f'"{call.name}" directive invalid value') from None
    return call.scope.template(call.args[0])


def _bind(call: Call) -> Template | None:
    """``ngx_http_upstream_bind_set_slot``."""
    address, *more = call.args
    if address == "off" and not more:
        return None
    if more:
        raise ConfigError(f'the "{more[0]}" parameter of the "{call.name}" directive is not supported')
    if not has_variables(address) and local_address(address) is None:
        raise ConfigError(f'invalid address "{address}"')
    return call.scope.template(address)


def _redirect(call: Call) -> Change | str:
    """``ngx_http_proxy_redirect``."""
    if len(call.args) == 1:
        if call.args[0] in ("off", "default"):
            return call.args[0]
        raise ConfigError(f'invalid parameter "{call.args[0]}"')
    return _change(call)


def _change(call: Call) -> Change:
    what, replacement = call.args
    rendered = call.scope.template(replacement)
    if what.startswith("~"):
        caseless = what.startswith("~*")
        return Change(None, rendered, compile_regex(what[1 + caseless :], caseless=caseless))
    return Change(call.scope.template(what), rendered)


def _cookie(call: Call) -> Change | None:
    """``ngx_http_proxy_cookie_domain`` and ``…_path``; a domain is compared, and replaced, without its leading dot."""
    if len(call.args) == 1:
        if call.args[0] == "off":
            return None
        raise ConfigError(f'invalid parameter "{call.args[0]}"')
    return _change(call if call.name == "proxy_cookie_path" else call._replace(args=_domains(*call.args)))


def _domains(what: str, replacement: str) -> tuple[str, str]:
    if what.startswith("~"):
        return what if what[1:2] == "*" else "~*" + what[1:], replacement
    return what.removeprefix("."), replacement.removeprefix(".")


def _flags(call: Call) -> CookieFlags | None:
    name, *flags = call.args
    if not flags:
        if name == "off":
            return None
        raise ConfigError(f'invalid parameter "{name}"')
    for flag in flags:
        if not (has_variables(flag) or flag.lower() in _FLAGS | _SAMESITE):
            raise ConfigError(f'invalid parameter "{flag}"')
    rendered = tuple(call.scope.template(flag) for flag in flags)
    if name.startswith("~"):
        return CookieFlags(None, rendered, compile_regex(name[1:], caseless=True))
    return CookieFlags(call.scope.template(name), rendered)


def _ignored(call: Call) -> tuple[str, ...]:
    for name in call.args:
        if name.lower() not in _IGNORED:
            raise ConfigError(f'invalid value "{name}"')
    return tuple(name.lower() for name in call.args)


def _location(name: str, kind: Kind, default: str, doc: str, *, several: bool = False) -> Entry:
    plain = kind in (FLAG, SIZE)
    return setting(
        name, _ANYWHERE, kind, ProxyingSettings, default, doc, several=several, reads_default=plain
    )


ENTRIES: tuple[Entry, ...] = (
    _location(
        "early_hints",
        Kind("string …", 1, None, _templates),
        "",
        "Passes 103 (Early Hints) of servers on to HTTP/1.1 clients if one of the strings is neither empty nor ``0``.",
    ),
    setting(
        "limit_rate",
        _ANYWHERE | Context.IF,
        Kind("rate", 1, 1, _rate),
        ProxyingSettings,
        "0",
        "How many bytes a second of an answer a client gets; 0 is without limit.  ``set $limit_rate`` says it for a "
        "request, ``X-Accel-Limit-Rate`` of a server's answer for that one; who says it last is heard.",
        reads_default=False,
    ),
    setting(
        "limit_rate_after",
        _ANYWHERE | Context.IF,
        Kind("size", 1, 1, _rate),
        ProxyingSettings,
        "0",
        "How many bytes of an answer go out before ``limit_rate`` holds.",
        reads_default=False,
    ),
    _location(
        "mirror",
        Kind("uri | off", 1, 1, _text),
        "off",
        "Has another location of the server get each request, too; its answers go nowhere.",
        several=True,
    ),
    _location(
        "mirror_request_body",
        FLAG,
        "on",
        "Whether mirrors get the body; then the request waits until that is whole.",
    ),
    _location(
        "proxy_bind",
        Kind("address[:port] | off", 1, 2, _bind),
        "",
        "The local address that connections to servers come from.",
    ),
    _location(
        "proxy_buffer_size",
        SIZE,
        "4k",
        "How long the head of a server's answer may be; a longer one is answered 502.",
    ),
    _location(
        "proxy_cookie_domain",
        Kind("off | domain replacement", 1, 2, _cookie),
        "off",
        "Changes the ``domain`` of cookies that servers set; ``~`` begins a regular expression.",
        several=True,
    ),
    _location(
        "proxy_cookie_flags",
        Kind("off | cookie [flag …]", 1, None, _flags),
        "off",
        "Gives cookies that servers set the flags ``secure``, ``httponly``, ``samesite=…``, or takes them away with "
        "``nosecure``, ``nohttponly``, ``nosamesite``.",
        several=True,
    ),
    _location(
        "proxy_cookie_path",
        Kind("off | path replacement", 1, 2, _cookie),
        "off",
        "Changes the ``path`` of cookies that servers set; ``~`` and ``~*`` begin regular expressions.",
        several=True,
    ),
    _location("proxy_hide_header", TEXT, "", "Keeps a field of servers' answers from clients.", several=True),
    _location(
        "proxy_ignore_client_abort",
        FLAG,
        "off",
        "Whether a server may finish its answer when the client has left.",
    ),
    _location(
        "proxy_ignore_headers",
        Kind("field …", 1, None, _ignored),
        "",
        "Fields of servers' answers that are not acted upon: ``X-Accel-Redirect``, ``X-Accel-Limit-Rate``; the others "
        "of nginx's list have no effect anyway.",
    ),
    _location(
        "proxy_intercept_errors",
        FLAG,
        "off",
        "Whether ``error_page`` takes the place of servers' answers of 300 and above.",
    ),
    _location(
        "proxy_limit_rate",
        Kind("rate", 1, 1, _rate),
        "0",
        "How many bytes a second are read of a server's answer; 0 is without limit.",
    ),
    _location("proxy_method", Kind("method", 1, 1, _template), "", "The method of requests to servers."),
    _location(
        "proxy_pass_header",
        TEXT,
        "",
        "Passes a field on that is not by default: ``Date``, ``Server``, ``X-Accel-…``, ``X-Pad``.",
        several=True,
    ),
    _location("proxy_pass_request_body", FLAG, "on", "Whether servers get the body of requests."),
    _location(
        "proxy_pass_request_headers", FLAG, "on", "Whether servers get the fields of clients' requests."
    ),
    _location(
        "proxy_pass_trailers",
        FLAG,
        "off",
        "Whether trailer fields of chunked answers are passed on to clients.",
    ),
    _location(
        "proxy_redirect",
        Kind("default | off | redirect replacement", 1, 2, _redirect),
        "default",
        "Changes ``Location`` and ``Refresh`` of servers' answers.  By default what ``proxy_pass`` says becomes the "
        "path of the location; ``~`` and ``~*`` begin regular expressions.",
        several=True,
    ),
    _location("proxy_set_body", Kind("value", 1, 1, _template), "", "The body of requests to servers."),
    _location(
        "proxy_socket_keepalive",
        FLAG,
        "off",
        "Whether the system probes connections to servers (SO_KEEPALIVE).",
    ),
)
