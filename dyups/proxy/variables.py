"""What ``$name`` reads: nginx's variables as functions of the exchange.

The configuration floor compiles texts against :class:`ProxyVariables`; which names a text uses is noted, so that what
costs time is kept only where somebody reads it (:attr:`ProxyVariables.attempts_wanted`).
"""

from __future__ import annotations

import os
import socket
import time
from base64 import b64decode
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from time import monotonic

from dyups._version import VERSION
from dyups.config.defined import WithDefined
from dyups.config.model import Http
from dyups.config.variables import WithUser
from dyups.interfaces import Getter, VariableTable
from dyups.proxy import answervariables, clientvariables
from dyups.proxy.access.tlvs import tlv
from dyups.proxy.exchange import AttemptRecord, Exchange
from dyups.proxy.forward.requestbody import BODY_TEXT
from dyups.proxy.secure import tlsvariables
from dyups.proxy.tallies import connections

_HOSTNAME = socket.gethostname().lower().encode()


def host(x: Exchange) -> bytes:
    """The request's host, lower case, without port; else the server's name."""
    return x.head.host or x.server.name


def _uri(x: Exchange) -> bytes:
    return x.uri


def _args(x: Exchange) -> bytes:
    return x.args


def _is_args(x: Exchange) -> bytes:
    return b"?" if x.args else b""


def _number(value: int) -> bytes:
    return b"%d" % value


def _msec(x: Exchange) -> bytes:
    return b"%.3f" % time.time()


@lru_cache(maxsize=2)
def _local(second: int) -> bytes:
    """The time of a log line; many lines have the same second."""
    return time.strftime("%d/%b/%Y:%H:%M:%S %z", time.localtime(second)).encode()


@lru_cache(maxsize=2)
def _iso8601(second: int) -> bytes:
    text = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(second))
    return f"{text[:-2]}:{text[-2:]}".encode()


def _remote_user(x: Exchange) -> bytes:
    """The user name of ``Authorization: Basic`` (RFC 7617 section 2), checked or not."""
    for field in x.head.fields:
        if field.name == b"authorization":
            return _basic_user(field.value)
    return b""


def _basic_user(value: bytes) -> bytes:
    scheme, _, coded = value.partition(b" ")
    if scheme.lower() != b"basic":
        return b""
    try:
        user, colon, _ = b64decode(coded.strip(), validate=True).partition(b":")
    except ValueError:
        return b""
    return user if colon else b""


def _request_time(x: Exchange) -> bytes:
    return b"%.3f" % (monotonic() - x.started)


def _request_id(x: Exchange) -> bytes:
    """16 random bytes in hexadecimal, the same for the whole request."""
    if not x.request_id:
        x.request_id = os.urandom(16).hex().encode()
    return x.request_id


def _server_name(x: Exchange) -> bytes:
    return x.server.name


def _status(x: Exchange) -> bytes:
    return b"%03d" % x.status if x.status else b"000"


def _proxy_port(x: Exchange) -> bytes:
    if not x.proxy_host:
        return b""
    _, colon, port = x.proxy_host.rpartition(b":")
    if colon and port.isdigit():
        return port
    return b"443" if x.proxy_scheme == b"https" else b"80"


def _forwarded_for(x: Exchange) -> bytes:
    """``X-Forwarded-For`` as received with ``$remote_addr`` appended, or ``$remote_addr`` alone."""
    received = x.head.value(b"x-forwarded-for")
    address = x.client.client_address()[0]
    return b"%b, %b" % (received, address) if received else address


def _protocol(x: Exchange) -> bytes:
    if x.head.line.endswith(b" HTTP/2.0"):
        return b"HTTP/2.0"
    return b"HTTP/1.1" if x.head.minor else b"HTTP/1.0"


def _http2(x: Exchange) -> bytes:
    """``h2``, ``h2c`` where that is without TLS, else nothing."""
    if not x.head.line.endswith(b" HTTP/2.0"):
        return b""
    return b"h2c" if tlsvariables.scheme(x) == b"http" else b"h2"


def _connection(index: int) -> Getter:
    return lambda x: b"%d" % x.client.connection_numbers()[index]


def _connections(what: str) -> Getter:
    """Of this process alone, as ``stub_status`` names them."""
    return lambda x: b"%d" % connections(x.client.plane)[what]


def _port(number: int) -> bytes:
    return b"%d" % number if number else b""


def _connection_address(x: Exchange) -> tuple[bytes, int]:
    """Where the connection comes from, whatever a proxy says of the client."""
    asked = getattr(x.client, "connection_address", x.client.client_address)
    found: tuple[bytes, int] = asked()
    return found


def _announced(end: int, part: int) -> Getter:
    """Of the announcement of a proxy in front: address or port of the client, or of where it came to."""

    def read(x: Exchange) -> bytes:
        announced = getattr(x.client, "announced", None)
        if announced is None:
            return b""
        value = announced[end][part]
        return _port(value) if part else bytes(value)

    return read


def _binary_address(x: Exchange) -> bytes:
    """The address in 4 or 16 bytes; ``unix:`` as it is."""
    address = x.client.client_address()[0]
    try:
        return ip_address(address.decode("latin-1")).packed
    except ValueError:
        return address


def _remote_port(x: Exchange) -> bytes:
    port = x.client.client_address()[1]
    return b"%d" % port if port else b""


def _per_attempt(read: Callable[[AttemptRecord], bytes]) -> Getter:
    """One value per server that was asked, joined as nginx does it: ``a, b``, and ``a : b`` over a redirect."""

    def joined(x: Exchange) -> bytes:
        values = [read(record) if record.address else b":" for record in x.attempts]
        return b", ".join(values).replace(b", :, ", b" : ")

    return joined


def _seconds(value: float) -> bytes:
    return b"-" if value < 0 else b"%.3f" % value


_PER_ATTEMPT: dict[str, Getter] = {
    "upstream_addr": _per_attempt(lambda record: record.address),
    "upstream_status": _per_attempt(lambda record: b"%d" % record.status if record.status else b"-"),
    "upstream_connect_time": _per_attempt(lambda record: _seconds(record.connect_time)),
    "upstream_header_time": _per_attempt(lambda record: _seconds(record.header_time)),
    "upstream_response_time": _per_attempt(lambda record: _seconds(record.response_time)),
    "upstream_bytes_sent": _per_attempt(lambda record: _number(record.sent)),
    "upstream_bytes_received": _per_attempt(lambda record: _number(record.received)),
    "upstream_response_length": _per_attempt(lambda record: _number(record.received - record.before_body)),
}

_PLAIN: dict[str, Getter] = {
    "args": _args,
    "binary_remote_addr": _binary_address,
    "body_bytes_sent": lambda x: _number(x.body_sent),
    "bytes_sent": lambda x: _number(x.head_sent + x.body_sent),
    "connection": _connection(0),
    "connection_requests": _connection(1),
    "connections_active": _connections("active"),
    "connections_reading": _connections("reading"),
    "connections_waiting": _connections("waiting"),
    "connections_writing": _connections("writing"),
    "connection_time": lambda x: _seconds(monotonic() - x.client.connected_at()),
    "content_length": lambda x: x.head.value(b"content-length"),
    "content_type": lambda x: x.head.value(b"content-type"),
    "document_uri": _uri,
    "dyups_version": lambda x: VERSION.encode(),
    "host": host,
    "hostname": lambda x: _HOSTNAME,
    "http2": _http2,
    "is_args": _is_args,
    "limit_conn_status": lambda x: x.user.get("limit_conn_status", b""),
    "limit_req_status": lambda x: x.user.get("limit_req_status", b""),
    "msec": _msec,
    "nginx_version": lambda x: VERSION.encode(),
    "pid": lambda x: _number(os.getpid()),
    "pipe": lambda x: b"p" if x.client.pipelined() else b".",
    "proxy_add_x_forwarded_for": _forwarded_for,
    "proxy_host": lambda x: x.proxy_host,
    "proxy_port": _proxy_port,
    "proxy_protocol_addr": _announced(0, 0),
    "proxy_protocol_port": _announced(0, 1),
    "proxy_protocol_server_addr": _announced(1, 0),
    "proxy_protocol_server_port": _announced(1, 1),
    "query_string": _args,
    "realip_remote_addr": lambda x: _connection_address(x)[0],
    "realip_remote_port": lambda x: _port(_connection_address(x)[1]),
    "remote_addr": lambda x: x.client.client_address()[0],
    "remote_port": _remote_port,
    "remote_user": _remote_user,
    "request": lambda x: x.head.line,
    "request_body": lambda x: x.user.get(BODY_TEXT, b""),
    "request_id": _request_id,
    "request_length": lambda x: _number(x.head.length + x.received),
    "request_method": lambda x: x.head.method,
    "request_time": _request_time,
    "request_uri": lambda x: x.head.target,
    "server_addr": lambda x: x.client.local_address()[0],
    "server_name": _server_name,
    "server_port": lambda x: _number(x.client.local_address()[1]),
    "server_protocol": _protocol,
    "status": _status,
    "time_iso8601": lambda x: _iso8601(int(time.time())),
    "time_local": lambda x: _local(int(time.time())),
    "uri": _uri,
}


def _header(name: str) -> Getter:
    """``$http_NAME``: a request field, ``_`` for ``-``."""
    field = name.replace("_", "-").encode()
    if field == b"host":
        return lambda x: x.head.raw_host
    separator = b"; " if field == b"cookie" else b", "

    def read(x: Exchange) -> bytes:
        return separator.join([f.value for f in x.head.fields if f.name == field])

    return read


def _argument(name: str) -> Getter:
    """``$arg_NAME``: the first argument of that name with a value, in any case, not decoded."""
    wanted = name.encode()

    def read(x: Exchange) -> bytes:
        for part in x.args.split(b"&") if x.args else ():
            key, equals, value = part.partition(b"=")
            if equals and key.lower() == wanted:
                return value
        return b""

    return read


def _cookie(name: str) -> Getter:
    """``$cookie_NAME``: the value of the first cookie of that name."""
    wanted = name.encode()

    def read(x: Exchange) -> bytes:
        for field in x.head.fields:
            if field.name == b"cookie":
                for part in field.value.split(b";"):
                    key, equals, value = part.strip().partition(b"=")
                    if equals and key.rstrip().lower() == wanted:
                        return value.lstrip()
        return b""

    return read


_FAMILIES: dict[str, Callable[[str], Getter]] = {
    "http_": _header,
    "arg_": _argument,
    "cookie_": _cookie,
    "proxy_protocol_tlv_": tlv,
    **answervariables.FAMILIES,
}


_SPECIAL: dict[str, Getter] = {**tlsvariables.GETTERS, **answervariables.GETTERS, **clientvariables.GETTERS}


class ProxyVariables:
    """The variable table that runs (:class:`~dyups.interfaces.VariableTable`)."""

    def __init__(self) -> None:
        self.attempts_wanted = False
        """A text read so far uses a ``$upstream_*`` variable."""
        self.bodies_wanted = False
        """A text read so far uses ``$request_body``."""

    def lookup(self, name: str) -> Getter | None:
        """See :class:`~dyups.interfaces.VariableTable`."""
        if name in _PER_ATTEMPT:
            self.attempts_wanted = True
            return _PER_ATTEMPT[name]
        self.bodies_wanted = self.bodies_wanted or name == "request_body"
        plain = _PLAIN.get(name) or _SPECIAL.get(name)
        if plain is not None:
            return plain
        for prefix, make in _FAMILIES.items():
            if name.startswith(prefix) and len(name) > len(prefix):
                return make(name[len(prefix) :])
        return None


def variables_of_run_time(http: Http) -> VariableTable:
    """What the commands of a POST may read: the built-in variables and those that the configuration defines."""
    return WithUser(WithDefined(ProxyVariables(), http.defined), http.user_variables)
