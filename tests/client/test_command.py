"""Tests of dyups.client.command: the commands against the interface in memory."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dyups.client import command
from dyups.client.arguments import parser
from dyups.client.command import CALLS, Status, execute, main, read_options, read_text, status_of
from dyups.errors import (
    ChangeFailed,
    CommandRefused,
    LockHeld,
    LostRace,
    UnexpectedAnswer,
    UnknownUpstream,
    Unreachable,
)
from tests.client.service import Service

ONE = "server 127.0.0.1:1;"


class CommandsTests(SynchronousTestCase):
    """What each command prints, and its status."""

    def setUp(self) -> None:
        self.service = Service(self, trylock=True, wait=False)

    def run_command(self, *arguments: str) -> tuple[int, str, str]:
        return self.service.run(*arguments)

    def assertRun(self, *arguments: str, prints: str = "", status: int = 0, complains: str = "") -> None:
        self.assertEqual(self.run_command(*arguments), (status, prints, complains), arguments)

    def json(self, *arguments: str) -> Any:
        status, printed, complaints = self.run_command("--json", *arguments)
        self.assertEqual((status, complaints), (0, ""))
        return json.loads(printed)

    def test_session(self) -> None:
        """What somebody does who tries it out."""
        self.assertRun("list")
        self.assertRun("set", "shop", ONE, prints="success\n")
        self.assertRun("list", prints="shop\n")
        self.assertRun("show", "shop", prints=f"{ONE}\n")
        self.assertRun("patch", "shop", "add server 127.0.0.1:2;", prints="success\n")
        self.assertRun("show", "shop", prints=f"{ONE}\nserver 127.0.0.1:2;\n")
        self.assertIn("127.0.0.1:2  up", self.run_command("detail")[1])
        self.assertIn("accepting", self.run_command("workers")[1])
        self.assertRun("delete", "shop", prints="success\n")
        self.assertRun("list")

    def test_json(self) -> None:
        """With ``--json`` every command prints JSON."""
        self.assertEqual(self.json("set", "shop", ONE), {"name": "shop", "message": "success"})
        self.assertEqual(self.json("list"), ["shop"])
        self.assertEqual(self.json("show", "shop")["servers"][0]["command"], ONE)
        self.assertEqual(self.json("detail")["sequence"], 1)
        self.assertEqual(self.json("workers")[0]["sequence"], 1)
        self.assertEqual(self.json("delete", "shop", "--dry-run")["action"], "delete")

    def test_dry_run(self) -> None:
        """Told, and not done."""
        self.assertRun("set", "x", ONE, "--dry-run", prints="would create upstream x\n+ server 127.0.0.1:1\n")
        self.assertRun("list")

    def test_refused(self) -> None:
        """Each kind of refusal has its status; the reason goes to standard error."""
        self.run_command("set", "x", ONE)
        self.assertRun(
            "set",
            "x",
            "bogus;",
            status=1,
            complains='dyups-ctl: add server failed: unknown directive "bogus" in line 1\n',
        )
        for name in ("show", "delete"):
            self.assertRun(name, "y", status=3, complains="dyups-ctl: not found upstream\n")
        self.assertRun(
            "set",
            "x",
            ONE,
            "--create",
            status=4,
            complains="dyups-ctl: If-None-Match: the upstream is there\n",
        )
        self.successResultOf(self.service.interface.lock.acquire())
        self.assertRun("delete", "x", "--no-wait", status=4, complains="dyups-ctl: wait and try again\n")

    def test_if_match(self) -> None:
        """The tag is that of ``--json show``."""
        self.run_command("set", "x", ONE)
        tag = self.json("show", "x")["etag"]
        self.assertRun("set", "x", "server 127.0.0.1:2;", "--if-match", tag, prints="success\n")
        self.assertEqual(self.run_command("delete", "x", "--if-match", tag)[0], 4)

    def test_watch(self) -> None:
        """Changes as they are seen, until there were enough of them."""
        for json_wanted in ((), ("--json",)):
            options = parser(CALLS).parse_args([*json_wanted, "watch", "--count", "2", "--interval", "3"])
            printed: list[str] = []
            running = Deferred.fromCoroutine(execute(self.service.client, options, printed.append, self.fail))
            for body in (ONE, "server 127.0.0.1:2;"):
                self.assertNoResult(running)
                self.service.interface.fill(new=body)
                self.service.clock.advance(3.0)
            self.assertEqual(self.successResultOf(running), Status.DONE)
            if json_wanted:
                kinds = [json.loads(line)["kind"] for line in "".join(printed).splitlines()]
                self.assertEqual(kinds, ["created", "changed"])
            else:
                self.assertEqual(printed[0], f"[1] created new\n    + {ONE}\n")
            self.service.interface.ask("DELETE", "/upstream/new")

    def test_read_enough(self) -> None:
        """Who reads only the beginning of what is printed has it, and nothing has failed."""

        def broken(text: str) -> None:
            raise BrokenPipeError

        options = parser(CALLS).parse_args(["detail"])
        running = Deferred.fromCoroutine(execute(self.service.client, options, broken, self.fail))
        self.assertEqual(self.successResultOf(running), Status.DONE)

    def test_statuses(self) -> None:
        """Every error has its status, as documented."""
        table = {
            CommandRefused("x"): 1,
            UnexpectedAnswer(403, "x"): 1,
            UnknownUpstream("x"): 3,
            LockHeld(): 4,
            LostRace("x"): 4,
            Unreachable("x"): 5,
            ChangeFailed("x"): 6,
            UnexpectedAnswer(502, "x"): 6,
            UnexpectedAnswer(404, "no interface"): 6,
            UnexpectedAnswer(200, "no interface"): 6,
        }
        self.assertEqual({error: status_of(error) for error in table}, table)


class TextsTests(SynchronousTestCase):
    """Where bodies come from."""

    def test_sources(self) -> None:
        """The argument, standard input, a file."""
        path = Path(self.mktemp())
        path.write_text("server ü;", encoding="utf-8")
        stdin = io.StringIO("server b;")
        found = [read_text(text, stdin) for text in ("server a;", "-", f"@{path}", "")]
        self.assertEqual(found, ["server a;", "server b;", "server ü;", ""])

    def test_mistakes(self) -> None:
        """A file that is not there, one that is no text, and a URL that is none end the command with status 2."""
        path = Path(self.mktemp())
        path.write_bytes(b"\xff")
        for argv in (["set", "x", "@/no/such/file"], ["set", "x", f"@{path}"], ["--url", "x", "list"]):
            with contextlib.redirect_stderr(io.StringIO()):
                ended = self.assertRaises(SystemExit, read_options, argv, io.StringIO())
            self.assertEqual(ended.code, 2)

    def test_read(self) -> None:
        """The options hold the body, and none where the command takes none."""
        self.assertEqual(read_options(["patch", "x", "-"], io.StringIO("y")).body, "y")
        self.assertIsNone(read_options(["delete", "x"], io.StringIO("y")).body)


class MainTests(SynchronousTestCase):
    """The console script around it; the reactor is Twisted's business."""

    def main(self, react: Any, *argv: str) -> int:
        self.patch(command, "react", react)
        return main(argv)

    def test_status(self) -> None:
        """The status is that of the command, whatever ``react`` ends with."""

        async def nothing(*arguments: Any) -> Status:
            return Status.NOT_FOUND

        def react(run: Any) -> None:
            self.successResultOf(run(None))
            raise SystemExit(0)

        self.patch(command, "execute", nothing)
        self.patch(command, "Client", lambda *arguments, **options: None)
        self.assertEqual(self.main(react, "show", "x"), 3)

    def test_interrupted(self) -> None:
        """A command that was interrupted has not been done."""

        def react(run: Any) -> None:
            raise SystemExit(0)

        self.assertEqual(self.main(react, "delete", "x"), 130)
