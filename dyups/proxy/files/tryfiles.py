"""``try_files`` (``ngx_http_try_files_module``): the first of some files that is there, else somewhere else."""

from __future__ import annotations

import os
import stat

from dyups.config.model import Template
from dyups.config.routing import WHOLE, FileSettings, TryFiles
from dyups.proxy import answers
from dyups.proxy.exchange import Exchange
from dyups.proxy.files.filepaths import FOUND, below, root_of
from dyups.proxy.passage import Passage
from dyups.proxy.rewrite.verdicts import DONE, NEXT


class TryPhase:
    """The phase of one location."""

    __slots__ = ("_alias", "_step")

    def __init__(self, step: TryFiles, settings: FileSettings) -> None:
        self._step = step
        self._alias = settings.alias

    def run(self, exchange: Exchange, passage: Passage) -> int:
        """Let the request pass with the path of the file that is there, or send it to the fallback."""
        root = root_of(exchange)
        for template, folder in self._step.candidates:
            name = self._below(template, exchange)
            if _is_there(below(root, name) if self._alias >= 0 else root + name, folder):
                self._found(exchange, name, folder)
                return NEXT
        return self._fall_back(exchange, passage)

    def _below(self, template: Template, exchange: Exchange) -> bytes:
        """The rest of the file's path; with an ``alias`` the location's own part is left away where it stands."""
        name = template.render(exchange)
        prefix = exchange.uri[: self._alias] if 0 < self._alias < WHOLE else b""
        if prefix and template.constant is None and name.startswith(prefix):
            return name[len(prefix) :]
        return name

    def _found(self, exchange: Exchange, name: bytes, folder: bool) -> None:
        if self._alias < 0:
            exchange.uri = name
        elif self._alias < WHOLE:
            exchange.uri = exchange.uri[: self._alias] + name
        elif not folder:
            exchange.uri = exchange.user[FOUND] = name

    def _fall_back(self, exchange: Exchange, passage: Passage) -> int:
        client = passage.client
        if self._step.status:
            answers.send_page(client, self._step.status, b"", passage.body)
            return DONE
        target = self._step.fallback.render(exchange)
        if target.startswith(b"@"):
            client.redirect_named(target, passage.body, passage.ended)
        else:
            uri, _, args = target.partition(b"?")
            client.redirect(uri, args, passage.body, passage.ended)
        return DONE


def _is_there(path: bytes, folder: bool) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode) is folder
    except (OSError, ValueError):
        return False
