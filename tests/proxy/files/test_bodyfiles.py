"""Requests' bodies in files."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.bodies import TempPath
from dyups.proxy.files import bodyfiles
from dyups.proxy.files.bodyfiles import MOST_WAITING, PIECE, make_file
from tests.proxy.conversation import Wire, World, complaints, get, head, unrest

LONG = bytes(range(256)) * 1000


def post(body: bytes, size: int = -1) -> bytes:
    """A request with the beginning of a body of that size."""
    length = len(body) if size < 0 else size
    return get("/", "x", f"Content-Length: {length}", method="POST") + body


class BodyFileTests(SynchronousTestCase):
    """``client_body_in_file_only``."""

    def setUp(self) -> None:
        self.folder = Path(os.path.abspath(self.mktemp()))

    def world(self, mode: str = "on", more: str = "") -> World:
        return World(
            "upstream one { server 127.0.0.1:9001; } server { listen 8080; client_max_body_size 10m;"
            f"client_body_in_file_only {mode}; client_body_temp_path {self.folder};"
            f"location / {{ proxy_pass http://one; proxy_set_header X-File $request_body_file; {more} }}"
            "location /echo { return 200 [$request_body_file]; } }"
        )

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def settle(self, world: World, *servers: Wire) -> bytes:
        """Let time pass until nothing moves; what the servers have read."""
        got = b""
        for _ in range(400):
            world.clock.advance(0.02)
            got += b"".join(server.read() for server in servers or world.servers)
        return got

    def test_short(self) -> None:
        """The server is asked when the body is in its file as a whole, which is told by name, and gets it as well."""
        world = self.world()
        client = world.client()
        client.say(post(b"ab", 4))
        self.assertEqual(world.servers, [])
        client.say(b"cd")
        (path,) = self.files()
        self.assertEqual(path.read_bytes(), b"abcd")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        asked = world.servers[0].got
        self.assertIn(b"X-File: %b\r\n" % os.fsencode(path), asked)
        self.assertTrue(asked.endswith(b"\r\n\r\nabcd"))
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(head(client.read())[0], 200)
        self.assertEqual((self.files(), unrest(world)), ([path], []))

    def test_long(self) -> None:
        """A long body comes from the file, in order, and no further than the server takes it."""
        world = self.world()
        world.accept = False
        client = world.client()
        client.say(post(LONG[:1000], len(LONG)))
        client.say(LONG[1000:])
        server = world.dialled[0].accept(high=3 * PIECE // 2)
        assert server is not None
        for _ in range(20):
            world.clock.advance(0.02)
        self.assertLess(len(server.got), 4 * PIECE)
        body = self.settle(world, server).partition(b"\r\n\r\n")[2]
        self.assertEqual(body, LONG)
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(head(client.read())[0], 200)
        self.assertEqual(unrest(world), [])

    def test_much_behind_it(self) -> None:
        """Requests that follow, more than are taken in ahead, do not keep the body from the server."""
        world = self.world()
        client = world.client(high=1 << 20)
        client.say(post(LONG))
        for _ in range(30):
            client.say(get("/echo", "x", "X: " + "x" * 3000))
        body = self.settle(world).partition(b"\r\n\r\n")[2]
        self.assertEqual(body, LONG)
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(client.read().count(b"HTTP/1.1 200 OK"), 31)

    def test_sent_elsewhere_meanwhile(self) -> None:
        """A request that goes elsewhere without its body has none: no byte of it may pass for another request."""
        for way in ("HTTP/1.1 500 X\r\n", "HTTP/1.1 200 OK\r\nX-Accel-Redirect: @two\r\n"):
            world = World(
                "upstream one { server 127.0.0.1:9001; } upstream two { server 127.0.0.1:9002; }"
                "server { listen 8080; client_max_body_size 10m; proxy_intercept_errors on;"
                f"client_body_in_file_only clean; client_body_temp_path {self.folder};"
                "location / { proxy_pass http://one; error_page 500 =200 @two; }"
                "location @two { proxy_pass http://two; } }"
            )
            client = world.client()
            client.say(post(LONG))
            world.clock.advance(0.02)
            self.assertLess(len(world.servers[0].got), len(LONG))
            world.servers[0].say(way.encode() + b"Content-Length: 0\r\n\r\n")
            asked = self.settle(world, world.servers[1])
            self.assertEqual(asked.partition(b"\r\n\r\n")[2], b"")
            world.servers[1].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            self.assertEqual(head(client.read())[0], 200)
            self.assertEqual((unrest(world), self.files()), ([], []))

    def test_chunked(self) -> None:
        """A chunked body is in the file without its chunks, and is passed on in chunks."""
        world = self.world()
        client = world.client()
        client.say(get("/", "x", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n")
        client.say(b"2\r\nde\r\n0\r\n\r\n")
        self.assertEqual(self.files()[0].read_bytes(), b"abcde")
        self.assertTrue(world.servers[0].got.endswith(b"5\r\nabcde\r\n0\r\n\r\n"))

    def test_name_alone(self) -> None:
        """The server may be told the name alone."""
        world = self.world("on", "proxy_pass_request_body off;")
        world.client().say(post(LONG))
        self.assertTrue(self.settle(world).endswith(b"\r\n\r\n"))
        self.assertEqual(self.files()[0].read_bytes(), LONG)

    def test_clean(self) -> None:
        """With ``clean`` the file is there while the request is, whatever becomes of it."""
        for end in ("answer", "leave"):
            world = self.world("clean")
            client = world.client()
            client.say(post(b"ab"))
            self.assertEqual(len(self.files()), 1)
            if end == "answer":
                world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            else:
                client.hang_up()
            self.assertEqual((self.files(), unrest(world)), ([], []))

    def test_moved_away(self) -> None:
        """A server that has taken the file away troubles nobody."""
        world = self.world("clean")
        client = world.client()
        client.say(post(b"ab"))
        self.files()[0].unlink()
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual((head(client.read())[0], unrest(world)), (200, []))

    def test_nothing_to_write(self) -> None:
        """A request without a body has no file, nor has one that nobody passes on, nor any where it is off."""
        world = self.world()
        world.client().say(get("/"))
        self.assertNotIn(b"X-File", world.servers[0].got)
        self.assertTrue(world.ask(post(b"ab").replace(b"POST / ", b"POST /echo ")).endswith(b"[]"))
        world = self.world("off")
        world.client().say(post(b"ab"))
        self.assertEqual((len(world.servers), self.files()), (1, []))

    def test_client_leaves(self) -> None:
        """A client that leaves before its body is whole leaves nothing open."""
        for mode, left in (("clean", 0), ("on", 1)):
            world = self.world(mode)
            before = len(os.listdir("/proc/self/fd"))
            client = world.client()
            client.say(post(b"ab", 100))
            client.hang_up()
            self.assertEqual((len(self.files()), world.servers, unrest(world)), (left, [], []))
            self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_server_leaves(self) -> None:
        """A server that fails in the midst of a long body ends the feeding."""
        world = self.world()
        client = world.client()
        client.say(post(LONG))
        world.clock.advance(0.02)
        world.servers[0].hang_up()
        self.settle(world)
        self.assertEqual(head(client.read())[0], 502)
        self.assertEqual(unrest(world), [])

    def test_slow_disk(self) -> None:
        """While a thread writes, the client waits once much has come; the descriptor is open as long as it does."""
        world = self.world()
        waiting: list[Deferred[None]] = []

        def slow(call: object) -> Deferred[None]:
            waiting.append(Deferred())
            return waiting[-1]

        world.plane.in_thread = slow  # type: ignore[assignment]
        client = world.client()
        client.say(post(b"a" * 10, 9 << 20))
        client.say(b"b" * (MOST_WAITING + 1))
        self.assertFalse(client.reading)
        waiting[0].callback(None)
        self.assertTrue(client.reading)
        before = len(os.listdir("/proc/self/fd"))
        client.hang_up()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)
        waiting[1].callback(None)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before - 1)

    def test_full_disk(self) -> None:
        """A body that cannot be written ends with 500, and the error log says why."""
        lines = complaints(self)
        with mock.patch("os.write", side_effect=OSError(28, "No space left on device")):
            client = self.world("clean").client()
            client.say(post(b"ab"))
        self.assertEqual(head(client.read())[0], 500)
        self.assertEqual(lines[0][0], "crit")
        self.assertIn("28: No space left on device", lines[0][1])

    def test_no_folder(self) -> None:
        """So does one for which no file can be made."""
        self.folder.write_text("in the way")
        lines = complaints(self)
        client = self.world().client()
        client.say(post(b"ab"))
        self.assertEqual(head(client.read())[0], 500)
        self.assertEqual([level for level, _ in lines], ["crit"])
        client.say(get("/echo"))
        self.assertEqual(unrest(self.world()), [])

    def test_refused(self) -> None:
        """Nothing is written of a request that may not ask."""
        world = self.world("on", "deny all;")
        client = world.client()
        client.say(post(b"ab"))
        self.assertEqual((head(client.read())[0], self.folder.exists()), (403, False))


class NameTests(SynchronousTestCase):
    """Where the files are."""

    def test_taken(self) -> None:
        """A number that is taken is passed over."""
        path = TempPath(self.mktemp(), (1, 2))
        self.patch(bodyfiles, "_numbers", iter([7, 7, 18]))
        names = []
        for _ in range(2):
            descriptor, name = make_file(path)
            os.close(descriptor)
            names.append(os.path.relpath(name, path.folder))
        self.assertEqual(names, ["7/00/0000000007", "8/01/0000000018"])
