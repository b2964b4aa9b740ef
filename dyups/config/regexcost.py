"""What a search may cost at worst: how long a text may be before it takes too many steps.

A search that goes back to try otherwise (Python's, PCRE's) may need as many steps as there are ways to part the text:
with ``^/(a+)+$`` that is 2 to the length of the path.  Owns an upper bound of these steps, from the tree of the
pattern; a bound that is too high costs a little time, one that is too low lets a client stop a worker.  Called by
``regex``.

How: each part is looked at together with what follows it (:class:`_Rest`).  Where a repeat and what may follow it have
no byte in common, there is but one place where the repeat can end, and coming back to it costs no more than a look at
each byte.  Otherwise each byte is a place to go on from, and the costs multiply.  A repeat of something that can itself
end in several places has no bound worth a number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from dyups.config.regextree import (
    END,
    EVERYTHING,
    Again,
    Chars,
    Choice,
    Look,
    Node,
    NotUnderstood,
    Place,
    Repeat,
    Sequence,
    read_pattern,
)

#: So many steps are nothing to worry about: a few milliseconds.
MOST_STEPS = 1_000_000
#: Texts are hardly longer: a whole head of a request has 32 KiB by default.
LONGEST = 32768
_UNROLLED = 4


@dataclass(frozen=True)
class _Rest:
    """What follows a part: its steps, the bytes that it can begin with, the steps until it fails with another."""

    steps: float = 1
    first: int = 0
    reject: float = 1


def longest_harmless(pattern: bytes, *, caseless: bool = False) -> int:
    """How many bytes a text may have for a search to be quick whatever they are; ``LONGEST`` for as many as it likes.

    ``pattern`` is one that Python compiles.  0 where there is no such length, or nobody knows.
    """
    try:
        tree = read_pattern(pattern, caseless=caseless)
        length = LONGEST
        while length and most_steps(tree, length) > MOST_STEPS:
            length //= 2
    except (NotUnderstood, RecursionError):
        return 0
    return length


def most_steps(tree: Node, length: int) -> float:
    """A bound of the steps of a search from every place where it may begin, in a text of ``length`` bytes."""
    steps = _steps(_without_end(tree), _Rest(), length).steps
    return steps if _anchored(tree) else steps * length


def _without_end(tree: Node) -> Node:
    """Without a last part that cannot fail: having come there, the search is over."""
    if isinstance(tree, Sequence) and tree.items:
        return Sequence((*tree.items[:-1], _without_end(tree.items[-1])))
    if isinstance(tree, Repeat) and isinstance(tree.body, Chars):
        return Repeat(tree.body, tree.low, tree.low)
    return tree


def _anchored(tree: Node) -> bool:
    if isinstance(tree, Choice):
        return all(_anchored(branch) for branch in tree.branches)
    if isinstance(tree, Sequence):
        return bool(tree.items) and _anchored(tree.items[0])
    return isinstance(tree, Place) and tree.start


def _steps(node: Node, rest: _Rest, length: int) -> _Rest:
    """``node`` and what follows it, together."""
    if isinstance(node, Chars):
        return _Rest(rest.steps + 1, node.mask)
    if isinstance(node, Place):
        # "$" holds at the end, and before a last newline.
        return (
            _Rest(2 * rest.steps + 1, END, 2)
            if node.end
            else _Rest(rest.steps + 1, rest.first, rest.reject + 1)
        )
    if isinstance(node, Look):
        cost = _steps(node.body, _Rest(), length).steps
        return _Rest(rest.steps + cost, rest.first, rest.reject + cost)
    if isinstance(node, Again):
        return _Rest(rest.steps + length, EVERYTHING, rest.reject + length)
    if isinstance(node, Sequence):
        for item in reversed(node.items):
            rest = _steps(item, rest, length)
        return rest
    if isinstance(node, Choice):
        return _either([_steps(branch, rest, length) for branch in node.branches])
    return _repeat(node, rest, length)


def _either(ways: Iterable[_Rest]) -> _Rest:
    """One of these: where no two begin alike, only one goes on."""
    steps, reject, first, apart, most = 0.0, 0.0, 0, True, 0.0
    for way in ways:
        apart = apart and not first & way.first
        steps, reject, first, most = (
            steps + way.steps,
            reject + way.reject,
            first | way.first,
            max(most, way.steps),
        )
    return _Rest(most + reject if apart else steps, first, reject)


def _repeat(node: Repeat, rest: _Rest, length: int) -> _Rest:
    body, low, high = node.body, node.low, node.high
    if isinstance(body, Chars):
        return _run(body.mask, low, length if high is None else min(high, length), rest)
    if high is not None and high <= _UNROLLED:
        found = rest
        for count in range(high):
            once = _steps(body, found, length)
            found = once if count >= high - low else _either([once, rest])
        return found
    return _loop(body, low, rest, length)


def _run(mask: int, low: int, most: int, rest: _Rest) -> _Rest:
    """A repeat of single bytes."""
    apart = not mask & rest.first
    steps = most * (1 + rest.reject) + rest.steps if apart else most + max(most - low + 1, 1) * rest.steps
    first = mask if low else mask | rest.first
    return _Rest(steps, first, 1 if low else 1 + rest.reject)


def _loop(body: Node, low: int, rest: _Rest, length: int) -> _Rest:
    """A repeat of anything else: no more than once over the text where it can go but one way."""
    first = _first(body, 0)
    reject = _steps(body, _Rest(), 1).reject
    if _nullable(body) or not _one_way(body, first | rest.first):
        return _Rest(inf, EVERYTHING, inf)
    apart = not first & rest.first
    once = _steps(body, _Rest(1, first | rest.first, reject + rest.reject), 1).steps
    steps = length * (once + (rest.reject if apart else rest.steps)) + rest.steps
    return _Rest(steps, first if low else first | rest.first, reject + (0 if low else rest.reject))


def _nullable(node: Node) -> bool:
    """May it match nothing?"""
    if isinstance(node, Chars):
        return False
    if isinstance(node, Sequence):
        return all(map(_nullable, node.items))
    if isinstance(node, Choice):
        return any(map(_nullable, node.branches))
    return not isinstance(node, Repeat) or node.low == 0 or _nullable(node.body)


def _first(node: Node, follow: int) -> int:
    """What it can begin with, before something that begins with ``follow``."""
    if isinstance(node, Chars):
        return node.mask
    if isinstance(node, Place):
        return END if node.end else follow
    if isinstance(node, Sequence):
        for item in reversed(node.items):
            follow = _first(item, follow)
        return follow
    if isinstance(node, Choice):
        found = 0
        for branch in node.branches:
            found |= _first(branch, follow)
        return found
    if isinstance(node, Repeat):
        return _first(node.body, follow) | (0 if node.low else follow)
    return EVERYTHING


def _one_way(node: Node, follow: int) -> bool:
    """From each place it can end but in one from which ``follow`` goes on."""
    if isinstance(node, Chars | Place):
        return True
    if isinstance(node, Sequence):
        for item in reversed(node.items):
            if not _one_way(item, follow):
                return False
            follow = _first(item, follow)
        return True
    if isinstance(node, Choice):
        ways = [_Rest(first=_first(branch, follow)) for branch in node.branches]
        apart = _either(ways).steps == 1 + len(ways)
        return apart and all(_one_way(branch, follow) for branch in node.branches)
    if isinstance(node, Repeat):
        if node.low == node.high:  # so many times, no choice
            return not _nullable(node.body) and _one_way(node.body, _first(node.body, 0) | follow)
        inside = _first(node.body, 0)
        return not inside & follow and not _nullable(node.body) and _one_way(node.body, inside | follow)
    return False
