"""``add_header`` and ``expires``."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.routing import AnswerSettings
from dyups.proxy.filters.added import added_fields, format_date, parse_date, value_of, without
from tests.proxy.conversation import World, get, head

NOW = 1_000_000_000  # the clock on the wall of every World


class AddedTests(SynchronousTestCase):
    """Fields of our own answers."""

    def fields(self, text: str, path: str = "/") -> dict[str, str]:
        """The fields of the answer of a location ``/`` with ``text``."""
        world = World(
            f"server {{ listen 8080; add_header X-Outer o always; location / {{ {text} return 200 x; }}"
            f" location /404 {{ {text} return 404; }} }}"
        )
        return head(world.ask(get(path)))[1]

    def test_inherited(self) -> None:
        """A block that adds no field has those around it; one that adds has only its own."""
        self.assertEqual(self.fields("")["x-outer"], "o")
        own = self.fields("add_header X-Inner i; add_header X-None $arg_x;")
        self.assertEqual([own.get(name) for name in ("x-inner", "x-outer", "x-none")], ["i", None, None])

    def test_errors(self) -> None:
        """Errors have only what is added always."""
        fields = self.fields("add_header X-A a; add_header X-B $uri always; expires 1h;", "/404")
        self.assertEqual([fields.get(name) for name in ("x-a", "x-b", "expires")], [None, "/404", None])

    def test_expires(self) -> None:
        """Each form of ``expires`` has its date and its age."""
        for text, date, control in (
            ("30s", NOW + 30, "max-age=30"),
            ("-1", NOW - 1, "no-cache"),
            ("0", NOW, "max-age=0"),
            ("epoch", 1, "no-cache"),
            ("max", 2145916555, "max-age=315360000"),
            ("$arg_e", NOW + 3600, "max-age=3600"),
            ("modified 1h", NOW + 3600, "max-age=3600"),
        ):
            fields = self.fields(f"expires {text};", "/?e=1h")
            self.assertEqual(fields["cache-control"], control, text)
            self.assertEqual(fields["expires"], format_date(date).decode(), text)

    def test_expires_daily(self) -> None:
        """A time of day is today's or tomorrow's, never more than a day away."""
        fields = self.fields("expires @15h30m;")
        date = parse_date(fields["expires"].encode())
        assert date is not None
        self.assertTrue(NOW < date <= NOW + 90000)
        self.assertEqual(fields["cache-control"], f"max-age={date - NOW}")

    def test_expires_not(self) -> None:
        """``off``, and a variable that says nothing, add nothing."""
        for text in ("off", "$arg_none", "$uri"):
            self.assertNotIn("expires", self.fields(f"expires {text};"))

    def test_replaced(self) -> None:
        """What ``expires`` and an added date or tag replace is gone; other fields stand side by side."""
        world = World(
            "server { listen 8080; expires 1h; add_header ETag x; add_header Last-Modified ''; add_header A 2; }"
        )
        route = world.listeners[0].routes.default.root
        exchange = world.client().protocol.exchange
        exchange.status = 200
        assert route.adds is not None
        lines = b"A: 1\r\nExpires: y\r\nCache-Control: z\r\nEtag: t\r\nLAST-MODIFIED: d\r\n"
        found = route.adds.apply(exchange, lines)
        self.assertEqual(
            found,
            b"A: 1\r\nExpires: Sun, 09 Sep 2001 02:46:40 GMT\r\nCache-Control: max-age=3600\r\nETag: x\r\nA: 2\r\n",
        )

    def test_modified(self) -> None:
        """``modified`` counts from the answer's own date."""
        world = World("server { listen 8080; expires modified 1h; }")
        exchange = world.client().protocol.exchange
        exchange.status = 200
        adds = world.listeners[0].routes.default.root.adds
        assert adds is not None
        for before, control in ((600, b"max-age=3000"), (7200, b"no-cache")):
            found = adds.apply(exchange, b"Last-Modified: %b\r\n" % format_date(NOW - before))
            self.assertEqual(value_of(found, b"cache-control"), control)

    def test_sent(self) -> None:
        """A variable may read the other lines of the head."""
        fields = self.fields("default_type text/css; add_header X-Type $sent_http_content_type;")
        self.assertEqual(fields["x-type"], "text/css")

    def test_the_last_of_one(self) -> None:
        """Of an entity tag, or a date, the last one counts, and an empty one that none is sent."""
        self.assertEqual(self.fields("add_header ETag a; add_header etag b;")["etag"], "b")
        self.assertNotIn("etag", self.fields("add_header ETag a; add_header ETag '';"))

    def test_one_after_the_other(self) -> None:
        """A field can say what those before it have added."""
        fields = self.fields("add_header A 1; add_header A 2; add_header B $sent_http_a;")
        self.assertEqual(fields["b"], "1, 2")

    def test_charset(self) -> None:
        """The charset is said of texts, not of what says one already, nor of other types, nor of redirects."""
        found = [
            self.fields(f"charset utf-8; default_type {kind};")["content-type"]
            for kind in ("text/plain", '"text/html; charset=x"', "image/png", "Text/HTML")
        ]
        self.assertEqual(
            found,
            ["text/plain; charset=utf-8", "text/html; charset=x", "image/png", "Text/HTML; charset=utf-8"],
        )
        self.assertEqual(self.fields("charset off;")["content-type"], "text/plain")
        everything = self.fields("charset $arg_c; charset_types *; default_type a/b;", "/?c=x")
        self.assertEqual(everything["content-type"], "a/b; charset=x")
        self.assertEqual(self.fields("charset x; return 302 /y;")["content-type"], "text/html")

    def test_trailers(self) -> None:
        """Fields behind the body come in chunks, with values of that moment; not before HTTP/1.1, nor for HEAD."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "f").write_text("file")
        world = World(
            f"server {{ listen 8080; root {folder}; add_trailer X-Sent $uri; add_trailer X-None $arg_x;"
            " location /r { return 200 text; } location /e { return 404; }"
            " location /p { proxy_pass http://127.0.0.1:9001; }"
            " location /a { add_trailer X-A a always; return 404; } location /n { return 204; } }"
        )
        for path, text in (("/r", b"text"), ("/f", b"file")):
            status, fields, body = head(world.ask(get(path)))
            self.assertEqual(
                (status, fields["transfer-encoding"], fields.get("content-length")), (200, "chunked", None)
            )
            self.assertEqual(body, b"4\r\n%b\r\n0\r\nX-Sent: %b\r\n\r\n" % (text, path.encode()))
            self.assertIn("content-length", head(world.ask(get(path, method="HEAD")))[1])
            self.assertEqual(head(world.ask(f"GET {path} HTTP/1.0\r\nHost: a\r\n\r\n".encode()))[2], text)
        self.assertNotIn("transfer-encoding", head(world.ask(get("/e")))[1])
        self.assertNotIn("transfer-encoding", head(world.ask(get("/n")))[1])
        self.assertTrue(world.ask(get("/a")).endswith(b"\r\n0\r\nX-A: a\r\n\r\n"))
        for pieces in ((b"body",), (b"bo", b"dy")):
            client = world.client()
            client.say(get("/p"))
            world.servers[-1].say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + pieces[0])
            for piece in pieces[1:]:
                world.servers[-1].say(piece)
            body = head(client.read())[2]
            chunks = b"".join([b"%d\r\n%b\r\n" % (len(piece), piece) for piece in pieces])
            self.assertEqual(body, chunks + b"0\r\nX-Sent: /p\r\n\r\n")

    def test_sent_trailers(self) -> None:
        """A field behind the body can say what stands before it there; the next request knows nothing of it."""
        world = World(
            "server { listen 8080; location / { add_trailer A 1; add_trailer A 2; add_trailer B $sent_trailer_a;"
            " return 200 x; } location /next { return 200 $sent_trailer_a|; } }"
        )
        client = world.client()
        client.say(get("/"))
        self.assertTrue(client.read().endswith(b"\r\n0\r\nA: 1\r\nA: 2\r\nB: 1, 2\r\n\r\n"))
        client.say(get("/next"))
        self.assertEqual(head(client.read())[2], b"|")

    def test_nothing(self) -> None:
        """A location that adds nothing has nothing to run."""
        self.assertIsNone(added_fields(AnswerSettings()))

    def test_lines(self) -> None:
        """Fields are found and left away without regard to case; no date is None."""
        lines = b"A: 1\r\nb: 2\r\nB: 3\r\n"
        self.assertEqual(without(lines, frozenset({b"b"})), b"A: 1\r\n")
        self.assertEqual((value_of(lines, b"b"), value_of(lines, b"c")), (b"2, 3", b""))
        self.assertEqual([parse_date(text) for text in (b"", b"x", b"\xff", b"Sun, 09 Sep 2001")], [None] * 4)
