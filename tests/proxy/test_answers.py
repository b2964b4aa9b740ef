"""Our own answers to the byte."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups._version import VERSION
from dyups.http1.reasons import PHRASES, WITH_PAGE
from dyups.proxy.answers import page
from tests.proxy.conversation import World, get, head

PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n"
    '<body bgcolor="white">\r\n<center><h1>{0}</h1></center>\r\n'
    "<hr><center>{1}</center>\r\n</body>\r\n</html>\r\n"
)
WHOLE = (
    "HTTP/1.1 404 Not Found\r\nServer: {1}\r\nDate: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
    "Content-Type: text/html\r\nContent-Length: {2}\r\nConnection: keep-alive\r\n\r\n{0}"
)


class PageTests(SynchronousTestCase):
    """The small pages."""

    def test_bytes(self) -> None:
        """Code and reason as title and heading, a rule, the server below it: the seed's page."""
        for status in WITH_PAGE - {302, 401}:
            expected = PAGE.format(f"{status} {PHRASES[status].decode()}", "name/1")
            self.assertEqual(page(status, b"name/1").decode(), expected)
        self.assertEqual(page(302, b"x").decode(), PAGE.format("302 Found", "x"))
        self.assertEqual(page(401, b"x").decode(), PAGE.format("401 Authorization Required", "x"))

    def test_no_page(self) -> None:
        """A code that nginx has no page for has none here."""
        for status in (200, 299, 418, 451, 499, 599, 600):
            self.assertEqual(page(status, b"x"), b"")

    def test_whole_answer(self) -> None:
        """An error answer, every byte of it, in one write."""
        world = World("server { listen 8080; }")
        client = world.client()
        client.say(get())
        name = f"dyups/{VERSION}"
        text = PAGE.format("404 Not Found", name)
        self.assertEqual(client.got.decode(), WHOLE.format(text, name, len(text)))
        self.assertEqual(len(client.writes), 1)

    def test_tokens_off(self) -> None:
        """``server_tokens off`` tells no version, neither in the head nor on the page."""
        world = World("server_tokens off; server { listen 8080; }")
        answer = world.ask(get()).decode()
        text = PAGE.format("404 Not Found", "dyups")
        self.assertEqual(answer, WHOLE.format(text, "dyups", len(text)))


class SentTests(SynchronousTestCase):
    """What is said of the connection, and what variables see."""

    def test_closing(self) -> None:
        """After these nobody can tell where a next request would begin, or should try one."""
        for status in (400, 408, 413, 414, 431, 500, 501, 505):
            world = World(f"server {{ listen 8080; return {status}; }}")
            client = world.client()
            client.say(get())
            self.assertEqual(head(client.read())[1]["connection"], "close", status)
            self.assertTrue(client.closed)

    def test_staying(self) -> None:
        """After these the connection stays."""
        for status in (401, 403, 404, 405, 429, 502, 503, 504):
            world = World(f"server {{ listen 8080; return {status}; }}")
            client = world.client()
            client.say(get())
            self.assertEqual(head(client.read())[1]["connection"], "keep-alive", status)
            self.assertFalse(client.closed)

    def test_keep_alive_field(self) -> None:
        """``keepalive_timeout``'s second argument is told, after ``Connection`` as in nginx."""
        world = World("server { listen 8080; keepalive_timeout 75s 20s; return 200; }")
        self.assertIn(b"\r\nConnection: keep-alive\r\nKeep-Alive: timeout=20\r\n\r\n", world.ask(get()))

    def test_counted(self) -> None:
        """Status and sizes are in the exchange; a HEAD has sent no body."""
        world = World("server { listen 8080; return 200 four; }")
        client = world.client()
        client.say(get())
        exchange = client.protocol.exchange
        sizes = (exchange.status, exchange.head_sent, exchange.body_sent)
        self.assertEqual(sizes, (200, len(client.read()) - 4, 4))
        client.say(get(method="HEAD"))
        self.assertEqual((exchange.head_sent, exchange.body_sent), (len(client.read()), 0))

    def test_six(self) -> None:
        """A redirect to an IPv6 address of ours has it in brackets."""
        world = World("server { listen 8080; return 301 /x; }")
        client = world.client()
        client._host.host = "::1"
        client.say(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(head(client.read())[1]["location"], "http://[::1]:8080/x")


class RedirectTests(SynchronousTestCase):
    """Where a redirect to a path leads."""

    def location(self, text: str) -> str:
        """The field ``Location``, after ``text`` in a server that is called ``named``."""
        world = World(f"server {{ listen 8080; server_name named; {text} return 301 /x; }}")
        return head(world.ask(get("/", "asked")))[1]["location"]

    def test_absolute(self) -> None:
        """Scheme, the request's host and our port are put before it, as far as the configuration wants that."""
        self.assertEqual(self.location(""), "http://asked:8080/x")
        self.assertEqual(self.location("port_in_redirect off;"), "http://asked/x")
        self.assertEqual(self.location("server_name_in_redirect on;"), "http://named:8080/x")
        self.assertEqual(self.location("absolute_redirect off;"), "/x")
