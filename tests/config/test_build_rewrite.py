"""``rewrite`` and the conditions of ``if``, as they are read."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.build_rewrite import parse_condition, parse_rewrite
from dyups.config.routing import Question
from dyups.config.scope import Scope
from tests.config.helpers import Table, message_of

SCOPE = Scope("/", Table())
BAD_REWRITES = {
    ("a", ""): "empty replacement",
    ("a", "b", "c"): 'invalid parameter "c"',
    ("a", "b", ""): 'invalid parameter ""',
    ("(", "b"): 'pcre2_compile() failed: missing closing parenthesis in "("',
    ("a", "$nosuch"): 'unknown "nosuch" variable',
}
BAD_CONDITIONS = {
    ("$host",): 'invalid condition "$host"',
    ("($host",): 'invalid condition "($host"',
    ("(",): 'invalid condition "("',
    ("(host)",): 'invalid condition "host"',
    ("($host", "a)"): 'invalid condition "$host"',
    ("($host", "==", "a)"): 'unexpected "==" in condition',
    ("(-g", "a)"): 'invalid condition "-g"',
    ("(-f", "a", "b)"): 'invalid condition "-f"',
    ("(!-f)",): 'invalid condition "!-f"',
    ("($host$uri)",): 'invalid condition "$host$uri"',
    ("($nosuch)",): 'unknown "nosuch" variable',
}


class Rewrites(SynchronousTestCase):
    """:func:`parse_rewrite`."""

    def test_flags(self) -> None:
        """Each flag has its meaning, and a URL redirects without one."""
        for args, expected in (
            (("a", "b"), (False, False, 0)),
            (("a", "b", "last"), (True, False, 0)),
            (("a", "b", "break"), (False, True, 0)),
            (("a", "b", "redirect"), (False, False, 302)),
            (("a", "b", "permanent"), (False, False, 301)),
            (("a", "https://b"), (False, False, 302)),
            (("a", "http://b", "permanent"), (False, False, 301)),
        ):
            step = parse_rewrite(args, SCOPE, log=False)
            self.assertEqual((step.last, step.breaks, step.redirect), expected)

    def test_pieces(self) -> None:
        """Captures are apart from texts, arguments from the path; ``?`` at the end drops the request's own."""
        step = parse_rewrite(("a", "/$1/x$host?b=$2$3?"), SCOPE, log=True)
        path = [piece if isinstance(piece, int) else piece.source for piece in step.path]
        args = [piece if isinstance(piece, int) else piece.source for piece in step.args or ()]
        self.assertEqual((path, args), (["/", 1, "/x$host"], ["b=", 2, 3]))
        self.assertEqual((step.keeps_args, step.log), (False, True))
        self.assertIsNone(parse_rewrite(("a", "b?"), SCOPE, log=False).args)

    def test_mistakes(self) -> None:
        """Mistakes are told in nginx's words."""
        found = {args: message_of(self, parse_rewrite, args, SCOPE, log=False) for args in BAD_REWRITES}
        self.assertEqual(found, BAD_REWRITES)


class Conditions(SynchronousTestCase):
    """:func:`parse_condition`."""

    def test_forms(self) -> None:
        """Every form, with its parentheses glued to the words or not."""
        for text, question, negated in (
            ("($host)", Question.TRUE, False),
            ("( $host )", Question.TRUE, False),
            ("($host = a)", Question.EQUAL, False),
            ("( ${host} != a )", Question.EQUAL, True),
            ("($1 ~ a)", Question.MATCH, False),
            ("($host !~* a)", Question.MATCH, True),
            ("(-f a)", Question.FILE, False),
            ("(!-d $uri )", Question.FOLDER, True),
            ("( -e a)", Question.EXISTS, False),
            ("(!-x a)", Question.EXECUTABLE, True),
        ):
            found = parse_condition(tuple(text.split()), SCOPE, log=False)
            self.assertEqual((found.question, found.negated), (question, negated), text)

    def test_caseless(self) -> None:
        """``~*`` looks away from case."""
        for operator, expected in (("~", False), ("~*", True)):
            regex = parse_condition(("($uri", operator, "A)"), SCOPE, log=False).regex
            assert regex is not None
            self.assertIs(regex.search(b"a") is not None, expected)

    def test_mistakes(self) -> None:
        """Mistakes are told in nginx's words."""
        found = {args: message_of(self, parse_condition, args, SCOPE, log=False) for args in BAD_CONDITIONS}
        self.assertEqual(found, BAD_CONDITIONS)
