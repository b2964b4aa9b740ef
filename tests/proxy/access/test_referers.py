"""Who may refer to a place."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, head


class RefererTests(SynchronousTestCase):
    """``$invalid_referer``."""

    def invalid(self, said: str, *values: str, names: str = "own.example") -> list[str]:
        """Those of ``values`` that are not valid; ``-`` stands for no ``Referer``."""
        world = World(
            f'server {{ listen 8080; server_name {names}; location / {{ {said} return 200 "[$invalid_referer]"; }} }}'
        )
        found = []
        for value in values:
            more = () if value == "-" else (f"Referer: {value}",)
            body = head(world.ask(get("/", "x", *more)))[2]
            self.assertIn(body, (b"[]", b"[1]"))
            found += [value] if body == b"[1]" else []
        return found

    def test_nothing_said(self) -> None:
        """Where nobody is named, everybody may refer."""
        self.assertEqual(self.invalid("", "-", "http://evil.example/", "x"), [])

    def test_words(self) -> None:
        """No referer, and one that is no URL, are valid only where that is said."""
        values = ("-", "hidden", "ftp://a.example/", "http://a.b", "http://a.example/")
        self.assertEqual(self.invalid("valid_referers a.example;", *values), [*values[:4]])
        self.assertEqual(self.invalid("valid_referers none a.example;", *values), [*values[1:4]])
        self.assertEqual(self.invalid("valid_referers blocked a.example;", *values), ["-"])

    def test_names(self) -> None:
        """Names, in any case, of http and https, with any port and path; wildcards on either side."""
        values = (
            "https://A.Example:81/x?y",
            "http://x.a.example",
            "http://w.b.example/",
            "http://b.example/",
            "http://c.example/",
            "http://c.org/x",
            "http://xc.org/x",
        )
        self.assertEqual(
            self.invalid("valid_referers a.example *.b.example c.*;", *values),
            ["http://x.a.example", "http://b.example/", "http://xc.org/x"],
        )
        self.assertEqual(self.invalid("valid_referers .b.example;", *values[2:4]), [])

    def test_paths(self) -> None:
        """What a path has to begin with; the longest name decides alone."""
        values = (
            "http://a.example/in/x",
            "http://a.example:8/in/",
            "http://a.example/out",
            "http://a.example",
        )
        self.assertEqual(self.invalid("valid_referers a.example/in/ *.example;", *values), [*values[2:]])

    def test_server_names(self) -> None:
        """The server's names, expressions among them."""
        values = ("http://own.example/", "http://r12.example/", "http://other.example/")
        found = self.invalid("valid_referers server_names;", *values, names="own.example ~^r\\d+\\.example$")
        self.assertEqual(found, [*values[2:]])

    def test_expressions(self) -> None:
        """Looked for in what follows the scheme, in any case."""
        values = ("http://www.Google.com/search", "https://x/?google.com", "http://example.com/")
        self.assertEqual(self.invalid("valid_referers ~\\.google\\. ~\\?g;", *values), [values[2]])

    def test_long_host(self) -> None:
        """A host that is longer than any is not valid, whatever is said."""
        self.assertEqual(
            len(self.invalid("valid_referers ~a;", f"http://{'a' * 257}/", f"http://{'a' * 256}/")), 1
        )

    def test_inherited(self) -> None:
        """What the server says holds in its locations."""
        world = World(
            "server { listen 8080; valid_referers a.example;"
            "location / { if ($invalid_referer) { return 403; } return 200; } }"
        )
        self.assertEqual(head(world.ask(get("/")))[0], 403)
        self.assertEqual(head(world.ask(get("/", "x", "Referer: http://a.example/")))[0], 200)
