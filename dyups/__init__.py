"""dyups: a reverse proxy whose upstreams change at run time, without a reload.

The package is built in floors; imports go down, never up and never across (checked by import-linter):

    tap                        twistd's options and service
    workers                    processes; the only place that wires everything
    admin                      the REST interface (Klein)
    proxy | control            data plane | the way of a change
    persist                    dump file and journal
    upstream                   the dynamic map: all that proxy and control share
    balancing                  choosing a peer
    metrics
    config | http1 | net
    interfaces, errors

The life of a request and the life of a change are told in ``docs/architecture.rst``.
"""

from dyups._version import VERSION as __version__

__all__ = ["__version__"]
