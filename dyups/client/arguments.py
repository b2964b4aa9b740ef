"""The command line of ``dyups-ctl``: what may stand there, and what its help says.

``command`` hands in the calls, reads what comes out, and does it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from typing import Any

from dyups._version import VERSION
from dyups.client.place import DEFAULT_URL

Calls = Mapping[str, Callable[..., Any]]

EPILOG = """\
BODY and COMMANDS are a text, @FILE for what a file holds, or - for stdin.

examples:
  dyups-ctl list
  dyups-ctl set shop 'server 10.0.0.1:80; server 10.0.0.2:80 weight=2;'
  dyups-ctl set shop @shop.conf --dry-run
  dyups-ctl patch shop 'add server 10.0.0.3:80; drain server 10.0.0.1:80;'
  dyups-ctl show shop | dyups-ctl set shop-copy -
  dyups-ctl --url unix:/run/dyups.sock --json detail
  dyups-ctl watch --count 1 && echo something changed

exit status:
  0  done                           4  somebody was faster, or holds the lock
  1  refused: mend it, call again   5  no answer
  2  wrong arguments                6  the proxy failed
  3  no such upstream
"""


BODIES = """\
BODY holds what may stand in an upstream block of nginx:
  server ADDRESS [PARAMETERS];   and a balancing method, keepalive …
"""

PATCHES = """\
COMMANDS are all made, or none of them:
  add server ADDRESS [PARAMETERS];
  set server ADDRESS PARAMETERS;     the others stay; down=off takes a flag away
  drain server ADDRESS;
  remove server ADDRESS;
"""

#: Seconds that a call may take.
TIMEOUT = 10.0


def parser(calls: Calls) -> argparse.ArgumentParser:
    """What may stand on the command line; ``options.call`` is then that of the command."""
    made = argparse.ArgumentParser(
        prog="dyups-ctl",
        description="Look at the upstreams of a running dyups, and change them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.set_defaults(url=os.environ.get("DYUPS_URL") or DEFAULT_URL, json=False, timeout=TIMEOUT)
    made.add_argument("--version", action="version", version=f"dyups-ctl {VERSION}")
    _add_common(made)
    _add_commands(made.add_subparsers(title="commands", metavar="COMMAND", required=True), calls)
    return made


def _add_common(made: argparse.ArgumentParser) -> None:
    """What may stand before the command and behind it; the defaults are the whole parser's."""
    made.add_argument(
        "--url",
        default=argparse.SUPPRESS,
        help="the admin interface: http://HOST:PORT[/PREFIX] or unix:/PATH[:/PREFIX] "
        f"(default: $DYUPS_URL, or else {DEFAULT_URL})",
    )
    made.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    made.add_argument(
        "--timeout",
        type=seconds,
        default=argparse.SUPPRESS,
        metavar="SECONDS",
        help=f"the most that a call takes, waiting for the lock included (default: {TIMEOUT:g})",
    )


def _add_commands(commands: Any, calls: Calls) -> None:
    def add(name: str, text: str, more: str = "") -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        made.set_defaults(call=calls[name])
        _add_common(made)
        return made

    add("list", "print the names of all upstreams")
    add("detail", "print every server of every upstream, with its state")
    _add_name(add("show", "print the commands of an upstream, as set takes them"))
    _add_change(add("set", "create or replace an upstream", BODIES), "POST", "BODY").add_argument(
        "--create", action="store_true", help="only if there is none of that name"
    )
    _add_change(add("patch", "change single servers of an upstream", PATCHES), "PATCH", "COMMANDS")
    _add_change(add("delete", "delete an upstream"), "DELETE", "")
    add("workers", "print the workers, and which changes they route by")
    _add_watch(add("watch", "print changes as they are made, until interrupted"))


def _add_name(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="the upstream")


def _add_change(command: argparse.ArgumentParser, method: str, text: str) -> argparse.ArgumentParser:
    _add_name(command)
    if text:
        command.add_argument("text", metavar=text, help="a text, @FILE, or - for standard input")
    command.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    command.add_argument(
        "--if-match", default="", metavar="ETAG", help="only if the upstream still has this entity tag"
    )
    command.add_argument(
        "--no-wait", action="store_true", help="do not wait for a change that holds the lock"
    )
    command.set_defaults(method=method, create=False)
    return command


def _add_watch(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--interval", type=seconds, default=1.0, metavar="SECONDS", help="look so often (default: 1)"
    )
    command.add_argument(
        "--count", type=int, default=0, metavar="N", help="end when changes were seen N times"
    )


def seconds(text: str) -> float:
    """A positive number.  Raises ValueError."""
    value = float(text)
    if not 0 < value < 1e6:
        raise ValueError(text)
    return value
