"""What a location does, from the settings: ``proxy_pass``, ``echo``, ``return`` and nothing (404).

:func:`serving_maker` is the one place that turns a :mod:`dyups.config.model` content into what serves it.  ``forwards``
has ``proxy_pass``, ``webresource`` the Twisted web resources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dyups.config.model import Echo, Location, ProxyPass, ReturnStep, SetStep, Step
from dyups.config.parser import encode
from dyups.http1.fields import clean
from dyups.proxy import answers
from dyups.proxy.client import BodySink
from dyups.proxy.exchange import Exchange
from dyups.proxy.forwards import ConstantTarget, VariableTarget
from dyups.proxy.literals import ImplicitGroups
from dyups.proxy.plane import DataPlane
from dyups.proxy.serving import DISCARD, Serving
from dyups.upstream.group import Group

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: ``return`` of these closes the connection without an answer (``NGX_HTTP_CLOSE``, ``NGX_HTTP_CLIENT_CLOSED_REQUEST``).
_SILENT = frozenset({444, 499})


def run_steps(exchange: Exchange, steps: Sequence[Step]) -> bool:
    """Run the rewrite phase; True when it has answered (``return``)."""
    for step in steps:
        if isinstance(step, SetStep):
            exchange.user[step.name] = step.value.render(exchange)
        else:
            _return(exchange, step)
            return True
    return False


def _return(exchange: Exchange, step: ReturnStep) -> None:
    """``return`` as ``ngx_http_script_return_code`` does it: a code from 400 on without a text gets its page."""
    client = exchange.client
    code = step.code
    text = b"" if step.text is None else step.text.render(exchange)
    if code in _SILENT:
        exchange.status = code
        client.cut()
    elif code in _REDIRECTS:
        answers.send_redirect(client, code, clean(text))
    elif code >= 400 and (step.text is None or step.text.constant == b""):
        answers.send_page(client, code)
    else:
        answers.send(client, code, text, encode(exchange.route.settings.default_type))


class NotFound:
    """A location without content: nothing is there."""

    __slots__ = ()

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """404."""
        answers.send_page(exchange.client, 404)
        return DISCARD


class SlashAdded:
    """The way from ``/path`` to the location ``/path/`` of a ``proxy_pass`` (``clcf->auto_redirect``)."""

    __slots__ = ("_path",)

    def __init__(self, path: bytes) -> None:
        self._path = path
        """The location's path, percent-encoded."""

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """301, the arguments kept."""
        args = exchange.args
        location = b"%b?%b" % (self._path, clean(args)) if args else self._path
        answers.send_redirect(exchange.client, 301, location)
        return DISCARD


class EchoServing:
    """``echo``: each command's texts and a newline."""

    __slots__ = ("_constant", "_lines", "_type")

    def __init__(self, content: Echo, default_type: str) -> None:
        self._lines = content.lines
        self._type = encode(default_type)
        self._constant: bytes | None = None
        if all(line.constant is not None for line in content.lines):
            self._constant = b"".join(line.constant or b"" for line in content.lines)

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """200 with the texts."""
        text = self._constant
        if text is None:
            text = b"".join([line.render(exchange) for line in self._lines])
        answers.send(exchange.client, 200, text, self._type)
        return DISCARD


def serving_maker(
    plane: DataPlane,
    resources: Mapping[str, Callable[[Location], Serving]],
    literals: Mapping[bytes, Group],
    *,
    any_literal: bool = False,
) -> Callable[[Location], Serving]:
    """What makes a location's serving.

    ``resources`` is by directive name, ``literals`` what :func:`~dyups.proxy.literals.constant_groups` found, and
    ``any_literal`` is ``dyups_literal_targets``.
    """
    implicit = ImplicitGroups(literals, any_literal=any_literal)

    def make(location: Location) -> Serving:
        content = location.content
        if content is None:
            return NotFound()
        if isinstance(content, Echo):
            return EchoServing(content, location.settings.default_type)
        if not isinstance(content, ProxyPass):
            return resources[content.name](location)
        if content.scheme and content.target.constant is not None:
            return ConstantTarget(content, content.target.constant, location, plane, implicit)
        return VariableTarget(content, location, plane, implicit)

    return make
