"""``rewrite`` and the conditions of ``if``, from their words to the steps of ``routing``.

Owns the syntax of both (``ngx_http_rewrite_module``).  Called by ``build_steps``; running them is the data plane's.
"""

from __future__ import annotations

import re

from dyups.config.regex import compile_regex
from dyups.config.routing import Condition, Piece, Question, RewriteStep
from dyups.config.scope import Scope
from dyups.config.variables import constant
from dyups.errors import ConfigError

_CAPTURE = re.compile(r"\$([1-9])")
_FLAGS = ("", "last", "break", "redirect", "permanent")
_FILE_TESTS = {"f": Question.FILE, "d": Question.FOLDER, "e": Question.EXISTS, "x": Question.EXECUTABLE}
_VARIABLE = re.compile(r"\$(?:[A-Za-z0-9_]+|\{[A-Za-z0-9_]+\})\Z")


def parse_rewrite(args: tuple[str, ...], scope: Scope, *, log: bool) -> RewriteStep:
    """The step of ``rewrite``; raises ConfigError, without a place."""
    source, replacement, flag = (*args, "")[:3]
    if not replacement:
        raise ConfigError("empty replacement")
    if flag not in _FLAGS or (not flag and len(args) == 3):
        raise ConfigError(f'invalid parameter "{flag}"')
    redirect = {"redirect": 302, "permanent": 301}.get(flag, 0)
    if replacement.startswith(("http://", "https://", "$scheme")):
        redirect = redirect or 302
    keeps_args = not replacement.endswith("?")
    replacement = replacement if keeps_args else replacement[:-1]
    path, question, query = (replacement, "", "") if redirect else replacement.partition("?")
    has_args = bool(question) or (bool(redirect) and "?" in replacement)
    return RewriteStep(
        compile_regex(source),
        source,
        _pieces(path, scope),
        _pieces(query, scope) if has_args else None,
        keeps_args,
        last=flag == "last",
        breaks=flag == "break",
        redirect=redirect,
        log=log,
    )


def _pieces(text: str, scope: Scope) -> tuple[Piece, ...]:
    """Texts and the numbers of captures, in turn."""
    pieces: list[Piece] = []
    for index, part in enumerate(_CAPTURE.split(text)):
        if index % 2:
            pieces.append(int(part))
        elif part:
            pieces.append(scope.template(part))
    return tuple(pieces)


def parse_condition(args: tuple[str, ...], scope: Scope, *, log: bool) -> Condition:
    """The condition of ``if``, in its parentheses; raises ConfigError, without a place."""
    words = _unwrapped(args)
    first = words[0] if words else ""
    if first.startswith("$") and len(first) > 1:
        return _about_variable(words, scope, log)
    negated = first.startswith("!")
    question = _FILE_TESTS.get(first[1 + negated :]) if first[negated:].startswith("-") else None
    if question is None or len(words) != 2:
        raise ConfigError(f'invalid condition "{first}"')
    return Condition(question, scope.template(words[1]), negated=negated, log=log)


def _unwrapped(args: tuple[str, ...]) -> list[str]:
    words = list(args)
    if not words or not words[0].startswith("("):
        raise ConfigError(f'invalid condition "{words[0] if words else ""}"')
    if not words[-1].endswith(")"):
        raise ConfigError(f'invalid condition "{words[-1]}"')
    words[0] = words[0][1:]
    if not words[0]:
        del words[0]
    if not words:
        raise ConfigError('invalid condition "("')
    words[-1] = words[-1][:-1]
    if not words[-1]:
        del words[-1]
    return words


def _about_variable(words: list[str], scope: Scope, log: bool) -> Condition:
    if len(words) not in (1, 3) or _VARIABLE.match(words[0]) is None:
        raise ConfigError(f'invalid condition "{words[0]}"')
    subject = scope.template(words[0])
    if len(words) == 1:
        return Condition(Question.TRUE, subject, log=log)
    operator, operand = words[1:]
    negated = operator.startswith("!")
    if operator in ("=", "!="):
        return Condition(Question.EQUAL, subject, scope.template(operand), negated=negated, log=log)
    if operator not in ("~", "~*", "!~", "!~*"):
        raise ConfigError(f'unexpected "{operator}" in condition')
    regex = compile_regex(operand, caseless=operator.endswith("*"))
    return Condition(Question.MATCH, subject, constant(operand), regex, negated, log)
