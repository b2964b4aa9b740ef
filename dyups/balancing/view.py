"""A request as plugins see it: read by name, in text.

Made for balancers by ``balancing.plugin``; ``script.hooks`` has one that may be changed.  It knows the data plane's
``Exchange`` only by its attributes.
"""

from __future__ import annotations

from typing import Any

from dyups.config.variables import compile_template
from dyups.errors import ConfigError
from dyups.interfaces import VariableTable


class RequestView:
    """One request; texts are Latin-1, as HTTP's heads are."""

    __slots__ = ("_exchange", "_variables")

    def __init__(self, exchange: Any, variables: VariableTable) -> None:
        self._exchange = exchange
        self._variables = variables

    @property
    def method(self) -> str:
        """``GET`` and the like."""
        return _text(self._exchange.head.method)

    @property
    def uri(self) -> str:
        """The decoded path (``$uri``)."""
        return _text(self._exchange.uri)

    @property
    def args(self) -> str:
        """What follows ``?``, as received (``$args``)."""
        return _text(self._exchange.args)

    @property
    def host(self) -> str:
        """The host that was asked, lower case, without port."""
        return _text(self._exchange.head.host)

    @property
    def client_address(self) -> str:
        """Where the client is (``$remote_addr``)."""
        return _text(self._exchange.client.client_address()[0])

    def header(self, name: str) -> str | None:
        """The value of a field, repeats joined by ``, ``; None where there is none."""
        wanted = name.lower().encode("latin-1", "replace")
        found = [field.value for field in self._exchange.head.fields if field.name == wanted]
        return _text(b", ".join(found)) if found else None

    def variable(self, name: str) -> str:
        """The value of ``$name``.  Raises KeyError where no such variable is known."""
        try:
            template = compile_template(f"${{{name}}}", self._variables, self._exchange.user)
        except ConfigError:
            raise KeyError(name) from None
        return _text(template.render(self._exchange))


def _text(value: bytes) -> str:
    return value.decode("latin-1")
