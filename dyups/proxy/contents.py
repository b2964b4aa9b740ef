"""What a location does, from the settings: ``proxy_pass``, ``echo``, ``return`` and nothing (404).

:class:`LocationMaker` is the one place that turns a :mod:`dyups.config.model` location into what runs.  ``forwards``
has ``proxy_pass``, ``webresource`` the Twisted web resources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dyups.config.model import Echo, Location, LocationSettings, ProxyPass
from dyups.http1.fields import clean
from dyups.proxy import answers
from dyups.proxy.access.restrictions import Restrictions
from dyups.proxy.client import BodySink
from dyups.proxy.exchange import Exchange
from dyups.proxy.files.bodyfiles import BodyInFile
from dyups.proxy.files.mimetypes import type_of
from dyups.proxy.files.pixel import Pixel
from dyups.proxy.files.plain import Files
from dyups.proxy.files.tryfiles import TryPhase
from dyups.proxy.forward.forwards import ConstantTarget, VariableTarget
from dyups.proxy.forward.literals import ImplicitGroups
from dyups.proxy.passage import Phase
from dyups.proxy.plane import DataPlane
from dyups.proxy.scripting import NO_SCRIPTS, Scripting
from dyups.proxy.serving import DISCARD, Serving
from dyups.upstream.group import Group


class NotFound:
    """A location without content: nothing is there."""

    __slots__ = ()

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """404."""
        answers.send_page(exchange.client, 404)
        return DISCARD


class Failing:
    """What a request gets that failed before there was a location for it."""

    __slots__ = ()

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """500."""
        answers.send_page(exchange.client, 500)
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

    __slots__ = ("_constant", "_lines", "_settings")

    def __init__(self, content: Echo, settings: LocationSettings) -> None:
        self._lines = content.lines
        self._settings = settings
        self._constant: bytes | None = None
        if all(line.constant is not None for line in content.lines):
            self._constant = b"".join(line.constant or b"" for line in content.lines)

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """200 with the texts."""
        text = self._constant
        if text is None:
            text = b"".join([line.render(exchange) for line in self._lines])
        answers.send(exchange.client, 200, text, type_of(self._settings, exchange.uri))
        return DISCARD


class LocationMaker:
    """What makes of each location's settings what runs (:class:`~dyups.proxy.route.Maker`).

    ``resources`` is by directive name, ``literals`` what :func:`~dyups.proxy.forward.literals.constant_groups` found,
    and ``any_literal`` is ``dyups_literal_targets``.
    """

    def __init__(
        self,
        plane: DataPlane,
        resources: Mapping[str, Callable[[Location], Serving]],
        literals: Mapping[bytes, Group],
        *,
        any_literal: bool = False,
        scripts: Scripting = NO_SCRIPTS,
    ) -> None:
        self._plane = plane
        self._resources = {"empty_gif": Pixel, **resources, **scripts.contents()}
        self._scripts = scripts
        plane.edits = scripts.edits
        self._restrictions = Restrictions(plane)
        self._implicit = ImplicitGroups(literals, any_literal=any_literal)

    def serving(self, location: Location) -> Serving:
        """What serves the location."""
        content = location.content
        if content is None:
            return Files(location)
        if isinstance(content, Echo):
            return EchoServing(content, location.settings)
        if not isinstance(content, ProxyPass):
            return self._resources[content.name](location)
        if content.scheme and content.target.constant is not None:
            return ConstantTarget(content, content.target.constant, location, self._plane, self._implicit)
        return VariableTarget(content, location, self._plane, self._implicit)

    def phases(self, location: Location) -> tuple[Phase, ...]:
        """What the location does between the rewrite phase and its content."""
        scripts = self._scripts
        access = self._restrictions.phases(location)
        files = location.settings.files
        tries = () if files.try_files is None else (TryPhase(files.try_files, files),)
        spools = self._spools(location)
        return (*scripts.before_access(location), *access, *scripts.after_access(location), *tries, *spools)

    def _spools(self, location: Location) -> tuple[Phase, ...]:
        """``client_body_in_file_only``: only what is passed on is read at all."""
        settings = location.settings.bodies
        path = settings.client_body_temp_path
        wanted = settings.client_body_in_file_only != "off" and isinstance(location.content, ProxyPass)
        return (BodyInFile(settings, path, self._plane),) if wanted and path is not None else ()
