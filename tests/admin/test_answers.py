"""Tests of dyups.admin.answers."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from dyups.admin.answers import Answer, allowed, as_json, nowhere, of_error, send, wants_json
from dyups.errors import ChangeFailed, CommandRefused, LockHeld, UnknownUpstream


class AcceptTests(SynchronousTestCase):
    """Text or JSON, by the ``Accept`` field."""

    def test_table(self) -> None:
        """JSON goes to those who prefer it; everybody else gets what the C module gives."""
        table = {
            None: False,
            "": False,
            "*/*": False,
            "text/plain": False,
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": False,
            "application/json": True,
            "APPLICATION/JSON": True,
            "application/json; charset=utf-8": True,
            "application/json;q=0.5": True,
            "application/json;q=0": False,
            "application/json;q=0.0, */*": False,
            "application/json, text/plain, */*": True,
            "text/plain, application/json": False,
            "text/plain;q=0.5, application/json": True,
            "text/plain, application/json;q=0.9": False,
            "text/*, application/json": True,
            "application/*": True,
            "*/*, application/*": True,
            "*/*;q=0.1, application/json;q=0.1": True,
            "application/json;q=nonsense": False,
            "application/json;q=1.5, text/plain": False,
            "application/json ; q=0.8 , text/plain ; q=0.7": True,
            "json": False,
            ",,;;": False,
        }
        for accept, expected in table.items():
            self.assertIs(wants_json(accept), expected, accept)

    @given(st.text(st.sampled_from("ajpt/*;,q=01. x"), max_size=40) | st.text(max_size=20))
    @settings(deadline=None)
    def test_anything(self, accept: str) -> None:
        """Any field is understood or passed over; without a word of it nobody gets JSON."""
        if wants_json(accept):
            self.assertRegex(accept.lower(), r"application\s*/\s*(json|\*)")


class ErrorTests(SynchronousTestCase):
    """Errors of the change path as answers."""

    def test_table(self) -> None:
        """Each error has its status, and says its reason as it is."""
        table = {
            CommandRefused("add server failed: x"): (400, "add server failed: x"),
            UnknownUpstream("not found upstream"): (404, "not found upstream"),
            LockHeld(): (409, "wait and try again\n"),
            ChangeFailed("no room"): (500, "no room"),
        }
        for error, expected in table.items():
            answer = of_error(error)
            self.assertEqual((answer.status, answer.text), expected)

    def test_retry_after(self) -> None:
        """Who finds the lock held is told to come again in a second."""
        self.assertEqual(of_error(LockHeld()).fields, (("Retry-After", "1"),))

    def test_nowhere(self) -> None:
        """What no call matches is told apart by method, then number of parts, then word."""
        table = {
            ("GET", "a"): (404, "not support this interface"),
            ("HEAD", "a/b"): (404, "not support this api"),
            ("POST", "list"): (404, "not support this interface"),
            ("POST", "a/b"): (404, "not support this api"),
            ("DELETE", "upstream"): (405, "not support this interface"),
            ("DELETE", "a/b"): (405, "not support this api"),
        }
        for (method, path), expected in table.items():
            answer = nowhere(method, path.split("/"))
            self.assertEqual((answer.status, answer.text), expected)

    def test_allowed(self) -> None:
        """Only an upstream can be written."""
        self.assertEqual(allowed(["upstream", "x"]), "GET, HEAD, POST, PATCH, DELETE")
        for path in ([], ["list"], ["upstream"], ["x", "y"]):
            self.assertEqual(allowed(path), "GET, HEAD")


class SendTests(SynchronousTestCase):
    """The fields of every answer."""

    def test_text(self) -> None:
        """A body goes with its type and its length in bytes, and is not to be cached or guessed at."""
        request = DummyRequest([b""])
        self.assertEqual(send(request, Answer(404, "hü", fields=(("Allow", "GET"),))), b"h\xc3\xbc")
        sent = dict(request.responseHeaders.getAllRawHeaders())
        self.assertEqual(
            sent,
            {
                b"Allow": [b"GET"],
                b"Cache-Control": [b"no-store"],
                b"Content-Length": [b"3"],
                b"Content-Type": [b"text/plain; charset=utf-8"],
                b"X-Content-Type-Options": [b"nosniff"],
            },
        )
        self.assertEqual(request.responseCode, 404)

    def test_no_content(self) -> None:
        """204 has neither type nor length."""
        request = DummyRequest([b""])
        self.assertEqual(send(request, Answer(204)), b"")
        self.assertFalse(request.responseHeaders.hasHeader("Content-Type"))
        self.assertFalse(request.responseHeaders.hasHeader("Content-Length"))

    def test_json(self) -> None:
        """JSON keeps letters as they are, and ends with a newline."""
        answer = as_json({"name": "hü"}, 400)
        self.assertEqual((answer.status, answer.media_type), (400, "application/json"))
        self.assertIn("hü", answer.text)
        self.assertTrue(answer.text.endswith("}\n"))
        self.assertEqual(json.loads(answer.text), {"name": "hü"})
