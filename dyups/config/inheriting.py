"""Lists that a block may add to those around it: ``add_header_inherit``, ``add_trailer_inherit``.

nginx's other lists hold only where no inner block says any.  ``merge`` asks when a block has been read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyups.config.routing import AnswerSettings

if TYPE_CHECKING:
    from dyups.config.merge import Values

_LISTS = ("add_header", "add_trailer")


def settle_lists(values: Values, outer: Values, said: set[str]) -> None:
    """Give ``values`` of a block what its lists inherit of ``outer``; ``said`` are the directives of the block.

    As ``ngx_http_headers_merge_conf``: with ``merge`` the block's own come first, with ``off`` nothing is inherited.
    """
    found = values.of(AnswerSettings)
    for name in _LISTS:
        mode = found.get(f"{name}_inherit", "on")
        around = outer.of(AnswerSettings).get(name, ())
        if mode == "merge" and name in said:
            values.store(AnswerSettings, {name: (*found[name], *around)}, inherited=True)
        elif mode == "off" and name not in said and around:
            values.store(AnswerSettings, {name: ()}, inherited=True)
