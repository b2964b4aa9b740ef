"""Certificates of a configuration, read when the configuration is: at the start, at each reload, and for ``-t``.

Everything that TLS will need is made once on trial, so that what is wrong is an error of the configuration and a
reload changes nothing.  What stood in the files goes to the workers, which build theirs from it.  ``configuration``
calls this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from dyups.config.directives.http2 import OBSOLETE
from dyups.config.model import Http, Location, ProxyPass, ProxyTls, Server
from dyups.config.parser import Directive
from dyups.proxy.secure.securedial import ChannelTable
from dyups.tls.material import Files, RememberingFiles
from dyups.tls.stapling import Desk
from dyups.tls.terms import ListenTerms, Terms, TermsTable, check_server


def read_certificates(http: Http, warn: Callable[[str], None] = lambda text: None) -> Mapping[str, bytes]:
    """The contents of all files that TLS needs, by path; what cannot be done, and is no error, is told by ``warn``.

    Raises :class:`~dyups.errors.ConfigError`.
    """
    files = RememberingFiles()
    desk = Desk(warn=warn)
    table = TermsTable(files, desk)
    servers = {id(server): server for listen in http.listens for server in listen.servers}
    secured = [listen for listen in http.listens if listen.ssl]
    for server in servers.values():
        check_server(server)
    for listen in secured:
        ListenTerms(listen, table)
    behind = {id(server) for listen in secured for server in listen.servers}
    for number, server in servers.items():
        if number not in behind and server.tls.ssl_certificate:
            Terms(server.tls, files, b"", desk=desk)
    _check_proxies(servers.values(), files)
    return files.found


def _check_proxies(servers: Iterable[Server], files: Files) -> None:
    table = ChannelTable(files)
    for location in _locations(servers):
        content = location.content
        # Without a scheme it comes with a request: it may be https.
        if isinstance(content, ProxyPass) and (
            content.scheme == "https" or (not content.scheme and location.proxy_tls != ProxyTls())
        ):
            table.of(location.proxy_tls)


def _locations(servers: Iterable[Server]) -> Iterator[Location]:
    blocks: list[Server | Location] = [*servers]
    while blocks:
        block = blocks.pop()
        if isinstance(block, Location):
            yield block
        blocks += block.locations
        for step in block.steps:  # an "if" has a location of its own
            inner = getattr(step, "location", None)
            if isinstance(inner, Location):
                blocks.append(inner)


def warnings(directives: tuple[Directive, ...]) -> Iterator[str]:
    """What is asked for and not done, though clients or operators may count on it."""
    for directive in directives:
        place = f"in {directive.file}:{directive.line}"
        if directive.name in OBSOLETE:
            now = OBSOLETE[directive.name]
            instead = f'use the "{now}" directive instead' if now else "ignored"
            yield f'the "{directive.name}" directive is obsolete, {instead} {place}'
        elif directive.name == "listen" and "http2" in directive.args[1:]:
            yield f'the "listen ... http2" directive is deprecated, use the "http2" directive instead {place}'
        elif directive.name == "proxy_cache" and directive.args != ("off",):
            yield f'"proxy_cache" ignored, nothing is cached {place}'
        if directive.block:
            yield from warnings(directive.block)
