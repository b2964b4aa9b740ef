"""``check_status``: the state of every checked server, as a page, a table or facts, in Tengine's forms.

The arguments of the request are Tengine's: ``format=`` one of ``config.checks.FORMS``, ``status=`` ``up`` or
``down``.  What is shown comes from where the checks are made (``health.checker``), by way of ``report``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from dyups.admin.answers import JSON, TEXT, Answer, send
from dyups.config.checks import FORMS

#: Fires with ``generation``, a number, and ``servers``, the facts of each.
Report = Callable[[], "Deferred[Any]"]
Servers = Sequence[Mapping[str, Any]]

HTML = "text/html; charset=utf-8"
_FIELDS = ("index", "upstream", "name", "status", "rise", "fall", "type", "port")
_HEADINGS = ("Index", "Upstream", "Name", "Status", "Rise counts", "Fall counts", "Check type", "Check port")

_log = Logger()


class CheckStatus(Resource):
    """The page; ``form`` is what is shown where the request does not say."""

    isLeaf = True

    def __init__(self, report: Report, form: str = FORMS[0]) -> None:
        Resource.__init__(self)
        self._report = report
        self._form = form

    def render(self, request: IRequest) -> bytes | int:
        """Answer once the state is known."""
        if request.method not in (b"GET", b"HEAD"):
            return send(request, Answer(405, "only GET and HEAD", fields=(("Allow", "GET, HEAD"),)))
        arguments = request.args
        form = _argument(arguments, b"format")
        status = _argument(arguments, b"status").lower()
        left: list[object] = []
        cast(Any, request).notifyFinish().addErrback(left.append)

        def answer(found: Mapping[str, Any] | Failure) -> None:
            if left:
                return
            if isinstance(found, Failure):
                _log.failure("the state of the checks is not known", found)
                body = send(request, Answer(500, "internal error"))
            else:
                body = send(request, page(found, form if form in FORMS else self._form, status))
            request.write(b"" if request.method == b"HEAD" else body)
            request.finish()

        self._report().addBoth(answer)
        return NOT_DONE_YET


def check_status(report: Report, form: str = FORMS[0]) -> IResource:
    """The page as a resource."""
    return CheckStatus(report, form)


def nothing_checked() -> Deferred[Mapping[str, Any]]:
    """The report where nobody checks anything."""
    return succeed({"generation": 0, "servers": []})


def _argument(arguments: Mapping[bytes, Sequence[bytes]], name: bytes) -> str:
    return arguments.get(name, [b""])[0].decode("latin-1")


def page(report: Mapping[str, Any], form: str, status: str = "") -> Answer:
    """The answer in one of the forms; of all servers, or of those that are ``up`` or ``down``."""
    servers = report["servers"]
    if status in ("up", "down"):
        servers = [server for server in servers if server["status"] == status]
    generation = report["generation"]
    if form == "csv":
        return Answer(200, as_csv(servers))
    if form == "json":
        return Answer(200, as_json(servers, generation), JSON)
    if form == "prometheus":
        return Answer(200, as_prometheus(servers, generation), TEXT)
    return Answer(200, as_html(servers, generation), HTML)


def as_html(servers: Servers, generation: int) -> str:
    """A table for people; servers that are down are red."""
    headings = "".join(f"    <th>{heading}</th>\n" for heading in _HEADINGS)
    rows = "".join(
        f"  <tr{_colour(server)}>\n"
        + "".join(f"    <td>{escape(str(server[name]))}</td>\n" for name in _FIELDS)
        + "  </tr>\n"
        for server in servers
    )
    return (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN\n'
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml">\n'
        "<head>\n  <title>Nginx http upstream check status</title>\n</head>\n"
        "<body>\n<h1>Nginx http upstream check status</h1>\n"
        f"<h2>Check upstream server number: {len(servers)}, generation: {generation}</h2>\n"
        '<table style="background-color:white" cellspacing="0"        cellpadding="3" border="1">\n'
        f'  <tr bgcolor="#C0C0C0">\n{headings}  </tr>\n{rows}</table>\n</body>\n</html>\n'
    )


def _colour(server: Mapping[str, Any]) -> str:
    return ' bgcolor="#FF0000"' if server["status"] == "down" else ""


def as_csv(servers: Servers) -> str:
    """One line for each server."""
    return "".join(",".join(str(server[name]) for name in _FIELDS) + "\n" for server in servers)


def as_json(servers: Servers, generation: int) -> str:
    """JSON, laid out as Tengine does it, one line for each server."""
    down = _count_down(servers)
    lines = ",\n".join(f"    {json.dumps({name: server[name] for name in _FIELDS})}" for server in servers)
    return (
        f'{{"servers": {{\n  "total": {len(servers)},\n  "up": {len(servers) - down},\n  "down": {down},\n'
        f'  "generation": {generation},\n  "server": [\n{lines}{"" if not lines else chr(10)}  ]\n}}}}\n'
    )


def as_prometheus(servers: Servers, generation: int) -> str:
    """Prometheus' text format, with the names of Tengine's metrics."""
    down = _count_down(servers)
    with_status = [name for name in _FIELDS if name not in ("rise", "fall")]
    without_status = [name for name in with_status if name != "status"]
    return "".join(
        (
            *_metric("count_total", "gauge", "Nginx total number of servers", [("", len(servers))]),
            *_metric(
                "count_up", "gauge", "Nginx total number of servers that are UP", [("", len(servers) - down)]
            ),
            *_metric("count_down", "gauge", "Nginx total number of servers that are DOWN", [("", down)]),
            *_metric("count_generation", "gauge", "Nginx generation", [("", generation)]),
            *_metric(
                "server_rise",
                "counter",
                "Nginx rise counter",
                [(_labels(s, with_status), s["rise"]) for s in servers],
            ),
            *_metric(
                "server_fall",
                "counter",
                "Nginx fall counter",
                [(_labels(s, with_status), s["fall"]) for s in servers],
            ),
            *_metric(
                "server_active",
                "gauge",
                "Nginx active 1 for UP / 0 for DOWN",
                [(_labels(s, without_status), int(s["status"] == "up")) for s in servers],
            ),
        )
    )


def _metric(name: str, kind: str, text: str, samples: Iterable[tuple[str, int]]) -> Iterable[str]:
    full = f"nginx_upstream_{name}"
    yield f"# HELP {full} {text}\n# TYPE {full} {kind}\n"
    for labels, value in samples:
        yield f"{full}{labels} {value}\n"


def _labels(server: Mapping[str, Any], names: Iterable[str]) -> str:
    pairs = (f'{name}="{_escaped(str(server[name]))}"' for name in names)
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _count_down(servers: Servers) -> int:
    return sum(server["status"] == "down" for server in servers)
