"""Texts with variables."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Template
from dyups.config.variables import (
    NoVariables,
    WithUser,
    capture_getter,
    compile_template,
    concatenate,
    constant,
    has_variables,
    is_changeable,
    user_getter,
)
from tests.config.helpers import Exchange, Table, message_of

USER = frozenset({"mine", "http_x"})
RENDERED = {
    "": b"",
    "text": b"text",
    "$host": b"<host>",
    "${host}": b"<host>",
    "$HOST": b"<host>",
    "a$host": b"a<host>",
    "$host-b": b"<host>-b",
    "a$host$uri/b": b"a<host><uri>/b",
    "${host}name": b"<host>name",
    "$mine": b"own",
    "$1$2": b"onetwo",
    "$10": b"one0",
    "$9": b"",
    "$http_user_agent": b"<http_user_agent>",
    "$http_x": b"",
    "ä$host": "ä<host>".encode(),
}
ERRORS = {
    "$nosuch": 'unknown "nosuch" variable',
    "${nosuch}": 'unknown "nosuch" variable',
    "$0": 'unknown "0" variable',
    "a$": "invalid variable name",
    "$-": "invalid variable name",
    "${}": "invalid variable name",
    "${": "invalid variable name",
    "${host": 'the closing bracket in "host" variable is missing',
    "${host-}": 'the closing bracket in "host" variable is missing',
}


def template(text: str) -> Template:
    return compile_template(text, Table(), USER)


class Templates(SynchronousTestCase):
    """What texts render."""

    def test_rendered(self) -> None:
        """Names are without case, braces separate them, one digit is a capture."""
        exchange = Exchange({"mine": b"own"}, re.match(b"(one)(two)", b"onetwo"))
        self.assertEqual({text: template(text).render(exchange) for text in RENDERED}, RENDERED)

    def test_errors(self) -> None:
        """An unknown name or none at all is an error."""
        self.assertEqual({text: message_of(self, template, text) for text in ERRORS}, ERRORS)

    def test_constant(self) -> None:
        """A text without variables has its value at once."""
        self.assertEqual(template("abc").constant, b"abc")
        self.assertEqual(template("").constant, b"")
        self.assertIsNone(template("$host").constant)

    def test_single_variable_is_its_getter(self) -> None:
        """The hottest text of all, one variable, has nothing around its getter."""

        class OneGetter(NoVariables):
            def lookup(self, name: str) -> object:  # type: ignore[override]
                return getter

        getter = user_getter("x")
        self.assertIs(compile_template("$host", OneGetter(), ()).render, getter)  # type: ignore[arg-type]

    @settings(deadline=None)
    @given(st.lists(st.sampled_from(["a", "-", "$host", "${uri}", "$mine", "ü"])))
    def test_any_mixture(self, parts: list[str]) -> None:
        """A text renders as its parts rendered one after the other, however it is compiled."""
        exchange = Exchange({"mine": b"own"})
        separated = [part + "/" for part in parts]
        expected = b"".join(template(part).render(exchange) for part in separated)
        self.assertEqual(template("".join(separated)).render(exchange), expected)
        self.assertEqual(concatenate([template(part) for part in separated]).render(exchange), expected)


class Sources(SynchronousTestCase):
    """Where values come from."""

    def test_captures(self) -> None:
        """A capture is empty without a match, without such a group, and where the group matched nothing."""
        read = capture_getter(2)
        self.assertEqual(read(Exchange()), b"")
        self.assertEqual(read(Exchange(captures=re.match(b"(a)", b"a"))), b"")
        self.assertEqual(read(Exchange(captures=re.match(b"(a)(b)?", b"a"))), b"")
        self.assertEqual(read(Exchange(captures=re.match(b"(a)(b)?", b"ab"))), b"b")

    def test_user(self) -> None:
        """A variable that was never set is empty."""
        self.assertEqual(user_getter("x")(Exchange()), b"")

    def test_with_user(self) -> None:
        """A table may be given the names that a configuration defines, which hide built-in ones."""
        table = WithUser(Table(), frozenset({"mine", "http_x"}))
        exchange = Exchange({"mine": b"own", "http_x": b"set"})
        rendered = compile_template("$mine $http_x $host", table, ()).render(exchange)
        self.assertEqual(rendered, b"own set <host>")
        self.assertIsNone(table.lookup("other"))

    def test_replaced(self) -> None:
        """``$proxy_host`` is what ``set`` says for the request, and the built-in one where it says nothing."""
        self.assertTrue(is_changeable("proxy_host", Table()))
        text = compile_template("$proxy_host", Table(), {"proxy_host"})
        self.assertEqual(text.render(Exchange()), b"<proxy_host>")
        self.assertEqual(text.render(Exchange({"proxy_host": b""})), b"")
        self.assertEqual(text.render(Exchange({"proxy_host": b"mine"})), b"mine")

    def test_constant_knows_no_variable(self) -> None:
        """A dollar can be just a dollar."""
        self.assertEqual(constant("$host").constant, b"$host")

    def test_concatenate_one(self) -> None:
        """One template is itself."""
        one = template("$host")
        self.assertIs(concatenate([one]), one)

    def test_helpers(self) -> None:
        """A dollar makes a text variable; built-in names are taken, save those with nginx's prefixes."""
        self.assertTrue(has_variables("a$b"))
        self.assertFalse(has_variables("ab"))
        self.assertFalse(is_changeable("host", Table()))
        self.assertTrue(is_changeable("http_host", Table()))
        self.assertTrue(is_changeable("mine", Table()))
        self.assertIsNone(NoVariables().lookup("host"))
