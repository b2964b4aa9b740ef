"""``set`` of variables that are more than a text of their own: ``$args`` and ``$limit_rate``.

nginx gives these a ``set_handler``.  ``steps`` and ``auth_request_set`` ask for them; the names are
``config.variables.SETTABLE``.
"""

from __future__ import annotations

from dyups.config.model import SetStep, Template
from dyups.config.values import parse_size
from dyups.errors import ConfigError
from dyups.proxy.context import printable
from dyups.proxy.exchange import Exchange
from dyups.proxy.plane import complain
from dyups.proxy.rewrite.verdicts import NEXT, Runnable

#: Where ``exchange.user`` has the pace of a request's answer, in bytes a second: whoever says it last is heard.
RATE = "limit_rate"


def size_of(value: bytes) -> int:
    """The size that a value says; 0 for an empty one and for nonsense (``ngx_http_complex_value_size``)."""
    try:
        return parse_size(value.decode("latin-1")) if value else 0
    except ConfigError:
        return 0


class SetArgs:
    """``set $args``: what is asked for has other arguments (``ngx_http_variable_set_args``)."""

    __slots__ = ("_render",)

    def __init__(self, step: SetStep) -> None:
        self._render = step.value.render

    def run(self, exchange: Exchange) -> int:
        """Change the arguments, and what servers are asked for with them."""
        exchange.move(exchange.uri, self._render(exchange))
        return NEXT


class SetRate:
    """``set $limit_rate`` (``ngx_http_variable_set_limit_rate``)."""

    __slots__ = ("_render",)

    def __init__(self, step: SetStep) -> None:
        self._render = step.value.render

    def run(self, exchange: Exchange) -> int:
        """Set the pace of the answer; what is no size changes nothing."""
        value = self._render(exchange)
        try:
            exchange.user[RATE] = b"%d" % parse_size(value.decode("latin-1"))
        except ConfigError:
            complain("error", exchange.client.context(f'invalid $limit_rate "{printable(value)}"'))
        return NEXT


_KINDS: dict[str, type[SetArgs] | type[SetRate]] = {"args": SetArgs, RATE: SetRate}


def assigning(step: SetStep) -> Runnable | None:
    """What runs for a variable of this kind; None for any other."""
    kind = _KINDS.get(step.name)
    return None if kind is None else kind(step)


def assign(exchange: Exchange, name: str, value: bytes) -> None:
    """Give any variable a value that is known already (``auth_request_set``)."""
    if name in _KINDS:
        found = assigning(SetStep(name, Template("", lambda exchange: value)))
        assert found is not None
        found.run(exchange)
    else:
        exchange.user[name] = value
