"""The ``dyups-ctl`` command: the admin interface from a shell.

Owns what is printed, and the exit statuses; the calls are ``rest``'s, the command line is ``arguments``'.  :func:`main`
is the console script, ``python -m dyups.client`` the same.  ``docs/dyups-ctl.rst`` is the contract.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from enum import IntEnum
from typing import Any, TextIO

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from dyups.client.arguments import parser
from dyups.client.place import place_of
from dyups.client.rest import Client
from dyups.client.tables import changes_text, detail_table, workers_table
from dyups.errors import ChangeError, DyupsError, LockHeld, LostRace, UnknownUpstream, Unreachable

#: The answers that ask for mending: a bad command, no right to ask, too long a text.
_REFUSALS = {400, 401, 403, 413}
Write = Callable[[str], object]
Call = Callable[[Client, argparse.Namespace, Write], Coroutine[Any, Any, None]]


class Status(IntEnum):
    """The exit statuses."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    UNREACHABLE = 5
    FAILED = 6
    INTERRUPTED = 130


# -- the commands ------------------------------------------------------------------------------------------------


async def list_names(client: Client, options: argparse.Namespace, write: Write) -> None:
    """``list``."""
    names = await client.list()
    write(as_json(names) if options.json else "".join(f"{name}\n" for name in names))


async def detail(client: Client, options: argparse.Namespace, write: Write) -> None:
    """``detail``."""
    facts = await client.detail()
    write(as_json(facts) if options.json else detail_table(facts))


async def show(client: Client, options: argparse.Namespace, write: Write) -> None:
    """``show``."""
    if options.json:
        write(as_json(await client.facts(options.name)))
    else:
        write((await client.show(options.name)).commands)


async def change(client: Client, options: argparse.Namespace, write: Write) -> None:
    """``set``, ``patch`` and ``delete``."""
    body = options.body
    conditions = {"if_match": options.if_match, "create": options.create}
    if options.dry_run and options.json:
        write(as_json(await client.preview(options.method, options.name, body, **conditions)))
    elif options.dry_run:
        write(await client.preview_text(options.method, options.name, body, **conditions))
    else:
        await client.change(options.method, options.name, body, **conditions)
        write(as_json({"name": options.name, "message": "success"}) if options.json else "success\n")


async def workers(client: Client, options: argparse.Namespace, write: Write) -> None:
    """``workers``."""
    facts = await client.workers()
    write(as_json(facts) if options.json else workers_table(facts))


async def watch(client: Client, options: argparse.Namespace, write: Write) -> None:
    """``watch``: it ends with an error where nobody answers; call it again then."""
    seen = 0
    async for changes in client.watch(options.interval):
        if options.json:
            write("".join(json.dumps(change._asdict(), ensure_ascii=False) + "\n" for change in changes))
        else:
            write(changes_text(changes))
        seen += 1
        if seen == options.count:
            return


def as_json(facts: Any) -> str:
    """``facts`` for a program, and for people too."""
    return json.dumps(facts, ensure_ascii=False, indent=2) + "\n"


# -- around them -------------------------------------------------------------------------------------------------


CALLS: dict[str, Call] = {
    "list": list_names,
    "detail": detail,
    "show": show,
    "set": change,
    "patch": change,
    "delete": change,
    "workers": workers,
    "watch": watch,
}


def status_of(error: Exception) -> Status:
    """The exit status that tells of an error."""
    if isinstance(error, UnknownUpstream):
        return Status.NOT_FOUND
    if isinstance(error, LockHeld | LostRace):
        return Status.CONFLICT
    if isinstance(error, Unreachable):
        return Status.UNREACHABLE
    refused = isinstance(error, ChangeError) and error.status in _REFUSALS
    return Status.REFUSED if refused else Status.FAILED


async def execute(client: Client, options: argparse.Namespace, write: Write, complain: Write) -> Status:
    """Do what the options say; ``complain`` is told why not."""
    try:
        await options.call(client, options, write)
    except DyupsError as error:
        reason = error.reason if isinstance(error, ChangeError) else str(error)
        complain(f"dyups-ctl: {reason.strip()}\n")
        return status_of(error)
    except BrokenPipeError:  # who reads what we print has read enough: "| head"
        return Status.DONE
    finally:
        await client.close()
    return Status.DONE


def read_options(argv: Sequence[str] | None, stdin: TextIO) -> argparse.Namespace:
    """The options, with ``body`` read from wherever it is.  Ends the process where they are wrong."""
    made = parser(CALLS)
    options = made.parse_args(argv)
    try:
        place_of(options.url)
        options.body = read_text(options.text, stdin) if "text" in options else None
    except ValueError as error:
        made.error(str(error))
    except OSError as error:
        made.error(f"{error.filename}: {error.strerror}")
    return options


def read_text(text: str, stdin: TextIO) -> str:
    """``text`` itself, what the file behind ``@`` holds, or standard input for ``-``.  Raises OSError, ValueError."""
    if text == "-":
        return stdin.read()
    if text.startswith("@"):
        with open(text[1:], encoding="utf-8") as file:
            return file.read()
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv`` (without its own name); the exit status."""
    options = read_options(argv, sys.stdin)
    found: list[Status] = []

    def run(reactor: Any) -> Deferred[None]:
        wait = not getattr(options, "no_wait", False)
        client = Client(options.url, timeout=options.timeout, wait=wait, reactor=reactor)
        done = Deferred.fromCoroutine(execute(client, options, _print, sys.stderr.write))
        return done.addCallback(found.append)

    with suppress(SystemExit):  # react ends the process by itself; it does not know our statuses
        react(run)
    return found[0] if found else Status.INTERRUPTED


def _print(text: str) -> None:
    """At once: who reads a pipe waits for each change.  Raises BrokenPipeError where nobody reads any more."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at the end of the process, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
