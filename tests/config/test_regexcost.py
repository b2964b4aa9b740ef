"""What searches may cost at worst."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.regexcost import LONGEST, longest_harmless, most_steps
from dyups.config.regextree import Chars, Choice, Look, Node, Place, Repeat, Sequence

QUICK = (
    r"\.php$",
    r"^/(.*)$",
    r"^/api/v(\d+)/(.*)$",
    r"\.(?:css|js|jpe?g|png)$",
    r"^(?P<sub>[^.]+)\.example\.com$",
    r"^(?:/[^/]+)*$",
    r"^([^/]+/)+x",
    r"/\.(?!well-known)",
    r"^/(\w+)=\1$",
    r"^(?:https?://)?([^/:]+)(?::\d+)?(/.*)?$",
    r"(?i)googlebot|bing",
    ".*",
)
SLOW_WHEN_LONG = (r"^/(.*)/(.*)$", r"^/a.*b.*c$", r"(?:Mobile|Android).*Safari", r"(a|b)*c", r"[a-z]+\.php")
ENDLESS = (
    r"^/(a+)+$",
    r"^(a|ab)*c$",
    r"^(a|a)*$",
    r"^(\w+\s?)*$",
    r"(x+x+)+y",
    r"^(a?){30}a{30}$",
    r"^(a*)*b",
    r"^((a)|a)+$",
    r"^(\d+|[a-f]+)*$",
    r"(?>a)b",
)


class LengthTests(SynchronousTestCase):
    """How long a text may be."""

    def test_quick(self) -> None:
        """Most expressions of real configurations can be asked about anything."""
        self.assertEqual({p: longest_harmless(p.encode()) for p in QUICK}, dict.fromkeys(QUICK, LONGEST))

    def test_slow(self) -> None:
        """Where costs multiply there is a length up to which nothing happens."""
        for pattern in SLOW_WHEN_LONG:
            self.assertTrue(30 < longest_harmless(pattern.encode()) < 2000, pattern)

    def test_endless(self) -> None:
        """Where the steps double with each byte, or nobody knows, there is none."""
        self.assertEqual({p: longest_harmless(p.encode()) for p in ENDLESS}, dict.fromkeys(ENDLESS, 0))


A, B = Chars(1 << 97), Chars(1 << 98)
EITHER = Chars(A.mask | B.mask)


def larger(smaller: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Trees of trees."""
    several = st.lists(smaller, min_size=1, max_size=3).map(tuple)
    times = st.sampled_from(((0, None), (1, None), (0, 1), (1, 2), (2, 2), (0, 6)))
    return st.one_of(
        several.map(Sequence),
        several.map(Choice),
        st.builds(lambda body, low_high: Repeat(body, *low_high), smaller, times),
        st.builds(Look, smaller),
    )


TREES = st.recursive(st.sampled_from((A, B, EITHER, Place(end=True))), larger, max_leaves=7)


class TooMany(Exception):
    """Enough was counted."""


class Search:
    """A search that goes back, as plain as can be, and counts the bytes it looks at."""

    def __init__(self, text: bytes, most: int) -> None:
        self.text = text
        self.most = most
        self.steps = 0

    def run(self, tree: Node) -> None:
        """From every place, until it is found."""
        any(self.at(tree, start, lambda end: True) for start in range(len(self.text)))

    def at(self, node: Node, place: int, then: Callable[[int], bool]) -> bool:
        """Does it match at ``place``, and ``then`` what follows?"""
        if isinstance(node, Chars):
            self.steps += 1
            if self.steps > self.most:
                raise TooMany
            return place < len(self.text) and bool(node.mask >> self.text[place] & 1) and then(place + 1)
        if isinstance(node, Place):
            return place == len(self.text) and then(place)
        if isinstance(node, Look):
            return self.at(node.body, place, lambda end: True) and then(place)
        if isinstance(node, Choice):
            return any(self.at(branch, place, then) for branch in node.branches)
        if isinstance(node, Repeat):
            return self.again(node, 0, place, then)
        assert isinstance(node, Sequence)
        return self.after(node.items, place, then)

    def after(self, items: tuple[Node, ...], place: int, then: Callable[[int], bool]) -> bool:
        """One after the other."""
        return (
            self.at(items[0], place, lambda end: self.after(items[1:], end, then)) if items else then(place)
        )

    def again(self, node: Repeat, count: int, place: int, then: Callable[[int], bool]) -> bool:
        """As often as it can be, and then less often; what matched nothing is not tried again."""
        more = node.high is None or count < node.high
        if more and self.at(
            node.body,
            place,
            lambda end: (end > place or count < node.low) and self.again(node, count + 1, end, then),
        ):
            return True
        return count >= node.low and then(place)


class BoundTests(SynchronousTestCase):
    """The bound against a search that counts."""

    @settings(deadline=None, max_examples=400)
    @given(TREES, st.text("ab", min_size=1, max_size=14))
    def test_never_too_low(self, tree: Node, text: str) -> None:
        """No search takes more steps."""
        bound = most_steps(tree, len(text) + 1)
        if bound > 20_000:
            return
        search = Search(text.encode(), int(bound))
        try:
            search.run(tree)
        except TooMany:
            self.fail(f"more than {bound} steps for {text!r} with {tree}")

    def test_counts(self) -> None:
        """The search that counts finds what is known to be slow."""
        search = Search(b"a" * 16 + b"b", 100_000)
        self.assertRaises(
            TooMany, search.run, Sequence((Repeat(Repeat(A, 1, None), 1, None), Place(end=True)))
        )
