"""What a directive's arguments may refer to: the prefix, the variables, the time of the start.

Owns the one object that the table's value parsers get beside the words themselves.  Made by ``build`` once per
configuration; ``upstreams`` uses the empty one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from dyups.config.model import Template
from dyups.config.variables import NoVariables, compile_template
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

    def path(self, text: str) -> str:
        """The absolute path of a file named relative to the prefix."""
        return os.path.normpath(os.path.join(self.prefix, text))

    def template(self, text: str) -> Template:
        """The compiled text; raises ConfigError for unknown variables."""
        return compile_template(text, self.variables, self.user)
