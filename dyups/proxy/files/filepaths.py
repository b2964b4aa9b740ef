"""From a request's path to a file's (``ngx_http_map_uri_to_path``): ``root`` and ``alias``.

``plain``, ``tryfiles`` and the variables about files ask.
"""

from __future__ import annotations

from dyups.config.routing import WHOLE
from dyups.proxy.exchange import Exchange

#: Where ``exchange.user`` has the path that ``try_files`` found behind the alias of a location with a regular
#: expression (nginx's ``add_uri_to_alias``); no variable can have this name.
FOUND = "found behind the alias"


def root_of(exchange: Exchange) -> bytes:
    """The folder that is put before the path; with ``alias`` before what follows the location's part of it."""
    root = exchange.route.settings.files.root
    return b"" if root is None else root.render(exchange)


def path_of(exchange: Exchange, uri: bytes) -> bytes | None:
    """The file for ``uri``, which is decoded; None where an ``alias`` cannot tell, since the path was rewritten."""
    alias = exchange.route.settings.files.alias
    if alias < 0:
        return root_of(exchange) + uri
    if exchange.place_lost:
        return None
    rest = uri if alias == WHOLE and exchange.user.get(FOUND) == uri else uri[alias:]
    return below(root_of(exchange), rest)


def below(root: bytes, rest: bytes) -> bytes:
    """``rest`` of a path behind an ``alias``.

    ``/x../y`` of a location ``/x`` would climb out of the alias ``/files/``, as it does in nginx; here it is a name
    that no file can have.
    """
    return root + b"\0" if rest[:3] in (b"..", b"../") and root.endswith(b"/") else root + rest
