"""``auth_basic``: a name and a password, asked for and checked (RFC 7617).

A :class:`~dyups.proxy.access.addresses.Check` of a location; the files are ``passwords``'.
"""

from __future__ import annotations

from base64 import b64decode

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dyups.config.model import Template
from dyups.http1.fields import clean
from dyups.proxy.access.addresses import GRANTED, LATER, NO_OPINION, Asking
from dyups.proxy.access.passwords import PasswordFiles, Verdict
from dyups.proxy.context import printable
from dyups.proxy.exchange import Carried, Exchange
from dyups.proxy.plane import complain


def credentials(exchange: Exchange) -> tuple[bytes, bytes] | None:
    """Name and password of ``Authorization: Basic``; None where there are none (``ngx_http_auth_basic_user``)."""
    for field in exchange.head.fields:
        if field.name == b"authorization":
            scheme, space, coded = field.value.partition(b" ")
            if not space or scheme.lower() != b"basic":
                return None
            try:
                user, colon, password = b64decode(coded.strip(b" "), validate=True).partition(b":")
            except ValueError:
                return None
            return (user, password) if colon else None
    return None


class BasicAuth:
    """The realm of a location and its password file."""

    __slots__ = ("_file", "_files", "_realm")

    def __init__(self, realm: Template, file: Template, files: PasswordFiles) -> None:
        self._realm = realm
        self._file = file
        self._files = files

    def check(self, exchange: Exchange, asking: Asking) -> int:
        """See :class:`~dyups.proxy.access.addresses.Check`."""
        realm = self._realm.render(exchange)
        if realm == b"off":
            return NO_OPINION
        found = credentials(exchange)
        if found is None:
            text = "no user/password was provided for basic authentication"
            complain("info", exchange.client.context(text))
            return _ask_for_password(exchange, realm)
        path = self._file.render(exchange)
        try:
            answer = self._files.check(path.decode("utf-8", "surrogateescape"), *found)
        except (OSError, ValueError) as error:
            return _unreadable(exchange, path, error)
        if isinstance(answer, Verdict):
            return _judge(exchange, answer, realm, path, found[0])
        return _later(exchange, asking, answer, realm, path, found[0])


def _later(
    exchange: Exchange, asking: Asking, answer: Deferred[Verdict], realm: bytes, path: bytes, user: bytes
) -> int:
    def heard(result: Verdict | Failure) -> None:
        if not asking.waits:
            return  # what was found is remembered all the same
        if isinstance(result, Verdict):
            asking.decide(_judge(exchange, result, realm, path, user))
        else:
            assert isinstance(result.value, Exception)
            asking.decide(_unreadable(exchange, path, result.value))

    answer.addBoth(heard)
    return LATER


def _judge(exchange: Exchange, verdict: Verdict, realm: bytes, path: bytes, user: bytes) -> int:
    """What a verdict means, in nginx's words."""
    if verdict is Verdict.RIGHT:
        return GRANTED
    name, file = printable(user), printable(path)
    if verdict is Verdict.UNREADABLE:
        reason = f'user "{name}": the hash in "{file}" is of no known kind'
    elif verdict is Verdict.UNKNOWN:
        reason = f'user "{name}" was not found in "{file}"'
    else:
        reason = f'user "{name}": password mismatch'
    complain("error", exchange.client.context(reason))
    return _ask_for_password(exchange, realm)


def _unreadable(exchange: Exchange, path: bytes, error: Exception) -> int:
    """A file that is not there is 403, one that cannot be read 500 (``ngx_http_auth_basic_handler``)."""
    missing = isinstance(error, FileNotFoundError)
    reason = f"{error.errno}: {error.strerror}" if isinstance(error, OSError) else str(error)
    text = f'open() "{printable(path)}" failed ({reason})'
    complain("error" if missing else "crit", exchange.client.context(text))
    return 403 if missing else 500


def _ask_for_password(exchange: Exchange, realm: bytes) -> int:
    exchange.carried = Carried(b'WWW-Authenticate: Basic realm="%b"\r\n' % clean(realm))
    return 401
