"""``stub_status`` and ``dyups_status``: what all workers have counted, added up.

Resources for the data plane to mount.  What one process has counted is ``proxy.tallies``'; how those of the others come
here is the wiring's business.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from dyups._version import VERSION
from dyups.upstream.tally import BOUNDS

#: Fires with the facts of every worker (:func:`dyups.proxy.tallies.facts`).
Everyone = Callable[[], "Deferred[list[dict[str, Any]]]"]
#: The state of every server, by upstream and address (:func:`dyups.proxy.tallies.states`).
States = Callable[[], dict[str, dict[str, str]]]

_READING = (b"GET", b"HEAD")


def added(facts: Sequence[Any]) -> Any:
    """Facts of the same form as one: numbers are added, by name and by place; the first of anything else stays."""
    first = facts[0]
    if isinstance(first, dict):
        names = dict.fromkeys(name for each in facts for name in each)
        return {name: added([each[name] for each in facts if name in each]) for name in names}
    if isinstance(first, list):
        return [added(cells) for cells in zip(*facts, strict=True)]
    return sum(facts) if isinstance(first, int | float) else first


def stub_text(facts: Sequence[dict[str, Any]]) -> str:
    """nginx's text (``ngx_http_stub_status_handler``)."""
    total = added(facts)
    found = total["connections"]
    return (
        f"Active connections: {found['active']} \n"
        "server accepts handled requests\n"
        f" {found['accepted']} {found['handled']} {total['requests']} \n"
        f"Reading: {found['reading']} Writing: {found['writing']} Waiting: {found['waiting']} \n"
    )


def status_text(facts: Sequence[dict[str, Any]], states: dict[str, dict[str, str]]) -> str:
    """Everything as JSON: every server of every upstream, whether it was asked or not."""
    total = added(facts)
    counted = total["upstreams"]
    upstreams = {
        name: {
            "servers": [
                {"address": address, "state": state, **_server(counted.get(name, {}).get(address, {}))}
                for address, state in servers.items()
            ]
        }
        for name, servers in states.items()
    }
    page = {
        "version": VERSION,
        "workers": len(facts),
        "connections": total["connections"],
        "requests": total["requests"],
        "upstreams": upstreams,
    }
    return json.dumps(page, ensure_ascii=False, indent=2) + "\n"


def _server(counted: dict[str, Any]) -> dict[str, Any]:
    latency = counted.get("latency", {"cells": [0] * (len(BOUNDS) + 1), "seconds": 0.0})
    names = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
    return {
        "requests": counted.get("requests", 0),
        "failures": counted.get("failures", 0),
        "active": counted.get("active", 0),
        "responses": counted.get("responses", {f"{number}xx": 0 for number in range(1, 6)}),
        "latency": {
            "seconds": round(latency["seconds"], 6),
            "answers": sum(latency["cells"]),
            "within": dict(zip(names, _running(latency["cells"]), strict=True)),
        },
    }


def _running(cells: Sequence[int]) -> list[int]:
    """How many took no longer than each bound."""
    total, found = 0, []
    for cell in cells:
        total += cell
        found.append(total)
    return found


class TotalsPage(Resource):
    """A page about what all workers have counted."""

    isLeaf = True

    def __init__(
        self, everyone: Everyone, text: Callable[[list[dict[str, Any]]], str], media_type: str
    ) -> None:
        Resource.__init__(self)
        self._everyone = everyone
        self._text = text
        self._type = media_type

    def render(self, request: Any) -> Any:
        """Ask everybody, then answer; a client that leaves is not waited for."""
        if request.method not in _READING:
            request.setResponseCode(405)
            request.setHeader("Allow", "GET, HEAD")
            return b""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def answer(facts: list[dict[str, Any]]) -> None:
            if not gone:
                body = self._text(facts).encode()
                request.setHeader("Content-Type", self._type)
                request.setHeader("Cache-Control", "no-store")
                request.setHeader("Content-Length", str(len(body)))
                request.write(body)
                request.finish()

        def failed(failure: Failure) -> None:
            if not gone:
                request.setResponseCode(500)
                request.finish()

        self._everyone().addCallback(answer).addErrback(failed)
        return NOT_DONE_YET


def stub_status(everyone: Everyone) -> TotalsPage:
    """The page of ``stub_status``."""
    return TotalsPage(everyone, stub_text, "text/plain")


def dyups_status(everyone: Everyone, states: States) -> TotalsPage:
    """The page of ``dyups_status``."""
    return TotalsPage(everyone, lambda facts: status_text(facts, states()), "application/json")
