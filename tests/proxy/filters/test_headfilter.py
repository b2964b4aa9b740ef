"""What clients get of servers' heads."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, head


class FilterCase(SynchronousTestCase):
    """A client, a location, a server."""

    def answer(
        self, location: str, *fields: str, path: str = "/", asked: str = "/", proxy: str = ""
    ) -> bytes:
        """What the client gets when the server answers with ``fields``."""
        proxy = proxy or "proxy_pass http://one;"
        world = World(
            "upstream one { server 127.0.0.1:9001; }"
            f"server {{ listen 8080; location {path} {{ {proxy} {location} }} location @at {{ echo named; }} }}"
        )
        client = world.client()
        client.say(get(asked, "front.example"))
        lines = "\r\n".join(["HTTP/1.1 200 OK", "Content-Length: 0", *fields, "", ""])
        world.servers[0].say(lines.encode())
        return client.read()

    def fields(
        self, location: str, *fields: str, path: str = "/", asked: str = "/", proxy: str = ""
    ) -> dict[str, str]:
        return head(self.answer(location, *fields, path=path, asked=asked, proxy=proxy))[1]


class Fields(FilterCase):
    """``proxy_hide_header`` and ``proxy_pass_header``."""

    def test_hidden(self) -> None:
        """Fields are hidden by name, in any case; so are those that nginx always hides."""
        found = self.fields(
            "proxy_hide_header x-one;", "X-One: 1", "X-Two: 2", "X-Pad: 3", "X-Accel-Expires: 4"
        )
        self.assertEqual(found["x-two"], "2")
        self.assertEqual({"x-one", "x-pad", "x-accel-expires"} & set(found), set())

    def test_passed(self) -> None:
        """What is hidden otherwise passes; the server's ``Server`` and ``Date`` take the place of ours."""
        names = "proxy_pass_header Server; proxy_pass_header Date; proxy_pass_header X-Pad;"
        answer = self.answer(names, "Server: theirs", "Date: then", "X-Pad: 1")
        found = head(answer)[1]
        self.assertEqual((found["server"], found["date"], found["x-pad"]), ("theirs", "then", "1"))
        self.assertEqual((answer.count(b"Server:"), answer.count(b"Date:")), (1, 1))

    def test_passed_but_not_there(self) -> None:
        """Where the server has none there is none: ours is gone with the directive, as in nginx."""
        found = self.fields("proxy_pass_header Server;")
        self.assertNotIn("server", found)
        self.assertIn("date", found)

    def test_hop_by_hop(self) -> None:
        """What ``Connection`` names is for one hop, whatever else is hidden."""
        found = self.fields("proxy_hide_header X-One;", "Connection: x-hop", "X-Hop: 1", "X-Two: 2")
        self.assertNotIn("x-hop", found)
        self.assertEqual(found["x-two"], "2")


class Redirects(FilterCase):
    """``proxy_redirect``."""

    def test_default(self) -> None:
        """What ``proxy_pass`` says becomes the path of the location, as an absolute URL."""
        for path, proxy, told, got in (
            ("/", "proxy_pass http://one;", "http://one/a", "http://front.example:8080/a"),
            ("/app/", "proxy_pass http://one/in/;", "http://one/in/a?b", "http://front.example:8080/app/a?b"),
            ("/app/", "proxy_pass http://one/in/;", "http://one/a", "http://one/a"),
            ("/", "proxy_pass http://one;", "http://two/a", "http://two/a"),
            ("/", "proxy_pass http://one;", "/own", "/own"),
        ):
            found = self.fields("", f"Location: {told}", path=path, asked=path, proxy=proxy)
            self.assertEqual(found["location"], got)

    def test_variables(self) -> None:
        """A ``proxy_pass`` with variables has no default."""
        found = self.fields("", "Location: http://one/a", proxy="set $to one; proxy_pass http://$to;")
        self.assertEqual(found["location"], "http://one/a")

    def test_off(self) -> None:
        """``off`` leaves everything as it is."""
        self.assertEqual(
            self.fields("proxy_redirect off;", "Location: http://one/a")["location"], "http://one/a"
        )

    def test_rules(self) -> None:
        """The first rule that fits counts; variables and captures are rendered; the default goes unless it is said."""
        rules = "proxy_redirect http://two/ https://$host/2/; proxy_redirect ~*^http://([^:]+):\\d+(/.*)$ http://$1$2;"
        for told, got in {
            "http://two/a": "https://front.example/2/a",
            "HTTP://three:90/a": "http://three/a",
            "http://one/a": "http://one/a",
        }.items():
            self.assertEqual(self.fields(rules, f"Location: {told}")["location"], got)
        both = self.fields(rules + "proxy_redirect default;", "Location: http://one/a")
        self.assertEqual(both["location"], "http://front.example:8080/a")

    def test_refresh(self) -> None:
        """The URL of a ``Refresh`` is changed, too, and stays relative."""
        self.assertEqual(self.fields("", "Refresh: 5; url=http://one/a")["refresh"], "5; url=/a")
        self.assertEqual(self.fields("", "Refresh: 5")["refresh"], "5")

    def test_line_ends(self) -> None:
        """A captured line end never begins another field."""
        answer = self.answer("proxy_redirect ~^(.*)$ $arg_x$1;", "Location: a", asked="/?x=%0d%0aX-Evil:1")
        self.assertNotIn(b"\r\nX-Evil", answer)


class Cookies(FilterCase):
    """Cookies within a head."""

    def test_every_one(self) -> None:
        """Each ``Set-Cookie`` is changed for itself."""
        answer = self.answer(
            "proxy_cookie_path /a /b;", "Set-Cookie: x=1; path=/a", "Set-Cookie: y=1; path=/c"
        )
        self.assertIn(b"Set-Cookie: x=1; path=/b\r\n", answer)
        self.assertIn(b"Set-Cookie: y=1; path=/c\r\n", answer)

    def test_with_additions(self) -> None:
        """What the location adds comes on top of what is changed."""
        answer = self.answer("proxy_hide_header X-A; add_header X-B 2;", "X-A: 1", "Location: http://one/")
        self.assertIn(b"X-B: 2\r\n", answer)
        self.assertNotIn(b"X-A", answer)
