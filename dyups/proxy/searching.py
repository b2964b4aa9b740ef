"""Searches of regular expressions that may take too long, where a request goes on all the same.

The rewrite phase and the choice of a location end such a request (``rewrite.verdicts``, ``route``); where an answer is
already there, it stays as it is.  Called by what changes answers (``filters``).
"""

from __future__ import annotations

from dyups.config.matching import Match, Regex
from dyups.errors import RegexFailed
from dyups.proxy.exchange import Exchange
from dyups.proxy.plane import complain


def searched(exchange: Exchange, regex: Regex, value: bytes) -> Match | None:
    """What ``regex`` finds in ``value``; nothing, and a line in the error log, where that takes too long to say."""
    try:
        return regex.search(value)
    except RegexFailed as failure:
        report(exchange, failure)
        return None


def report(exchange: Exchange, failure: RegexFailed) -> None:
    """Tell the error log, as ``ngx_http_regex_exec`` does."""
    complain("alert", exchange.client.context(str(failure)))
