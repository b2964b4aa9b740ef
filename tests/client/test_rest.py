"""Tests of dyups.client.rest: the client against the very resource that the proxy serves, without sockets."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseNeverReceived
from twisted.web.resource import Resource

from dyups.client.rest import Shown
from dyups.errors import (
    ChangeError,
    ChangeFailed,
    CommandRefused,
    LockHeld,
    LostRace,
    UnexpectedAnswer,
    UnknownUpstream,
    Unreachable,
)
from tests.client.service import Flushed, Service, client_of

ONE = "server 127.0.0.1:8088;"
TWO = "server 127.0.0.1:8089 weight=2;\nserver 127.0.0.1:8088;\n"
T = TypeVar("T")


class ClientCase(SynchronousTestCase):
    """A client and its interface."""

    trylock = False
    wait = True

    def setUp(self) -> None:
        self.service = Service(self, trylock=self.trylock, wait=self.wait)
        self.client = self.service.client

    def call(self, call: Coroutine[Any, Any, T]) -> Deferred[T]:
        return Deferred.fromCoroutine(call)

    def result(self, call: Coroutine[Any, Any, T]) -> T:
        return self.successResultOf(self.call(call))

    def error(self, call: Coroutine[Any, Any, Any], kind: type[Exception]) -> Any:
        return self.failureResultOf(self.call(call), kind).value


class CallsTests(ClientCase):
    """What the interface offers."""

    def test_life_of_an_upstream(self) -> None:
        """Set, listed, shown, patched, deleted."""
        self.result(self.client.set("host", TWO))
        self.assertEqual(self.result(self.client.list()), ["host"])
        shown = self.result(self.client.show("HOST"))
        self.assertEqual(shown.commands, TWO)
        self.result(self.client.patch("host", "remove server 127.0.0.1:8089;"))
        self.assertEqual(self.result(self.client.show("host")).commands, f"{ONE}\n")
        self.result(self.client.delete("host"))
        self.assertEqual(self.result(self.client.list()), [])

    def test_facts(self) -> None:
        """Details, and the workers."""
        self.assertEqual(self.result(self.client.detail()), {"sequence": 0, "upstreams": []})
        self.result(self.client.set("host", TWO))
        detail = self.result(self.client.detail())
        self.assertEqual((detail["sequence"], detail["upstreams"][0]["name"]), (1, "host"))
        self.assertEqual(self.result(self.client.facts("host")), detail["upstreams"][0])
        (worker,) = self.result(self.client.workers())
        self.assertEqual((worker["sequence"], worker["state"]), (1, "accepting"))

    def test_unless(self) -> None:
        """What has not changed is not sent again, from before the first upstream on."""
        tag, detail = self.result(self.client.detail_unless(""))
        self.assertEqual(detail, {"sequence": 0, "upstreams": []})
        self.assertEqual(self.result(self.client.detail_unless(tag)), (tag, None))
        self.result(self.client.set("host", ONE))
        again, detail = self.result(self.client.detail_unless(tag))
        assert detail is not None
        self.assertNotEqual(again, tag)
        self.assertEqual(detail["sequence"], 1)

    def test_conditions(self) -> None:
        """Only if nobody was faster, only if there is none."""
        self.result(self.client.set("host", ONE, create=True))
        self.error(self.client.set("host", TWO, create=True), LostRace)
        shown = self.result(self.client.show("host"))
        self.result(self.client.set("host", TWO, if_match=shown.etag))
        for call in (
            self.client.set("host", ONE, if_match=shown.etag),
            self.client.patch("host", "add server 127.0.0.1:1;", if_match=shown.etag),
            self.client.delete("host", if_match=shown.etag),
        ):
            self.error(call, LostRace)
        self.assertEqual(self.result(self.client.show("host")).commands, TWO)

    def test_preview(self) -> None:
        """What would change, as facts and as text; nothing has."""
        facts = self.result(self.client.preview("POST", "host", ONE))
        self.assertEqual((facts["action"], facts["servers"]["added"]), ("create", [ONE.rstrip(";")]))
        text = self.result(self.client.preview_text("POST", "host", ONE))
        self.assertEqual(text, "would create upstream host\n+ server 127.0.0.1:8088\n")
        self.assertEqual(self.result(self.client.list()), [])

    def test_show_can_be_set(self) -> None:
        """What is shown of one upstream makes the same again under another name."""
        body = "hash $arg_x consistent;\nkeepalive 4;\nserver 127.0.0.1:1 down;\nserver 127.0.0.2:2 max_fails=0;\n"
        self.service.interface.upstreams.variables = _Everything()
        self.result(self.client.set("one", body))
        self.result(self.client.set("other", self.result(self.client.show("one")).commands))
        one, other = (self.result(self.client.show(name)) for name in ("one", "other"))
        self.assertEqual(sorted(one.commands.splitlines()), sorted(body.splitlines()))
        self.assertEqual(one.commands, other.commands)

    @settings(deadline=None, max_examples=30)
    @given(
        st.text(
            st.characters(codec="utf-8", exclude_characters="/;{}\"'\\$", exclude_categories=["C", "Z"]),
            min_size=1,
            max_size=12,
        )
    )
    def test_any_name(self, name: str) -> None:
        """Any name that an upstream may have reaches the interface as it is."""
        self.setUp()
        self.result(self.client.set(name, ONE))
        self.assertEqual(self.result(self.client.list()), [name])
        self.assertEqual(
            self.result(self.client.show(name)),
            Shown(f"{ONE}\n", self.result(self.client.facts(name))["etag"]),
        )


class _Everything:
    """A table that knows every variable."""

    def lookup(self, name: str) -> Any:
        return lambda exchange: b""


class ErrorsTests(ClientCase):
    """What goes wrong."""

    def test_refused(self) -> None:
        """Each status is its own error, with the interface's reason."""
        reason = self.error(self.client.set("host", "bogus;"), CommandRefused).reason
        self.assertEqual(reason, 'add server failed: unknown directive "bogus" in line 1')
        for call in (self.client.show("host"), self.client.facts("host"), self.client.delete("host")):
            self.assertEqual(self.error(call, UnknownUpstream).reason, "not found upstream")
        self.service.interface.store.error = OSError(28, "No space left on device")
        self.error(self.client.set("host", ONE), ChangeFailed)

    def test_something_else(self) -> None:
        """A server that is no interface is not taken for one, whatever it answers."""
        for body, kind, status in (
            (b"<html>", b"text/html", 200),
            (b"<html>", b"text/html", 404),
            (b"not support this interface", b"text/plain", 404),
            (b"{}", b"application/json", 403),
            (b"denied", b"text/plain", 403),
        ):
            client = client_of(Flushed(_Page(body, kind, status)), Clock())
            for call in (client.list(), client.facts("x")):
                self.assertEqual(self.error(call, UnexpectedAnswer).status, status)

    def test_answers_everything(self) -> None:
        """A web server that answers everything with 200 has changed nothing, and knows no upstream."""
        for body in (b"8088", b"[]", b"{}", b"server 127.0.0.1:1;", b"successful"):
            client = client_of(Flushed(_Page(body, b"text/plain", 200)), Clock())
            calls: list[Coroutine[Any, Any, Any]] = [
                client.list(),
                client.detail(),
                client.detail_unless(""),
                client.show("x"),
                client.facts("x"),
                client.workers(),
                client.set("x", ONE),
                client.patch("x", "drain server 127.0.0.1:1;"),
                client.delete("x"),
                client.preview("POST", "x", ONE),
                client.preview_text("POST", "x", ONE),
            ]
            for call in calls:
                self.assertIn("no dyups interface", self.error(call, UnexpectedAnswer).reason)

    def test_denied(self) -> None:
        """Who may not ask is told so, in words of one line, and what may help."""
        for status, word in (
            (401, "password"),
            (403, "address"),
            (413, "large"),
            (502, "no dyups interface"),
        ):
            client = client_of(Flushed(_Page(b"<html>", b"text/html", status)), Clock())
            error = self.error(client.set("x", ONE), UnexpectedAnswer)
            self.assertEqual(error.status, status)
            self.assertTrue(error.reason.startswith(f"the answer is {status}: ") and word in error.reason)

    def test_password(self) -> None:
        """Name and password of the URL are sent with each request, and stand in no message."""
        agent = Flushed(_Page(b"[]", b"text/html", 401))
        client = client_of(agent, Clock(), url="http://me:secret@h")
        self.error(client.list(), UnexpectedAnswer)
        ((_, uri, headers),) = agent.asked
        self.assertEqual(headers.getRawHeaders("Authorization"), ["Basic bWU6c2VjcmV0"])
        self.assertEqual((uri, client.url), (b"http://h/list", "http://h"))

    def test_unreachable(self) -> None:
        """No connection, or one that breaks: nothing is known, and the reason says why."""
        broken = ResponseNeverReceived([Failure(ConnectionRefusedError("nobody"))])
        for error, reason in ((ConnectionRefusedError("nobody"), "nobody"), (broken, "nobody")):
            client = client_of(_Failing(error), Clock(), url="http://admin")
            found = str(self.error(client.set("x", ONE), Unreachable))
            self.assertTrue(found.startswith("http://admin: ") and reason in found, found)

    def test_late(self) -> None:
        """An answer that takes longer than ``timeout`` is waited for no more."""
        self.service.interface.store.answer = Deferred()
        called = self.call(self.client.set("host", ONE))
        self.service.clock.advance(9.9)
        self.assertNoResult(called)
        self.service.clock.advance(0.2)
        self.assertEqual(
            str(self.failureResultOf(called, Unreachable).value), "http://x: no answer within 10 seconds"
        )
        self.service.interface.store.answer.callback(None)

    def test_close(self) -> None:
        """A client can be closed, and closed again."""
        self.result(self.client.close())
        self.result(self.client.close())


class _Page(Resource):
    """Some web server."""

    isLeaf = True

    def __init__(self, body: bytes, kind: bytes, status: int) -> None:
        super().__init__()
        self._answer = body, kind, status

    def render(self, request: Any) -> bytes:
        body, kind, status = self._answer
        request.setResponseCode(status)
        request.setHeader(b"Content-Type", kind)
        return body


class _Failing:
    """An agent that reaches nobody."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def request(self, *args: Any, **keywords: Any) -> Deferred[Any]:
        return fail(self._error)


class HeldLockTests(ClientCase):
    """``dyups_trylock on``."""

    trylock = True

    def hold(self) -> None:
        """Another change is under way."""
        self.successResultOf(self.service.interface.lock.acquire())

    def test_waits(self) -> None:
        """A call that meets a held lock is made again when the interface says, until it is let in."""
        self.hold()
        called = self.call(self.client.set("host", ONE))
        self.service.clock.advance(0.9)
        self.assertEqual(len(self.service.agent.asked), 1)
        self.service.clock.advance(0.1)
        self.assertEqual(len(self.service.agent.asked), 2)
        self.service.interface.lock.release()
        self.service.clock.advance(1.0)
        self.assertIsNone(self.successResultOf(called))
        self.assertEqual(len(self.service.agent.asked), 3)

    def test_not_for_ever(self) -> None:
        """The patience has the bound of the call, and ends with the interface's own words."""
        self.hold()
        called = self.call(self.client.patch("host", "add server 127.0.0.1:1;"))
        self.service.clock.pump([1.0] * 10)
        self.assertEqual(self.failureResultOf(called, LockHeld).value.reason, "wait and try again")
        self.assertEqual(len(self.service.agent.asked), 10)

    def test_reads_do_not_wait(self) -> None:
        """Reading needs no lock."""
        self.hold()
        self.assertEqual(self.result(self.client.list()), [])


class ImpatientTests(HeldLockTests):
    """A client that does not wait."""

    wait = False

    def test_waits(self) -> None:
        """The first answer is the last."""
        self.hold()
        self.error(self.client.set("host", ONE), LockHeld)
        self.assertEqual(len(self.service.agent.asked), 1)

    def test_not_for_ever(self) -> None:
        """Each kind of change."""
        self.hold()
        for call in (self.client.delete("x"), self.client.patch("x", "y")):
            self.assertIsInstance(self.error(call, LockHeld), ChangeError)
