"""dyups: a reverse proxy whose upstreams change at run time, without a reload.

The package is built in floors; imports go down, never up and never across (checked by import-linter):

    client | embed | tap       dyups-ctl | inside another application | twistd's options and service
    workers                    processes; the only place that wires everything
    admin | script             the REST interface (Klein) | the verbs for Python and Lua
    proxy | control            data plane | the way of a change
    persist                    dump file and journal
    upstream                   the dynamic map: all that proxy and control share
    balancing                  choosing a peer
    metrics | tls
    config | http1 | net
    interfaces, errors

The life of a request and the life of a change are told in ``docs/architecture.rst``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dyups._version import VERSION as __version__

if TYPE_CHECKING:
    from dyups.script.here import (
        delete_upstream,
        get_upstream,
        list_upstreams,
        patch_upstream,
        update_upstream,
    )
    from dyups.script.verbs import Result

__all__ = [
    "Result",
    "__version__",
    "delete_upstream",
    "get_upstream",
    "list_upstreams",
    "patch_upstream",
    "update_upstream",
]

_EXPORTS = {
    "Result": "dyups.script.verbs",
    "delete_upstream": "dyups.script.here",
    "get_upstream": "dyups.script.here",
    "list_upstreams": "dyups.script.here",
    "patch_upstream": "dyups.script.here",
    "update_upstream": "dyups.script.here",
}


def __getattr__(name: str) -> Any:
    """The Python API, when somebody asks for it: whoever imports a part of the package does not load the whole."""
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)
