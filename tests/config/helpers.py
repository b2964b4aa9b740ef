"""Short ways from a piece of configuration to what the build makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import TestCase

from dyups.config.build import build
from dyups.config.model import Http, Location, Server, Settings
from dyups.config.parser import Tree, parse_text
from dyups.errors import ConfigError
from dyups.interfaces import Getter

FILE = "conf/nginx.conf"
PREFIX = "/srv/dyups"


class Table:
    """A table with a few variables, each of which reads as its own name between angle brackets."""

    names = ("host", "uri", "request_uri", "scheme", "args", "remote_addr", "proxy_host")

    def lookup(self, name: str) -> Getter | None:
        """A getter for the names above and for ``http_*``, ``arg_*`` and cookies."""
        if name in self.names or name.startswith(("http_", "arg_", "cookie_", "upstream_cookie_")):
            return lambda exchange: f"<{name}>".encode()
        return None


class Exchange:
    """What user variables and captures read."""

    def __init__(self, user: dict[str, bytes] | None = None, captures: Any = None) -> None:
        self.user = user or {}
        self.captures = captures


def settings_of(text: str, *, events: str = "events {}\n") -> Settings:
    """The settings of a text outside all blocks; ``events {}`` is put on a line before it."""
    tree = Tree(parse_text(events + text, FILE), (FILE,))
    return build(tree, prefix=PREFIX, variables=Table(), default_port=8000)


def http_of(text: str) -> Http:
    """The ``http`` block with that content, which starts on line 3."""
    http = settings_of(f"http {{\n{text}\n}}").http
    assert http is not None
    return http


def server_of(text: str) -> Server:
    """The one server with that content, which starts on line 4."""
    return http_of(f"server {{\n{text}\n}}").listens[0].default_server


def location_of(text: str) -> Location:
    """The location ``/`` with that content, which starts on line 5."""
    return server_of(f"location / {{\n{text}\n}}").locations[0]


def message_of(case: TestCase, function: Callable[..., object], *args: object, **kwargs: object) -> str:
    """The text of the ConfigError that the call raises."""
    with case.assertRaises(ConfigError) as caught:
        function(*args, **kwargs)
    return str(caught.exception)
