"""What a directive's arguments may refer to: the prefix, the variables, the time of the start.

Owns the one object that the table's value parsers get beside the words themselves.  Made by ``build`` once per
configuration; ``upstreams`` uses the empty one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from dyups.config.defined import Defined, WithDefined
from dyups.config.model import LogFormat, Template
from dyups.config.parser import encode
from dyups.config.variables import NoVariables, Part, compile_parts, compile_template, constant
from dyups.interfaces import VariableTable


@dataclass(frozen=True, slots=True)
class Scope:
    """The surroundings of one configuration."""

    prefix: str = ""
    """Absolute; relative paths of logs, pid and dump start here."""
    variables: VariableTable = field(default_factory=NoVariables)
    user: frozenset[str] = frozenset()
    """The names that ``set`` and named groups define anywhere in the configuration."""
    default_port: int = 80
    """The port of a ``server`` without ``listen``."""
    log_formats: dict[str, LogFormat] = field(default_factory=dict)
    """The ``log_format`` of each name read so far: nginx knows none that comes later."""
    log_buffers: dict[str, tuple[int, float, int]] = field(default_factory=dict)
    """Size, time and compression of each buffered log by its path: a file has one buffer."""

    defined: dict[str, Defined] = field(default_factory=dict)
    """The variables of ``map``, ``geo`` and ``split_clients`` by name."""
    settled: frozenset[str] = frozenset()
    """Those of them, and of ``defined``, whose values stand in the configuration."""
    folder: str = ""
    """Of the configuration file, where certificates and passwords start; empty for the prefix."""

    def path(self, text: str) -> str:
        """The absolute path of a file named relative to the prefix."""
        return os.path.normpath(os.path.join(self.prefix, text))

    def beside(self, text: str) -> str:
        """The absolute path of a file named relative to the configuration file (``ngx_conf_full_name``)."""
        return self.path(os.path.join(self.folder, text))

    def full(self, text: str) -> Template:
        """A path with variables that may turn out relative to the prefix (``ngx_get_full_name``)."""
        found = self.template(text)
        if found.constant is not None:
            path = os.path.join(self.prefix, text) if text else ""
            return constant(path)
        prefix, render = encode(self.prefix), found.render
        return found if text.startswith("/") else Template(text, lambda x: os.path.join(prefix, render(x)))

    def template(self, text: str) -> Template:
        """The compiled text; raises ConfigError for unknown variables."""
        return compile_template(text, WithDefined(self.variables, self.defined), self.user)

    def parts(self, text: str) -> tuple[Part, ...]:
        """The constants and getters of a text; raises ConfigError for unknown variables."""
        return compile_parts(text, WithDefined(self.variables, self.defined), self.user)
