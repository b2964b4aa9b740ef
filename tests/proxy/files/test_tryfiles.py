"""``try_files``."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, head

POST = b"POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"


class TryFilesTests(SynchronousTestCase):
    """The first file that is there, or elsewhere."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        (self.folder / "sub").mkdir(parents=True)
        (self.folder / "a.txt").write_text("a")
        (self.folder / "sub" / "index.html").write_text("index")

    def world(self, text: str) -> World:
        """A server with these files."""
        return World(f"server {{ listen 8080; root {self.folder}; {text} }}")

    def answer(self, text: str, path: str) -> tuple[int, bytes]:
        """Status and body for ``path``."""
        status, _, body = head(self.world(text).ask(get(path)))
        return status, body

    def test_in_order(self) -> None:
        """Files and folders are looked for in order; a folder is no file."""
        text = "location / { try_files $uri $uri/ /a.txt =404; }"
        self.assertEqual(self.answer(text, "/a.txt"), (200, b"a"))
        self.assertEqual(self.answer(text, "/none"), (200, b"a"))
        self.assertEqual(self.answer(text, "/sub/"), (200, b"index"))
        self.assertEqual(self.answer("location / { try_files $uri /none =418; }", "/sub")[0], 418)

    def test_silence(self) -> None:
        """444 closes the connection without an answer."""
        world = self.world("error_page 444 /a.txt; location / { try_files /none =444; }")
        client = world.client()
        client.say(get("/x"))
        self.assertTrue(client.closed)
        self.assertEqual(client.read(), b"")

    def test_elsewhere(self) -> None:
        """The last argument is a path with arguments, a named location or a status."""
        show = 'location /show { internal; return 200 "$uri $args"; } location @n { return 200 named; }'
        for last, expected in (
            ("/show?u=$uri", (200, b"/show u=/none")),
            ("@n", (200, b"named")),
            ("=403", (403, None)),
        ):
            status, body = self.answer(f"location / {{ try_files $uri {last}; }} {show}", "/none?q")
            self.assertEqual((status, body if status == 200 else None), expected)

    def test_alias(self) -> None:
        """With an alias the location's part of the path is left away."""
        text = f"location /x/ {{ alias {self.folder}/; try_files $uri =404; }}"
        self.assertEqual(self.answer(text, "/x/a.txt"), (200, b"a"))
        self.assertEqual(self.answer(text, "/x/b.txt")[0], 404)

    def test_alias_of_an_expression(self) -> None:
        """The alias of a location with a regular expression is the whole path, but for what is tried behind it."""
        text = f"location ~ \\.txt$ {{ alias {self.folder}; try_files /sub$uri $uri =404; }}"
        self.assertEqual(self.answer(text, "/a.txt"), (200, b"a"))
        self.assertEqual(self.answer(text, "/b.txt")[0], 404)

    def test_alias_elsewhere(self) -> None:
        """What was found in one location says nothing of the alias of another."""
        text = (
            f"location ~ ^/a.txt$ {{ alias {self.folder}; try_files $uri =404; error_page 405 /other; }}"
            f"location ~ ^/other {{ alias {self.folder}/sub/index.html; }}"
        )
        world = self.world(text)
        self.assertEqual(head(world.ask(b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"))[2], b"a")
        post = b"POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        self.assertEqual(head(world.ask(post))[2], b"index")

    def test_in_server(self) -> None:
        """In a server it is for what no location is for."""
        text = "try_files /a.txt =404; location /x { return 200 x; }"
        self.assertEqual([self.answer(text, path)[1] for path in ("/b", "/x")], [b"a", b"x"])

    def test_body(self) -> None:
        """A body goes on to where the request goes."""
        world = self.world(
            "location / { try_files $uri @n; } location @n { proxy_pass http://127.0.0.1:9001; }"
        )
        client = world.client()
        client.say(POST + b"12")
        client.say(b"34")
        self.assertTrue(world.servers[0].got.endswith(b"\r\n\r\n1234"), world.servers[0].got)

    def test_odd_name(self) -> None:
        """A name that no file can have is not there."""
        self.assertEqual(self.answer("location / { try_files $uri =404; }", "/" + "a" * 300)[0], 404)
