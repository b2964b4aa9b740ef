"""``auth_basic`` as a client meets it."""

from __future__ import annotations

import os
from base64 import b64encode
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.access import auth
from tests.proxy.conversation import World, get, head


def basic(user: str, password: str) -> str:
    return f"Authorization: Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


class Basic(SynchronousTestCase):
    """A location with a password."""

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        with open(self.path, "w") as file:
            file.write("ann:{PLAIN}secret\nbad:nonsense\nsha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
        self.said: list[tuple[str, str]] = []
        self.patch(auth, "complain", lambda *line: self.said.append(line))

    def world(self, more: str = "", path: str = "") -> World:
        text = f'auth_basic "for $host"; auth_basic_user_file {path or self.path}; {more}'
        return World(f"server {{ location / {{ echo hello $remote_user; {text} }} }}")

    def answer(self, world: World, *fields: str) -> tuple[int, dict[str, str], bytes]:
        return head(world.ask(get("/", "one", *fields)))

    def test_asked(self) -> None:
        """Without credentials, or with others than Basic ones, the client is told the realm."""
        for fields in (
            (),
            ("Authorization: Bearer x",),
            ("Authorization: Basic !",),
            ("Authorization: Basic YQ==",),
        ):
            status, found, _ = self.answer(self.world(), *fields)
            self.assertEqual((status, found["www-authenticate"]), (401, 'Basic realm="for one"'), fields)

    def test_right(self) -> None:
        """The right password lets the request in, and ``$remote_user`` is the name."""
        status, fields, body = self.answer(self.world(), basic("ann", "secret"))
        self.assertEqual((status, body), (200, b"hello ann\n"))
        self.assertNotIn("www-authenticate", fields)

    def test_wrong(self) -> None:
        """A wrong password and an unknown name are 401, told apart in the log alone."""
        self.assertEqual(self.answer(self.world(), basic("ann", "x"))[0], 401)
        self.assertEqual(self.answer(self.world(), basic("eve", "x"))[0], 401)
        self.assertIn('user "ann": password mismatch', self.said[0][1])
        self.assertIn('user "eve" was not found in', self.said[1][1])

    def test_file_of_variable(self) -> None:
        """A file that a variable names stands beside the configuration as well, unless its path is absolute."""
        world = self.world(path="$arg_f")  # World's configuration stands in the root folder
        for file, status in ((self.path, 200), (self.path[1:], 200), ("none", 403)):
            asked = get(f"/?f={file}", "one", basic("ann", "secret"))
            self.assertEqual(head(world.ask(asked))[0], status, file)

    def test_odd_hash(self) -> None:
        """A hash of no known kind is nobody's password, and the log says why."""
        self.assertEqual(self.answer(self.world(), basic("bad", "x"))[0], 401)
        self.assertIn('user "bad": the hash in ', self.said[0][1])

    def test_files(self) -> None:
        """A missing file is 403, one that cannot be read 500, as nginx has it."""
        self.assertEqual(self.answer(self.world(path="/nowhere/at/all"), basic("ann", "secret"))[0], 403)
        self.assertEqual(
            self.answer(self.world(path=os.path.dirname(self.path)), basic("ann", "secret"))[0], 500
        )
        self.assertIn('open() "/nowhere/at/all" failed (2: No such file or directory)', self.said[0][1])

    def test_off(self) -> None:
        """A realm that renders to ``off`` asks nobody."""
        text = f"location / {{ echo hello; auth_basic $arg_r; auth_basic_user_file {self.path}; }}"
        world = World(f"server {{ {text} }}")
        self.assertEqual(head(world.ask(get("/?r=off")))[0], 200)
        self.assertEqual(head(world.ask(get("/?r=x")))[0], 401)

    def test_delay(self) -> None:
        """``auth_delay`` holds a 401 back, and nothing else."""
        world = self.world("auth_delay 2s;")
        client = world.client()
        client.say(get())
        self.assertEqual(client.read(), b"")
        world.pass_time(3)
        self.assertEqual(head(client.read())[0], 401)
        self.assertEqual(self.answer(world, basic("ann", "secret"))[0], 200)


class OnAThread(Basic):
    """The same while a thread takes its time."""

    def setUp(self) -> None:
        super().setUp()
        self.waiting: list[tuple[Any, Deferred[Any]]] = []

    def later(self, call: Any) -> Deferred[Any]:
        made: Deferred[Any] = Deferred()
        self.waiting.append((call, made))
        return made

    def go_on(self) -> None:
        while self.waiting:
            call, made = self.waiting.pop()
            try:
                made.callback(call())
            except OSError:
                made.errback()

    def slow(self) -> World:
        """A world whose threads wait for the test."""
        from dyups.proxy.plane import DataPlane

        slow, original = self.later, DataPlane.__init__

        def patched(plane: DataPlane, *args: Any, **options: Any) -> None:
            original(plane, *args, **options)
            plane.in_thread = slow

        self.patch(DataPlane, "__init__", patched)
        return self.world()

    def test_waits(self) -> None:
        """The request waits, its body with it, and is answered once the thread has an answer."""
        world = self.slow()
        client = world.client()
        client.say(get("/", "one", basic("sha", "secret")))
        self.assertEqual(client.read(), b"")
        self.go_on()
        self.assertEqual(head(client.read())[2], b"hello sha\n")

    def test_left(self) -> None:
        """A client that leaves meanwhile is not answered, and nothing breaks."""
        world = self.slow()
        client = world.client()
        client.say(get("/", "one", basic("sha", "wrong")))
        client.hang_up()
        self.go_on()
        self.assertEqual(client.got, b"")
        self.assertEqual(self.said, [])
