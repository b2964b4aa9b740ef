"""What the master routes by: the map that a configuration, the dump and the journal give, at start and at a reload.

Owns the rule of the reload: the new configuration's upstreams, then the dump with whatever was edited in it by hand,
then everything that was changed while running.  ``master`` puts it to work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from dyups.config.blocks import no_collection
from dyups.config.model import fold
from dyups.config.written import Said, Written, spec_of
from dyups.control.command import decode
from dyups.errors import ConfigError
from dyups.interfaces import VariableTable
from dyups.metrics.accesslog import check_access_logs
from dyups.persist.reload import Restored, restore
from dyups.proxy.forward.literals import constant_groups
from dyups.proxy.plane import complain
from dyups.proxy.variables import variables_of_run_time
from dyups.upstream.map import UpstreamMap
from dyups.upstream.resolve import NameQuery, query_system, resolve_now, resolve_what_can_be
from dyups.workers.certificates import warnings as tls_warnings
from dyups.workers.collection import settle
from dyups.workers.configuration import Configuration
from dyups.workers.serving import RememberingQuery, may_change


@dataclass(slots=True)
class Truth:
    """A configuration with its upstreams."""

    configuration: Configuration
    restored: Restored
    upstreams: UpstreamMap
    constants: Mapping[str, tuple[str, ...]]
    """Addresses of names that stand in the configuration outside of upstreams."""
    files: dict[bytes, Said] = field(default_factory=dict)
    """What files say, by name: an upstream that differs was changed while running."""

    @property
    def dumps(self) -> bool:
        """Do we write the dump file?"""
        dyups = self.configuration.http.dyups
        return bool(dyups.dyups_upstream_conf) and dyups.dyups_dump

    def file_says(self, specs: Iterable[Said], deleted: Iterable[str]) -> None:
        """A third party wrote the dump file anew (``dyups_dump off``)."""
        for spec in specs:
            self.files[fold(spec.name)] = spec
        for name in deleted:
            self.files.pop(fold(name), None)


def establish(configuration: Configuration, query: NameQuery = query_system) -> Truth:
    """What the files say now.  Blocks; raises :class:`~dyups.errors.ConfigError`."""
    http = configuration.http
    check_access_logs(http)
    variables = variables_of_run_time(http)
    restored = restore(http, decode, variables=variables)
    remembering = RememberingQuery(query)
    _, warnings = constant_groups(http, lenient=may_change(http), query=remembering, known=restored.upstreams)
    for damage in restored.damages:
        complain("error", damage)  # at error_log's default level: something that was acknowledged is lost
    for warning in (*restored.warnings, *warnings, *_tls_warnings(configuration)):
        complain("warn", warning)
    truth = Truth(configuration, restored, filled_map(restored, variables), remembering.found)
    truth.file_says(restored.configured if truth.dumps else restored.upstreams, ())
    for warning in _counted_apart(configuration, truth.upstreams):
        complain("warn", warning)
    return truth


def rehearse(configuration: Configuration, query: NameQuery = query_system) -> list[str]:
    """What a start would warn of; for a test of the configuration, which changes and makes nothing.

    As ``nginx -t`` it looks names up, so what would stop the start does here.  Blocks; raises
    :class:`~dyups.errors.ConfigError`.
    """
    http = configuration.http
    variables = variables_of_run_time(http)
    restored = restore(http, decode, variables=variables)
    _, warnings = constant_groups(http, lenient=may_change(http), query=query, known=restored.upstreams)
    filled_map(restored, variables)
    return [*restored.damages, *restored.warnings, *warnings, *_tls_warnings(configuration)]


def _tls_warnings(configuration: Configuration) -> tuple[str, ...]:
    return (*configuration.remarks, *tls_warnings(configuration.tree.directives))


def _counted_apart(configuration: Configuration, upstreams: UpstreamMap) -> Iterator[str]:
    """Limits that hold for each worker by itself, as in nginx: say so where there are several."""
    settings = configuration.settings
    if settings.master_process and settings.worker_processes != 1:
        for group in upstreams.made():
            if not group.spec.zone and any(server.max_conns for server in group.spec.servers):
                yield (
                    f'"max_conns" in upstream "{group.spec.name}" holds for each worker by itself; '
                    'with "zone" it holds for all of them together'
                )


def filled_map(restored: Restored, variables: VariableTable) -> UpstreamMap:
    """The map a start begins with; ``variables`` are those that keys of its upstreams were checked with.

    A name of the configuration that has no address is a :class:`ConfigError`, as in nginx; an upstream that was
    acknowledged at run time comes back whatever DNS says now.
    """
    upstreams = UpstreamMap(variables)
    configured = set(map(id, restored.configured))
    with no_collection():
        for spec in restored.upstreams:
            if isinstance(spec, Written):
                upstreams.keep(spec)
            elif id(spec) in configured:
                upstreams.replace(spec, resolve_now(spec))
            else:
                resolved, failed = resolve_what_can_be(spec)
                for reason in failed:
                    complain("warn", reason)
                upstreams.replace(spec, resolved)
    upstreams.sequence = restored.sequence
    settle()
    return upstreams


def carry_over(old: Truth, new: Truth) -> bool:
    """Bring what was changed while running from ``old`` to ``new``; was there anything that the files do not have?

    Where both have the same dump file, it has them already, with its journal: unless somebody took it away.
    """
    same_dump = (
        old.dumps
        and new.dumps
        and old.configuration.http.dyups.dyups_upstream_conf
        == new.configuration.http.dyups.dyups_upstream_conf
    )
    changed = not (same_dump and new.restored.dump is not None) and _overlay(old, new)
    new.upstreams.sequence = max(old.upstreams.sequence, new.upstreams.sequence) + 1
    return changed


def _overlay(old: Truth, new: Truth) -> bool:
    present: set[bytes] = set()
    calls: list[Callable[[], object]] = []
    for said, resolved in old.upstreams.addressed():
        key = fold(said.name)
        present.add(key)
        if old.files.get(key) != said:
            calls.append(partial(new.upstreams.replace, spec_of(said), resolved))
    for key, spec in old.files.items():
        if key not in present:
            calls.append(partial(new.upstreams.delete, spec.name))
    for call in calls:
        try:
            call()
        except (
            ConfigError
        ) as error:  # its key reads a variable that the configuration does not define any more
            complain(
                "error", f"{error}; an upstream that was changed while running stays as the files have it"
            )
    return bool(calls)
