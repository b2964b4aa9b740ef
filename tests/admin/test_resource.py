"""Tests of dyups.admin.resource: every row of the interface's contract, without sockets."""

from __future__ import annotations

import errno
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import fail
from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import ConfigError
from tests.admin.client import Interface, Reply

ONE = "server 127.0.0.1:8088;"
TWO = "server 127.0.0.1:8089;server 127.0.0.1:8088;"
TEXT = "text/plain; charset=utf-8"


class InterfaceCase(SynchronousTestCase):
    """An interface with the seed's three upstreams."""

    trylock = False

    def setUp(self) -> None:
        self.interface = Interface(self, self.trylock)
        self.interface.fill(host1=ONE, host2="server 127.0.0.1:8089;", dyhost=TWO)

    def ask(self, method: str, path: str | bytes, body: bytes | None = None, **fields: str) -> Reply:
        return self.interface.ask(method, path, body, fields)

    def assertReply(self, reply: Reply, status: int, body: str | bytes) -> None:
        expected = body.encode() if isinstance(body, str) else body
        self.assertEqual((reply.status, reply.body), (status, expected))

    def names(self) -> list[str]:
        return self.ask("GET", "/list").body.decode().split()


class ReadTests(InterfaceCase):
    """``GET`` and ``HEAD``."""

    detail = (
        "host1\nserver 127.0.0.1:8088\n\n"
        "host2\nserver 127.0.0.1:8089\n\n"
        "dyhost\nserver 127.0.0.1:8089\nserver 127.0.0.1:8088\n\n"
    )

    def test_list(self) -> None:
        """Names one a line, in order of definition, new ones last; the case of the path does not matter."""
        for path in ("/list", "/LIST", "/List", "/list/", "/list?x=1"):
            self.assertReply(self.ask("GET", path), 200, "host1\nhost2\ndyhost\n")
        self.interface.fill(host1=TWO, aaa=ONE)
        self.assertEqual(self.names(), ["host1", "host2", "dyhost", "aaa"])

    def test_detail(self) -> None:
        """The seed's form, byte for byte."""
        for path in ("/detail", "/DETAIL", "/detail?verbose=0"):
            self.assertReply(self.ask("GET", path), 200, self.detail)

    def test_verbose(self) -> None:
        """Every parameter, where it is asked for."""
        line = "server 127.0.0.1:8088 weight=1 max_conns=0 max_fails=1 fail_timeout=10 backup=0 down=0\n"
        reply = self.ask("GET", "/detail?verbose=1")
        self.assertTrue(reply.body.decode().startswith(f"host1\n{line}\nhost2\n"))
        self.assertReply(self.ask("GET", "/upstream/host1?verbose=1"), 200, line)

    def test_empty(self) -> None:
        """Without any upstream there is no content."""
        for name in ("host1", "host2", "dyhost"):
            self.ask("DELETE", f"/upstream/{name}")
        for path in ("/list", "/detail"):
            for method in ("GET", "HEAD"):
                reply = self.ask(method, path, Accept="application/json")
                self.assertReply(reply, 204, b"")
                self.assertIsNone(reply.field("Content-Type"))

    def test_upstream(self) -> None:
        """The servers of one upstream, by its name in any case, with its other commands."""
        self.interface.fill(kept="keepalive 8; server 127.0.0.1:1 weight=2;")
        for path in ("/upstream/kept", "/UPSTREAM/KEPT", "/upstream/kept/"):
            self.assertReply(self.ask("GET", path), 200, "server 127.0.0.1:1 weight=2\nkeepalive 8;\n")

    def test_not_there(self) -> None:
        """What is not there is 404 with one line of reason."""
        paths = (
            "/upstream/nobody",
            "/upstream",
            "/upstream/",
            "/upstream/a/b",
            "/upstream//host1",
            "/x",
            "/",
            "/x/y",
        )
        for path in (*paths, "/list/x", "/listen", "/detail/host1"):
            for method in ("GET", "HEAD"):
                reply = self.ask(method, path)
                self.assertEqual((reply.status, reply.field("Content-Type")), (404, TEXT), path)
                if method == "GET":
                    self.assertEqual(len(reply.body.decode().splitlines()), 1)

    def test_head(self) -> None:
        """HEAD has the status and fields of GET, and no body."""
        for path in ("/list", "/detail", "/upstream/host1", "/upstream/nobody", "/x"):
            get, head = self.ask("GET", path), self.ask("HEAD", path)
            self.assertReply(head, get.status, b"")
            for field in ("Content-Type", "Cache-Control"):
                self.assertEqual(head.field(field), get.field(field))
            self.assertEqual(head.field("Content-Length"), str(get.length))

    def test_fields(self) -> None:
        """Answers are plain text, of known length, never cached, and depend on ``Accept``."""
        reply = self.ask("GET", "/list")
        self.assertEqual(reply.field("Content-Type"), TEXT)
        self.assertEqual(reply.length, len(reply.body))
        self.assertEqual((reply.field("Cache-Control"), reply.field("Vary")), ("no-store", "Accept"))


class JsonTests(InterfaceCase):
    """The same facts as JSON."""

    def json(self, path: str, status: int = 200) -> dict[str, object]:
        reply = self.ask("GET", path, Accept="application/json")
        self.assertEqual((reply.status, reply.field("Content-Type")), (status, "application/json"))
        facts: dict[str, object] = json.loads(reply.body)
        return facts

    def test_reads(self) -> None:
        """List, detail and one upstream are there as JSON."""
        self.assertEqual(self.json("/list"), {"upstreams": ["host1", "host2", "dyhost"]})
        detail = self.json("/detail")
        self.assertEqual(detail["sequence"], 3)
        self.assertEqual(detail["upstreams"][0], self.json("/upstream/HOST1"))

    def test_errors(self) -> None:
        """A reason is given as JSON too, to who only reads."""
        self.assertEqual(self.json("/upstream/nobody", 404), {"error": "not found upstream"})
        self.assertEqual(self.json("/x", 404), {"error": "not support this interface"})
        self.assertEqual(set(self.json("/upstream/a$", 400)), {"error"})

    def test_preference(self) -> None:
        """Who prefers text, or does not care, gets text."""
        for accept in ("*/*", "text/plain", "application/json;q=0.5, text/plain"):
            self.assertEqual(self.ask("GET", "/list", Accept=accept).field("Content-Type"), TEXT)

    def test_success_is_text(self) -> None:
        """A change is answered with ``success`` whatever the client prefers: clients look for it."""
        reply = self.ask("POST", "/upstream/x", ONE.encode(), Accept="application/json")
        self.assertReply(reply, 200, b"success")


class UpdateTests(InterfaceCase):
    """``POST``."""

    def test_success(self) -> None:
        """Seven bytes, no newline, plain text; the upstream is there."""
        reply = self.ask("POST", "/upstream/new", TWO.encode())
        self.assertReply(reply, 200, b"success")
        self.assertEqual((reply.length, reply.field("Content-Type")), (7, TEXT))
        self.assertReply(
            self.ask("GET", "/upstream/new"), 200, "server 127.0.0.1:8089\nserver 127.0.0.1:8088\n"
        )

    def test_like_curl(self) -> None:
        """A body that ``curl -d`` calls a form is not taken for one."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self.assertReply(self.ask("POST", "/upstream/new", b"server 127.0.0.1:1;", **form), 200, b"success")
        self.assertReply(self.ask("GET", "/upstream/new"), 200, "server 127.0.0.1:1\n")

    def test_replaced_whole(self) -> None:
        """An upstream is replaced whole, its name without case; the latest spelling is shown, in the old place."""
        self.assertReply(self.ask("POST", "/Upstream/HOST1", b"server 127.0.0.1:9;"), 200, b"success")
        self.assertEqual(self.names(), ["HOST1", "host2", "dyhost"])
        self.assertReply(self.ask("GET", "/upstream/host1"), 200, "server 127.0.0.1:9\n")

    def test_bad_commands(self) -> None:
        """A bad command is 400 with the reason and the line, and nothing is changed."""
        before = self.ask("GET", "/detail").body
        table = {
            b"": "no servers are inside upstream in line 1",
            b"bogus;": 'unknown directive "bogus" in line 1',
            b"server 127.0.0.1;\nhash $nosuchvar;;": None,
            b"server 127.0.0.1;\n}": 'unexpected "}" in line 2',
            b"server 127.0.0.1;\nserver \xff;": "text is not UTF-8 in line 2",
            b"server 127.0.0.1;\0": "null character in line 1",
            b"include /etc/passwd;": None,
            b"upstream x { server 127.0.0.1; }": None,
            b"listen 80;": None,
            b"server 127.0.0.1": None,
        }
        for body, reason in table.items():
            reply = self.ask("POST", "/upstream/host1", body)
            self.assertEqual(reply.status, 400, body)
            text = reply.body.decode()
            self.assertTrue(text.startswith("add server failed: "), text)
            self.assertEqual(len(text.splitlines()), 1)
            if reason is not None:
                self.assertEqual(text, f"add server failed: {reason}")
        self.assertEqual(self.ask("GET", "/detail").body, before)

    def test_one_bad_update_never_harms_the_next(self) -> None:
        """What makes the C module refuse every later update is refused alone."""
        for body in (b"hash $nosuchvar;", b"hash $request_uri;", b"random two;", b"nonsense on;", b"}"):
            self.assertEqual(self.ask("POST", "/upstream/x", body).status, 400)
            self.assertReply(self.ask("POST", "/upstream/good", ONE.encode()), 200, b"success")

    def test_elsewhere(self) -> None:
        """Other paths cannot be posted to, with the C module's words."""
        for path in ("/upstream", "/upstream/", "/list", "/detail", "/upstream/a/b", "/foo", "/"):
            self.assertReply(self.ask("POST", path, ONE.encode()), 404, "not support this interface")
        self.assertReply(self.ask("POST", "/foo/NAME", ONE.encode()), 404, "not support this api")
        self.assertReply(self.ask("POST", "/list/NAME", ONE.encode()), 404, "not support this api")

    def test_not_stored(self) -> None:
        """An update that cannot be stored is 500 with the reason, is nowhere, and the next one works."""
        self.interface.store.error = OSError(errno.ENOSPC, "No space left on device")
        reply = self.ask("POST", "/upstream/new", ONE.encode())
        self.assertReply(reply, 500, "could not store the change: No space left on device")
        self.assertReply(self.ask("DELETE", "/upstream/host1"), 500, reply.body)
        self.assertEqual(self.names(), ["host1", "host2", "dyhost"])
        self.interface.store.error = None
        self.assertReply(self.ask("POST", "/upstream/new", ONE.encode()), 200, b"success")

    def test_our_own_mistake(self) -> None:
        """An error that nobody foresaw is 500 and in the log, and the next update works."""
        append, self.interface.store.append = (
            self.interface.store.append,
            lambda *_: fail(ZeroDivisionError()),
        )
        self.assertReply(self.ask("POST", "/upstream/new", ONE.encode()), 500, "internal error")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.interface.store.append = append
        self.assertReply(self.ask("POST", "/upstream/new", ONE.encode()), 200, b"success")


class NameTests(InterfaceCase):
    """Names of upstreams."""

    def test_good_names(self) -> None:
        """Any letters, a port, and what is percent-encoded, decoded once."""
        table = {
            b"api.example.com:8443": "api.example.com:8443",
            b"h%C3%BC": "hü",
            b"a%2525": "a%25",
            b"a+b": "a+b",
            b"%61": "a",
            b"_" * 255: "_" * 255,
            b"list": "list",
        }
        for path, name in table.items():
            self.assertReply(self.ask("POST", b"/upstream/" + path, ONE.encode()), 200, b"success")
            self.assertEqual(self.names()[-1], name)
            self.assertReply(self.ask("GET", b"/upstream/" + path), 200, "server 127.0.0.1:8088\n")
            self.assertReply(self.ask("DELETE", b"/upstream/" + path), 200, b"success")

    def test_bad_names(self) -> None:
        """A name that none may have is 400, whatever is done with it."""
        for name in (
            b"a%20b",
            b"a%2Fb",
            b"%FF",
            b"a%00",
            b"a%0A",
            b"a%3B",
            b"a%7B",
            b"a%22",
            b"a'",
            b"a%5C",
            b"a$",
        ):
            for method in ("GET", "HEAD", "POST", "DELETE"):
                self.assertEqual(self.ask(method, b"/upstream/" + name, ONE.encode()).status, 400, name)
        self.assertEqual(self.ask("POST", "/upstream/" + "x" * 256, ONE.encode()).status, 400)
        self.assertEqual(self.names(), ["host1", "host2", "dyhost"])

    def test_host_field(self) -> None:
        """The ``Host`` field, which is the data plane's business, does not matter here."""
        for host in ("x" * 300, "a..b", "[::1]:80", "-"):
            self.assertEqual(self.ask("GET", "/list", Host=host).status, 200, host)


class DeleteTests(InterfaceCase):
    """``DELETE`` and the methods that are not there."""

    def test_delete(self) -> None:
        """``success``, and the upstream is gone; once more, it is not found."""
        self.assertReply(self.ask("DELETE", "/upstream/HOST1"), 200, b"success")
        self.assertEqual(self.names(), ["host2", "dyhost"])
        self.assertReply(self.ask("DELETE", "/upstream/host1"), 404, "not found upstream")

    def test_elsewhere(self) -> None:
        """Other paths cannot be deleted, with the C module's words and what is allowed there."""
        table = {
            "/list": "not support this interface",
            "/upstream": "not support this interface",
            "/upstream/a/b": "not support this interface",
            "/foo/NAME": "not support this api",
        }
        for path, reason in table.items():
            reply = self.ask("DELETE", path)
            self.assertReply(reply, 405, reason)
            self.assertEqual(reply.field("Allow"), "GET, HEAD")

    def test_other_methods(self) -> None:
        """Other methods are 405 and say which are there."""
        for method in ("PUT", "OPTIONS", "get"):
            for path, allow in (
                ("/upstream/host1", "GET, HEAD, POST, PATCH, DELETE"),
                ("/list", "GET, HEAD"),
            ):
                reply = self.ask(method, path, b"")
                self.assertEqual((reply.status, reply.field("Allow")), (405, allow))
        reply = self.ask("PATCH", "/list", b"")
        self.assertEqual((reply.status, reply.field("Allow")), (405, "GET, HEAD"))


words = st.sampled_from(
    [
        "server",
        "127.0.0.1",
        "unix:/s",
        "weight=3",
        "backup",
        "keepalive",
        "8",
        ";",
        "{",
        "}",
        "#",
        '"',
        "'",
        "\\",
        "$x",
        "include",
        "upstream",
        "ip_hash",
        "hash",
        "random",
        "two",
        "::1",
        "[::1]:80",
        "down",
        "ü",
        "\0",
        "1s",
        "\n",
        " ",
    ]
)
good = st.sampled_from(
    [ONE, TWO, "server [::1]:80 weight=2 max_fails=0; keepalive 8;", "server unix:/s backup;"]
)
bodies = (
    st.binary(max_size=60)
    | st.lists(words, max_size=12).map(lambda parts: " ".join(parts).encode())
    | st.lists(words, max_size=12).map(lambda parts: "".join(parts).encode())
    | st.builds(
        lambda text, place, noise: text[: place % (len(text) + 1)].encode() + noise + text[place:].encode(),
        good,
        st.integers(0, 60),
        st.binary(max_size=3),
    )
)


class AnyBodyTests(SynchronousTestCase):
    """Whatever is posted."""

    @given(st.lists(bodies, max_size=5))
    @settings(deadline=None, max_examples=150)
    def test_random_and_mutated_bodies(self, tried: list[bytes]) -> None:
        """Any body is 200 or 400, a refused one leaves no trace, and the next good one is as if nothing was."""
        interface = Interface(self)
        for body in tried:
            before = interface.ask("GET", "/detail").body
            pending = interface.send("POST", "/upstream/x", body)
            for name in interface.lookup.waiting:
                name.errback(ConfigError("host not found in upstream"))
            interface.lookup.waiting.clear()
            reply = pending.reply
            self.assertIn(reply.status, (200, 400), body)
            if reply.status == 400:
                self.assertTrue(reply.body.startswith(b"add server failed: "))
                self.assertEqual(interface.ask("GET", "/detail").body, before)
            good = interface.ask("POST", "/upstream/good", ONE.encode())
            self.assertEqual((good.status, good.body), (200, b"success"))
            self.assertEqual(interface.ask("GET", "/upstream/good").body, b"server 127.0.0.1:8088\n")
