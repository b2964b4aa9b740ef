"""Tests of dyups.admin.resource: entity tags, changes that depend on them, patches, and dry runs."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from tests.admin.client import Reply
from tests.admin.test_resource import ONE, InterfaceCase

ADD = b"add server 127.0.0.1:9;"
HOST1 = "/upstream/host1"
FIELDS = {"if_match": "If-Match", "if_none_match": "If-None-Match"}


class ConditionsCase(InterfaceCase):
    """Requests with the two fields."""

    def ask(self, method: str, path: str | bytes, body: bytes | None = None, **fields: str) -> Reply:
        named = {FIELDS.get(name, name): value for name, value in fields.items()}
        return self.interface.ask(method, path, body, named)

    def tag(self, path: str = HOST1, **fields: str) -> str:
        tag = self.ask("GET", path, **fields).field("ETag")
        assert tag is not None
        return tag

    def servers(self) -> bytes:
        return self.ask("GET", HOST1).body


class TagTests(ConditionsCase):
    """``ETag`` of reads."""

    def test_same_in_every_form(self) -> None:
        """The tag is strong and stands for what was said of the upstream, as text, verbose, and as JSON."""
        tag = self.tag()
        self.assertTrue(tag.startswith('"') and tag.endswith('"'), tag)
        self.assertEqual(self.tag("/upstream/HOST1?verbose=1"), tag)
        self.assertEqual(self.tag(Accept="application/json"), tag)
        self.assertEqual(self.ask("HEAD", HOST1).field("ETag"), tag)

    def test_changes_with_the_upstream(self) -> None:
        """A change of the upstream gives another tag, a change back the same again, and one of another leaves it."""
        tag, before = self.tag(), self.tag("/list")
        self.interface.fill(host2=ONE)
        self.assertEqual(self.tag(), tag)
        self.assertNotEqual(self.tag("/list"), before)
        self.interface.fill(host1="server 127.0.0.1:1;")
        self.assertNotEqual(self.tag(), tag)
        self.interface.fill(host1=ONE)
        self.assertEqual(self.tag(), tag)

    def test_not_modified(self) -> None:
        """Who has the newest state gets 304 without a body; who has another, or none, gets what is there."""
        for path in (HOST1, "/list", "/detail"):
            tag = self.tag(path)
            for value in (tag, f'"x", W/{tag}', "*"):
                reply = self.ask("GET", path, if_none_match=value)
                self.assertReply(reply, 304, b"")
                self.assertEqual((reply.field("ETag"), reply.field("Content-Type")), (tag, None))
            self.assertEqual(self.ask("GET", path, if_none_match='"x"').status, 200)

    def test_not_modified_when_empty(self) -> None:
        """Without any upstream there is a tag too, so that the first one is noticed."""
        for name in ("host1", "host2", "dyhost"):
            self.ask("DELETE", f"/upstream/{name}")
        tag = self.tag("/detail")
        self.assertReply(self.ask("GET", "/detail", if_none_match=tag), 304, b"")
        self.interface.fill(new=ONE)
        self.assertEqual(self.ask("GET", "/detail", if_none_match=tag).status, 200)

    def test_other_wanted(self) -> None:
        """A read may insist on a state, too."""
        self.assertReply(self.ask("GET", HOST1, if_match='"x"'), 412, "If-Match: it is another one by now")
        self.assertEqual(self.ask("GET", HOST1, if_match=self.tag()).status, 200)

    def test_wrong_fields(self) -> None:
        """A field that holds no tags is 400, whatever the method: a condition is never passed over."""
        for method, body in (("GET", None), ("POST", ONE.encode()), ("PATCH", ADD), ("DELETE", None)):
            reply = self.ask(method, HOST1, body, if_match="host1")
            self.assertReply(reply, 400, "If-Match has no entity tags")
        self.assertEqual(self.servers(), b"server 127.0.0.1:8088\n")

    @given(st.binary(max_size=12), st.sampled_from(["Accept", "If-Match", "If-None-Match"]))
    @settings(deadline=None, max_examples=100)
    def test_any_field(self, value: bytes, name: str) -> None:
        """Whatever a field holds, the answer is an ordinary one."""
        value = value.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
        for method, body in (("GET", None), ("PATCH", b"bogus")):
            reply = self.interface.ask(method, HOST1, body, {name: value})
            self.assertIn(reply.status, (200, 304, 400, 412))


class LostRaceTests(ConditionsCase):
    """Changes with conditions."""

    def test_lost(self) -> None:
        """Each kind of change with an old tag is 412 and changes nothing; with the new one it is made."""
        old = self.tag()
        self.interface.fill(host1="server 127.0.0.1:1;")
        for method, body in (("POST", ONE.encode()), ("PATCH", ADD), ("DELETE", None)):
            reply = self.ask(method, HOST1, body, if_match=old)
            self.assertReply(reply, 412, "If-Match: the upstream is another one by now")
        self.assertEqual(self.servers(), b"server 127.0.0.1:1\n")
        for method, body in (("POST", ONE.encode()), ("PATCH", ADD), ("DELETE", None)):
            self.assertReply(self.ask(method, HOST1, body, if_match=self.tag()), 200, b"success")

    def test_decided_under_the_lock(self) -> None:
        """A change whose tag was good when it came, and is not when its turn comes, has lost."""
        tag = self.tag()
        self.interface.store.answer = Deferred()
        first = self.interface.send("POST", HOST1, b"server 127.0.0.1:1;", {"If-Match": tag})
        second = self.interface.send("PATCH", HOST1, ADD, {"If-Match": tag})
        self.assertFalse(first.answered or second.answered)
        answer, self.interface.store.answer = self.interface.store.answer, None
        answer.callback(None)
        self.assertReply(first.reply, 200, b"success")
        self.assertEqual(second.reply.status, 412)

    def test_create_only(self) -> None:
        """``If-None-Match: *`` creates, and never replaces."""
        self.assertReply(self.ask("POST", "/upstream/new", ONE.encode(), if_none_match="*"), 200, b"success")
        reply = self.ask("POST", "/upstream/NEW", b"server 127.0.0.1:1;", if_none_match="*")
        self.assertReply(reply, 412, "If-None-Match: the upstream is there")


class PatchTests(ConditionsCase):
    """``PATCH``."""

    def test_made(self) -> None:
        """Commands change single servers of the upstream; what they do not name stays."""
        self.assertReply(self.ask("PATCH", HOST1, ADD), 200, b"success")
        self.assertReply(
            self.ask("PATCH", HOST1, b"set server 127.0.0.1:9 weight=5;\nremove server 127.0.0.1:8088;"),
            200,
            b"success",
        )
        self.assertEqual(self.servers(), b"server 127.0.0.1:9 weight=5\n")

    def test_all_or_nothing(self) -> None:
        """One bad command among good ones: 400 with its line, and nothing is changed."""
        table = {
            ADD + b"\nremove server nobody;": 'no server "nobody" in upstream "host1" in line 2',
            ADD + b"\n\xff": "text is not UTF-8 in line 2",
            b"": "no commands in line 1",
        }
        for body, reason in table.items():
            self.assertReply(self.ask("PATCH", HOST1, body), 400, f"patch failed: {reason}")
        self.assertEqual(self.servers(), b"server 127.0.0.1:8088\n")

    def test_unknown(self) -> None:
        """There must be an upstream to change."""
        self.assertReply(self.ask("PATCH", "/upstream/nobody", ADD), 404, "not found upstream")
        self.assertEqual(self.ask("PATCH", "/upstream/a%20b", ADD).status, 400)


class DryRunTests(ConditionsCase):
    """``?dry_run=1``."""

    def test_text(self) -> None:
        """Each kind of change tells what it would change, and changes nothing."""
        before = self.ask("GET", "/detail").body
        table = {
            ("POST", HOST1, b"server 127.0.0.1:8088 weight=2; server 127.0.0.1:9;"): (
                "would replace upstream host1\n"
                "~ server 127.0.0.1:8088 -> 127.0.0.1:8088 weight=2\n"
                "+ server 127.0.0.1:9\n"
            ),
            ("POST", HOST1, ONE.encode()): "would change nothing in upstream host1\n",
            ("POST", "/upstream/new", ONE.encode()): "would create upstream new\n+ server 127.0.0.1:8088\n",
            ("PATCH", HOST1, ADD): "would replace upstream host1\n+ server 127.0.0.1:9\n",
            ("DELETE", HOST1, None): "would delete upstream host1\n- server 127.0.0.1:8088\n",
        }
        for (method, path, body), text in table.items():
            self.assertReply(self.ask(method, f"{path}?dry_run=1", body), 200, text)
        self.assertEqual(self.ask("GET", "/detail").body, before)
        self.assertEqual(len(self.interface.store.commands), 3)

    def test_json(self) -> None:
        """As JSON for who prefers it, with the tag to make the change with."""
        reply = self.ask("PATCH", f"{HOST1}?dry_run=1", ADD, Accept="application/json")
        facts = json.loads(reply.body)
        self.assertEqual(reply.field("Content-Type"), "application/json")
        self.assertEqual((facts["action"], facts["servers"]["added"]), ("replace", ["server 127.0.0.1:9"]))
        self.assertEqual(facts["etag"], self.tag())

    def test_refused(self) -> None:
        """What would be refused is refused in the same words."""
        for method, path, body in (
            ("POST", HOST1, b"bogus;"),
            ("POST", "/upstream/a%20b", ONE.encode()),
            ("PATCH", HOST1, b"remove server nobody;"),
            ("PATCH", "/upstream/nobody", ADD),
            ("DELETE", "/upstream/nobody", None),
        ):
            dry, real = self.ask(method, f"{path}?dry_run=1", body), self.ask(method, path, body)
            self.assertEqual((dry.status, dry.body), (real.status, real.body))
        for method, body in (("POST", ONE.encode()), ("PATCH", ADD), ("DELETE", None)):
            self.assertEqual(self.ask(method, f"{HOST1}?dry_run=1", body, if_match='"x"').status, 412)

    def test_only_in_the_query(self) -> None:
        """A body that looks like a form cannot turn a change into a dry run; nor do ``0`` and nothing."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = b"server 127.0.0.1:1;#&dry_run=1&\n"
        self.assertReply(self.ask("POST", HOST1, body, **form), 200, b"success")
        for query in ("?dry_run=0", "?dry_run=", "?dry=1"):
            self.assertReply(self.ask("POST", HOST1 + query, ONE.encode()), 200, b"success")
