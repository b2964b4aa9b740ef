"""A configuration as the master reads it, at start and at each reload, and as a worker gets it.

A worker does not read files: it builds its settings from the master's tree, so that both have the very same
configuration, whatever happens to the files meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dyups.config.build import build, parse_globals
from dyups.config.model import Http, Settings
from dyups.config.parser import Tree, parse_file
from dyups.proxy.variables import ProxyVariables
from dyups.workers.certificates import read_certificates
from dyups.workers.privileges import NO_CHOICE, Choice, choose
from dyups.workers.scripting import check_scripts


@dataclass(frozen=True, slots=True)
class Source:
    """Where a configuration comes from: what was said on the command line."""

    path: str
    prefix: str | None = None
    """Where relative paths start; None for the parent of the file's folder."""
    globals: str = ""
    """Directives that count as written before the file's."""
    error_log: str | None = None
    """The error log where the configuration names none."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration that was read: the tree, what stands behind it, and what was made of both."""

    tree: Tree
    prefix: str
    error_log: str | None
    settings: Settings
    attempts_wanted: bool
    """Some text reads ``$upstream_*`` variables."""
    bodies_wanted: bool = False
    """Some text reads ``$request_body``."""
    serve_as: Choice = NO_CHOICE
    """Whom workers become; nobody else where a worker built it."""
    certificates: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """What stood in the files that TLS needs, by path; empty where a worker built it."""

    remarks: tuple[str, ...] = ()
    """What the certificates do not allow, though it was asked for; empty where a worker built it."""

    @property
    def http(self) -> Http:
        """The ``http`` block; an empty one where there is none."""
        return self.settings.http or Http()


def read_configuration(source: Source) -> Configuration:
    """What stands in the files now.  Raises :class:`~dyups.errors.ConfigError`."""
    prefix = source.prefix
    if prefix is None:
        prefix = os.path.dirname(os.path.dirname(os.path.abspath(source.path)))
    prefix = os.path.abspath(prefix)
    ahead = parse_globals(source.globals)
    tree = parse_file(source.path, prefix=prefix)
    tree = tree._replace(directives=ahead + tree.directives)
    found = built(tree, prefix, source.error_log)
    remarks: list[str] = []
    certificates = read_certificates(found.http, remarks.append)
    check_scripts(found.http)
    serve_as = choose(tree, found.settings)
    return replace(found, serve_as=serve_as, certificates=certificates, remarks=tuple(remarks))


def built(tree: Tree, prefix: str, error_log: str | None) -> Configuration:
    """What a tree that was read says.  Raises :class:`~dyups.errors.ConfigError`."""
    variables = ProxyVariables()
    settings = build(tree, prefix=prefix, variables=variables, error_log=error_log)
    wanted = variables.attempts_wanted, variables.bodies_wanted
    return Configuration(tree, prefix, error_log, settings, *wanted)
