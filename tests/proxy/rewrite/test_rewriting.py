"""``rewrite``, ``break``, ``if`` and ``limit_except``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.rewrite import conditions, rewriting
from tests.proxy.conversation import World, get, head

SHOW = 'location / { return 200 "$uri|$args|$request_uri"; }'


class RewriteTests(SynchronousTestCase):
    """What becomes of the path."""

    def shown(self, steps: str, path: str) -> str:
        """Path and arguments after ``steps`` in a server."""
        world = World(f"server {{ listen 8080; {steps} {SHOW} }}")
        return head(world.ask(get(path)))[2].decode("latin-1").rpartition("|")[0]

    def location(self, steps: str, path: str) -> str:
        """Where ``steps`` redirect to."""
        world = World(f"server {{ listen 8080; {steps} {SHOW} }}")
        status, fields, _ = head(world.ask(get(path)))
        return f"{status} {fields['location']}"

    def test_path(self) -> None:
        """The whole path is the replacement; the request's arguments stay, or are left away by ``?`` at the end."""
        for step, path, expected in (
            ("rewrite ^/a/(.*) /b/$1;", "/a/x?q=1", "/b/x|q=1"),
            ("rewrite ^/a/(.*) /b/$1?;", "/a/x?q=1", "/b/x|"),
            ("rewrite ^/a/(.*) /b?f=$1;", "/a/x?q=1", "/b|f=x&q=1"),
            ("rewrite ^/a/(.*) /b?f=$1?;", "/a/x?q=1", "/b|f=x"),
            ("rewrite ^/none /b;", "/a/x?q=1", "/a/x|q=1"),
            ("rewrite a /b/$host/${arg_q};", "/a/x?q=1", "/b/one/1|q=1"),
            ("rewrite /(?<n>.) /b/$n;", "/a", "/b/a|"),
        ):
            self.assertEqual(self.shown(step, path), expected, step)

    def test_in_order(self) -> None:
        """Rewrites go on one after the other until one is the last, or ``break`` comes."""
        two = "rewrite ^/a /b{}; rewrite ^/b /c;"
        self.assertEqual(self.shown(two.format(""), "/a"), "/c|")
        self.assertEqual(self.shown(two.format(" last"), "/a"), "/b|")
        self.assertEqual(self.shown(two.format(" break"), "/a"), "/b|")
        self.assertEqual(self.shown("rewrite ^/a /b; break; rewrite ^/b /c;", "/a"), "/b|")

    def test_escaping(self) -> None:
        """What was decoded is encoded again where it goes into arguments or a redirect, and only there."""
        step = "rewrite ^/a/(.*) /b/$1?f=$1;"
        self.assertEqual(self.shown(step, "/a/x%26%20y"), "/b/x& y|f=x%26%20y")
        self.assertEqual(self.shown(step, "/a/x&y"), "/b/x&y|f=x&y")
        self.assertEqual(
            self.location("rewrite ^/a/(.*) /b/$1 redirect;", "/a/x%20%41%2F%3Fz"),
            "302 http://one:8080/b/x%20A/?z",
        )

    def test_redirects(self) -> None:
        """Redirects keep the arguments in their way, and a URL is one by itself."""
        for step, expected in (
            ("rewrite ^/a /b redirect;", "302 http://one:8080/b?q=1"),
            ("rewrite ^/a /b? permanent;", "301 http://one:8080/b"),
            ("rewrite ^/a /b?c permanent;", "301 http://one:8080/b?c&q=1"),
            ("rewrite ^/(.) http://x/$1;", "302 http://x/a?q=1"),
            ("rewrite ^/a $scheme://x/ permanent;", "301 http://x/?q=1"),
        ):
            self.assertEqual(self.location(step, "/a?q=1"), expected, step)

    def test_location_again(self) -> None:
        """In a location ``last`` finds the location anew, ``break`` stays; without a flag what follows still runs."""
        world = World(
            "server { listen 8080; location /a { rewrite ^ /b last; return 200 a; }"
            " location /c { rewrite ^ /b break; return 200 c; } location /d { rewrite ^ /b; set $x d; }"
            " location /b { return 200 b$x; } location /loop { rewrite ^ /loop last; }"
            " location /none { rewrite ^ '' ; } location /empty { rewrite ^(.*) $arg_none; } }".replace(
                "location /none { rewrite ^ '' ; }", ""
            )
        )
        for path, expected in (("/a", b"b"), ("/d", b"bd")):
            self.assertEqual(head(world.ask(get(path)))[2], expected)
        self.assertEqual(head(world.ask(get("/loop")))[0], 500)
        self.assertEqual(head(world.ask(get("/empty")))[0], 500)

    def test_internal(self) -> None:
        """A rewritten request may go where others may not."""
        world = World("server { listen 8080; rewrite ^/a /in; location /in { internal; return 200 in; } }")
        self.assertEqual(head(world.ask(get("/a")))[2], b"in")
        self.assertEqual(head(world.ask(get("/in")))[0], 404)

    def test_proxied(self) -> None:
        """A server is asked for the rewritten path, and after ``break`` without the URI part of ``proxy_pass``."""
        for step, target in (
            ("rewrite ^/a/(.*) /b/$1 break; proxy_pass http://127.0.0.1:9001;", b"/b/x%20y?q"),
            ("rewrite ^/a/(.*) /b/$1 break; proxy_pass http://127.0.0.1:9001/c/;", b"/b/x%20y?q"),
            ("rewrite ^/a/(.*) /b/$1; break; proxy_pass http://127.0.0.1:9001/c/;", b"/b/x%20y?q"),
            ("proxy_pass http://127.0.0.1:9001/c/;", b"/c/x%20y?q"),
        ):
            world = World(f"server {{ listen 8080; location /a/ {{ {step} }} }}")
            world.client().say(get("/a/x%20y?q"))
            self.assertTrue(
                world.servers[0].got.startswith(b"GET %b HTTP/1.1\r\n" % target), world.servers[0].got
            )


class BlockTests(SynchronousTestCase):
    """``if`` and ``limit_except`` in a location."""

    def test_takes_the_place(self) -> None:
        """Where the condition holds, what is said inside counts, and the content around it where there is none."""
        world = World(
            "upstream one { server 127.0.0.1:9001; } upstream two { server 127.0.0.1:9002; }"
            "server { listen 8080; location / { add_header X-Of outer; set $x 1;"
            " if ($arg_a) { add_header X-Of a; }"
            " if ($arg_b) { proxy_pass http://two; }"
            " if ($arg_c) { set $x 2; return 200 $x; }"
            " proxy_pass http://one; } }"
        )
        for query, port in (("", 9001), ("?a=1", 9001), ("?b=1", 9002)):
            client = world.client()
            client.say(get(f"/{query}"))
            self.assertEqual(world.dialled[-1].address.port, port)  # type: ignore[union-attr]
            client.hang_up()
        self.assertEqual(head(world.ask(get("/?c=1")))[2], b"2")

    def test_fields_of_if(self) -> None:
        """An answer has the fields of the last ``if`` that held."""
        world = World(
            "server { listen 8080; location / { add_header X-Of outer;"
            " if ($arg_a) { add_header X-Of a; } if ($arg_b) { add_header X-Of b; } echo x; } }"
        )
        for query, expected in (("", "outer"), ("?a=1", "a"), ("?a=1&b=1", "b")):
            self.assertEqual(head(world.ask(get(f"/{query}")))[1]["x-of"], expected)

    def test_limit_except(self) -> None:
        """Other methods have what is said inside; GET includes HEAD; steps around it are not theirs."""
        world = World(
            "server { listen 8080; location / { limit_except GET { proxy_pass http://127.0.0.1:9001; }"
            " return 200 read; } }"
        )
        self.assertEqual(head(world.ask(get("/")))[2], b"read")
        self.assertEqual(head(world.ask(get("/", method="HEAD")))[0], 200)
        self.assertEqual(world.servers, [])
        world.client().say(get("/", method="PUT"))
        self.assertEqual(len(world.servers), 1)

    def test_log(self) -> None:
        """``rewrite_log`` tells what was done."""
        world = World(
            "server { listen 8080; rewrite_log on; rewrite ^/(a) /b; if ($uri ~ c) { break; } return 200; }"
        )
        said: list[str] = []
        self.patch(
            rewriting,
            "complain",
            lambda *args: said.append(args[1]),
        )
        self.patch(
            conditions,
            "complain",
            lambda *args: said.append(args[1]),
        )
        world.ask(get("/a"))
        self.assertEqual(
            [text.split(", client")[0].partition(" ")[2] for text in said],
            ['"^/(a)" matches "/a"', 'rewritten data: "/b", args: ""', '"c" does not match "/b"'],
        )
