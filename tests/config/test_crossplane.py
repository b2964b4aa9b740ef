"""Our tree of a configuration against crossplane's, on hand-picked samples and on generated texts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import crossplane
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.build import load
from dyups.config.lexer import quote
from dyups.config.parser import Directive, decode, parse_file, parse_text
from dyups.interfaces import Getter

SAMPLES = Path(__file__).parent / "samples"
#: crossplane knows only nginx's own rule for includes; the seed's needs the prefix.
NOT_FOR_CROSSPLANE = {"seed"}

Plain = tuple[str, tuple[str, ...], int, Any]


def ours(directives: tuple[Directive, ...]) -> list[Plain]:
    """Names, arguments, lines and blocks."""
    return [
        (item.name, item.args, item.line, None if item.block is None else ours(item.block))
        for item in directives
    ]


def theirs(parsed: list[dict[str, Any]]) -> list[Plain]:
    """The same of crossplane's answer, without the comments that it keeps from within a statement."""
    return [
        (
            item["directive"],
            tuple(item["args"]),
            item["line"],
            theirs(item["block"]) if "block" in item else None,
        )
        for item in parsed
        if item["directive"] != "#"
    ]


def crossplane_files(path: str, combine: bool) -> list[dict[str, Any]]:
    """crossplane's answer for each file, or for all as one."""
    payload = crossplane.parse(
        path, combine=combine, catch_errors=False, strict=False, check_ctx=False, check_args=False
    )
    found: list[dict[str, Any]] = payload["config"]
    return found


def main_files() -> dict[str, str]:
    """The main file of each sample by the sample's name."""
    found = {}
    for folder in sorted(SAMPLES.iterdir()):
        main = folder / "conf" / "nginx.conf"
        found[folder.name] = str(main if main.exists() else folder / "nginx.conf")
    return found


class Everything:
    """A table that knows every variable but those that the samples set."""

    def lookup(self, name: str) -> Getter | None:
        return None if name in ("a", "b", "c", "d", "sub", "target", "tenant") else lambda exchange: b""


# Names and words as they stand in configurations; crossplane ends a word at '}' and keeps escapes, nginx does not.
names = st.from_regex(r"[a-hj-z][a-z_]{0,8}", fullmatch=True)
words = st.one_of(
    st.from_regex(r"[a-zA-Z0-9/.:=~^*@()|?+,-]{1,12}", fullmatch=True),
    st.sampled_from(["$host", "${host}x", "a#b", "127.0.0.1:80", r"\.php$", "it's"]),
    st.text(st.sampled_from("ab ;{}#$\nü\t'"), max_size=8).map(lambda text: f'"{text}"'),
    st.text(st.sampled_from('ab ;{}#$\nü\t"'), max_size=8).map(lambda text: f"'{text}'"),
)
gaps = st.sampled_from([" ", "  ", "\n", "\t", "\n  ", " # a comment\n"])
heads = st.builds(
    lambda name, rest: name + "".join(gap + word for gap, word in rest),
    names,
    st.lists(st.tuples(gaps, words), max_size=4),
)
texts = st.recursive(
    st.builds("{}{};{}".format, heads, st.sampled_from(["", " "]), gaps),
    lambda inner: st.builds(
        lambda head, body, gap: f"{head} {{{gap}{''.join(body)}}}{gap}",
        heads,
        st.lists(inner, max_size=4),
        gaps,
    ),
    max_leaves=12,
)

# Without what would need an escape, which crossplane keeps, and white space that only crossplane takes for such.
quotable = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"], exclude_characters='\\"}')
    | st.just(" "),
    max_size=10,
)


class Samples(SynchronousTestCase):
    """Hand-picked configurations."""

    maxDiff = None

    def test_same_files(self) -> None:
        """Each file by itself, includes not followed, is as crossplane has it, and the files are the same."""
        compared = [path for name, path in main_files().items() if name not in NOT_FOR_CROSSPLANE]
        self.assertGreater(len(compared), 3)
        for path in compared:
            files = crossplane_files(path, combine=False)
            for item in files:
                text = decode(Path(item["file"]).read_bytes())
                self.assertEqual(ours(parse_text(text, item["file"])), theirs(item["parsed"]))
            self.assertEqual(set(parse_file(path).files), {item["file"] for item in files})

    def test_same_trees(self) -> None:
        """With the includes followed, the tree is crossplane's."""
        for name, path in main_files().items():
            if name not in NOT_FOR_CROSSPLANE:
                (item,) = crossplane_files(path, combine=True)
                self.assertEqual(ours(parse_file(path).directives), theirs(item["parsed"]))

    def test_all_build(self) -> None:
        """Every sample is a configuration that starts."""
        for name, path in main_files().items():
            made = load(path, variables=Everything())
            assert made.http is not None
            self.assertTrue(made.http.listens, name)


class Generated(SynchronousTestCase):
    """Texts that nobody picked."""

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())

    def compare(self, text: str) -> None:
        Path(self.path).write_text(text, encoding="utf-8", newline="")
        (item,) = crossplane_files(self.path, combine=False)
        self.assertEqual(ours(parse_file(self.path).directives), theirs(item["parsed"]))

    @settings(deadline=None, max_examples=150)
    @given(st.lists(texts, max_size=5))
    def test_same_trees(self, parts: list[str]) -> None:
        """Whatever the layout, both read the same tree."""
        self.compare("".join(parts))

    @settings(deadline=None, max_examples=80)
    @given(st.lists(quotable, min_size=1))
    def test_quoted_words(self, arguments: list[str]) -> None:
        """What we quote, crossplane reads as we do."""
        self.compare(" ".join(["name", *(quote(word) for word in arguments)]) + ";")
