"""Browsers of old that connections are not kept for (``keepalive_disable``, ``ngx_http_process_user_agent``).

``answering`` asks before it keeps a connection: of requests that may come of such a browser alone.
"""

from __future__ import annotations

from typing import Final

from dyups.http1.request import RequestHead

#: Of ``Route.browsers``: which of them the location minds.
MSIE6: Final = 1
SAFARI: Final = 2

_BITS = {"msie6": MSIE6, "safari": SAFARI}


def browsers_of(names: frozenset[str]) -> int:
    """The bits of the words of ``keepalive_disable``."""
    return sum(_BITS[name] for name in names)


def is_minded(head: RequestHead, browsers: int) -> bool:
    """Did one of ``browsers`` send the request, and one that is not to be kept: MSIE 6 minds only a POST."""
    agent = head.value(b"user-agent")
    if b"Opera" in agent:
        return False
    place = agent.find(b"MSIE ")
    if place >= 0 and place + 7 < len(agent):
        return bool(browsers & MSIE6) and head.method == b"POST" and _is_msie6(agent[place + 5 :])
    if not browsers & SAFARI or b"Gecko/" in agent or b"Chrome/" in agent:
        return False
    return b"Safari/" in agent and b"Mac OS X" in agent


def _is_msie6(version: bytes) -> bool:
    """``6.0`` and those before, but for the one with the second service pack (``SV1``)."""
    return version[1:2] == b"." and (
        version[:1] in (b"4", b"5") or (version[:1] == b"6" and b"SV1" not in version[3:])
    )
