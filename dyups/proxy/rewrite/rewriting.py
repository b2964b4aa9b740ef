"""``rewrite``, ``break``, ``if`` and ``limit_except``, ready to run (``ngx_http_rewrite_module``).

``steps`` makes them; ``conditions`` has what ``if`` asks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dyups.config.matching import Match
from dyups.config.routing import Condition, Piece, RewriteStep
from dyups.http1.fields import clean
from dyups.proxy import answers
from dyups.proxy.exchange import Exchange, capture
from dyups.proxy.plane import complain
from dyups.proxy.rewrite.conditions import Holds, note_match
from dyups.proxy.rewrite.verdicts import AGAIN, BREAK, DONE, NEXT, Runnable, run_steps

if TYPE_CHECKING:
    from dyups.proxy.route import Route

# NGX_ESCAPE_ARGS
_IN_ARGS = re.compile(rb'[\x00-\x20"#%&+;<>?\\^`{|}\x7f-\xff]')
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")
_QUESTION = re.compile(rb"\?|%3[Ff]").search


class Break:
    """``break``."""

    __slots__ = ()

    def run(self, exchange: Exchange) -> int:
        """End the phase."""
        return BREAK


class Rewrite:
    """``rewrite``."""

    __slots__ = ("_step",)

    def __init__(self, step: RewriteStep) -> None:
        self._step = step

    def run(self, exchange: Exchange) -> int:
        """Change the path, or redirect, where it matches."""
        step, uri = self._step, exchange.uri
        match = step.regex.search(uri)
        if step.log:
            note_match(exchange, step.source, uri, match is not None)
        if match is None:
            exchange.captures = None
            return NEXT
        capture(exchange, match)
        quoted = _is_quoted(exchange)
        if step.redirect:
            return self._redirect(exchange, match, quoted)
        path = _put_together(step.path, exchange, match, False)
        if step.args is None:
            args = exchange.args if step.keeps_args else b""
        else:
            args = _put_together(step.args, exchange, match, quoted)
            if step.keeps_args and exchange.args:
                args = b"%b&%b" % (args, exchange.args)
        return self._move(exchange, path, args)

    def _move(self, exchange: Exchange, path: bytes, args: bytes) -> int:
        step = self._step
        if step.log:
            shown, query = path.decode("latin-1"), args.decode("latin-1")
            complain("notice", exchange.client.context(f'rewritten data: "{shown}", args: "{query}"'))
        if not path:
            complain("error", exchange.client.context("the rewritten URI has a zero length"))
            answers.send_page(exchange.client, 500)
            return DONE
        exchange.move(path, args)
        exchange.redirects = exchange.redirects or 1  # a rewritten request is internal
        if step.breaks:
            exchange.place_lost = True
            return BREAK
        return AGAIN if step.last else NEXT

    def _redirect(self, exchange: Exchange, match: Match, quoted: bool) -> int:
        step = self._step
        target = _half_decoded(_put_together(step.path, exchange, match, quoted))
        if step.keeps_args and exchange.args:
            target = b"%b%b%b" % (target, b"?" if step.args is None else b"&", exchange.args)
        if step.log:
            complain("notice", exchange.client.context(f'rewritten redirect: "{target.decode("latin-1")}"'))
        answers.send_redirect(exchange.client, step.redirect, clean(target))
        return DONE


def _is_quoted(exchange: Exchange) -> bool:
    """Captures come from a path that was decoded, or has a ``+``: in arguments they have to be encoded."""
    path = exchange.head.target.partition(b"?")[0]
    return b"%" in path or b"+" in path


def _put_together(pieces: Sequence[Piece], exchange: Exchange, match: Match, escape: bool) -> bytes:
    parts = []
    for piece in pieces:
        if isinstance(piece, int):
            value = (match[piece] or b"") if piece <= match.re.groups else b""
            parts.append(_IN_ARGS.sub(_percent, value) if escape else value)
        else:
            parts.append(piece.render(exchange))
    return b"".join(parts)


def _percent(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


def _half_decoded(target: bytes) -> bytes:
    """What may stand in a Location as it is, up to the first ``?`` or what was one (``NGX_UNESCAPE_REDIRECT``)."""
    end = _QUESTION(target)
    if end is None:
        return _ESCAPED.sub(_plain, target)
    return _ESCAPED.sub(_plain, target[: end.start()]) + b"?" + target[end.end() :]


def _plain(match: re.Match[bytes]) -> bytes:
    value = int(match[1], 16)
    return bytes([value]) if 0x25 < value < 0x7F else match[0]


class If:
    """``if``: steps, and a location that takes the place of the one around it."""

    __slots__ = ("_holds", "_route", "_steps")

    def __init__(self, condition: Condition, steps: Sequence[Runnable], route: Route | None) -> None:
        self._holds = Holds(condition)
        self._steps = steps
        self._route = route

    def run(self, exchange: Exchange) -> int:
        """Where the condition holds, do what is inside."""
        if not self._holds.ask(exchange):
            return NEXT
        if self._route is not None:
            exchange.route = self._route
        return run_steps(exchange, self._steps)


class LimitExcept:
    """``limit_except``: another location for other methods, before anything else."""

    __slots__ = ("_methods", "_route")

    def __init__(self, methods: frozenset[bytes], route: Route) -> None:
        self._methods = methods
        self._route = route

    def run(self, exchange: Exchange) -> int:
        """Put the other location in place; none of the steps around it are its own."""
        if exchange.head.method in self._methods:
            return NEXT
        exchange.route = self._route
        return BREAK
