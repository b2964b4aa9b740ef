"""What a location does, from the settings: ``proxy_pass``, ``echo``, ``return`` and nothing (404).

``serving_for`` is the one place that turns a :mod:`dyups.config.model` content into what serves it.  Web resources are
in ``webresource``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dyups.config.model import (
    Echo,
    Location,
    LocationKind,
    ProxyPass,
    ReturnStep,
    SetStep,
    Step,
)
from dyups.http1.fields import clean
from dyups.http1.target import escape
from dyups.proxy import answers
from dyups.proxy.client import BodySink
from dyups.proxy.exchange import Exchange
from dyups.proxy.literals import literal_group, looks_literal
from dyups.proxy.plan import ForwardPlan
from dyups.proxy.plane import DataPlane, complain
from dyups.proxy.serving import DISCARD, Serving
from dyups.upstream.group import Group

#: Groups of constant targets that are no upstream by name (``proxy_pass http://127.0.0.1:8080``), by lower-case text.
LiteralGroups = Mapping[bytes, Group]
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


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
    """``return`` as ``ngx_http_send_response`` does it; 444 closes without an answer."""
    client = exchange.client
    if step.code == 444:
        exchange.status = 444
        client.cut()
    elif step.code in _REDIRECTS and step.text is not None:
        answers.send_redirect(client, step.code, clean(step.text.render(exchange)))
    elif step.text is None and step.code not in (200, 201, 202, 204):
        answers.send_page(client, step.code)
    else:
        text = b"" if step.text is None else step.text.render(exchange)
        answers.send(client, step.code, text, exchange.route.settings.default_type.encode())


class NotFound:
    """A location without content: nothing is there."""

    __slots__ = ()

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """404."""
        answers.send_page(exchange.client, 404)
        return DISCARD


class EchoServing:
    """``echo``: each command's texts and a newline."""

    __slots__ = ("_constant", "_lines", "_type")

    def __init__(self, content: Echo, default_type: str) -> None:
        self._lines = content.lines
        self._type = default_type.encode()
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


class ProxyServing:
    """``proxy_pass``: finds the group by the target's name and hands the request to it."""

    __slots__ = ("_key", "_literal", "_literals", "_pass", "_plan", "_plane", "_prefix", "_simple")

    def __init__(
        self,
        content: ProxyPass,
        location: Location,
        plane: DataPlane,
        literals: LiteralGroups,
        any_literal: bool,
    ) -> None:
        self._pass = content
        self._plane = plane
        self._plan = ForwardPlan(location.settings, plane)
        self._literals = literals
        self._literal = any_literal
        self._prefix = len(location.pattern.encode()) if location.kind is not LocationKind.REGEX else 0
        self._simple = content.uri is None and bool(content.scheme)
        constant = content.target.constant
        self._key = None if constant is None else constant.lower()

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """Forward, or 502 at once where no upstream has that name: nothing is looked up in DNS."""
        content = self._pass
        key = self._key
        if key is None:
            target = content.target.render(exchange)
            if self._simple:
                uri = exchange.head.target
            else:
                target, uri = self._split(target, exchange)
            key = target if target.islower() else target.lower()
        else:
            target = content.target.constant or b""
            uri = exchange.head.target if self._simple else self._uri(exchange)
        exchange.proxy_host = target
        group = self._plane.upstreams.get(key) or self._literals.get(key)
        if group is None:
            group = self._unknown(exchange, key)
            if group is None:
                answers.send_page(exchange.client, 502)
                return DISCARD
        return exchange.client.forward(self._plan, group, uri, body, ended)

    def _uri(self, exchange: Exchange) -> bytes:
        """The URI part of ``proxy_pass`` in place of the location's prefix; as it stands where it has variables."""
        content = self._pass
        if content.uri is None:
            return exchange.head.target
        uri = content.uri.render(exchange)
        if content.has_variables:
            return uri
        uri += escape(exchange.uri[self._prefix :])
        return b"%b?%b" % (uri, exchange.args) if exchange.args else uri

    def _split(self, target: bytes, exchange: Exchange) -> tuple[bytes, bytes]:
        """A target that is known only now (``proxy_pass $url``): scheme off, URI part apart."""
        if self._pass.scheme:
            return target, self._uri(exchange)
        scheme, separator, rest = target.partition(b"://")
        if not separator or scheme.lower() != b"http":
            return b"", exchange.head.target
        authority, slash, path = rest.partition(b"/")
        return authority, (slash + path if slash else exchange.head.target)

    def _unknown(self, exchange: Exchange, key: bytes) -> Group | None:
        """A literal address where the configuration lets one through; the error log says why not."""
        if self._literal:
            group = literal_group(key)
            if group is not None:
                return group
        name = key.decode("utf-8", "replace")
        reason = "no upstream of that name" if not looks_literal(key) else "dyups_literal_targets is off"
        complain("error", exchange.client.context(f'no host "{name}" to pass the request to: {reason}'))
        return None


def serving_maker(
    plane: DataPlane,
    resources: Mapping[str, Callable[[Location], Serving]],
    literals: LiteralGroups,
    *,
    any_literal: bool = False,
) -> Callable[[Location], Serving]:
    """What makes a location's serving; ``resources`` by directive name."""

    def make(location: Location) -> Serving:
        content = location.content
        if content is None:
            return NotFound()
        if isinstance(content, ProxyPass):
            return ProxyServing(content, location, plane, literals, any_literal)
        if isinstance(content, Echo):
            return EchoServing(content, location.settings.default_type)
        return resources[content.name](location)

    return make
