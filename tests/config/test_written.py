"""Upstreams that are kept as they are written."""

from __future__ import annotations

import pickle

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ServerSpec, UpstreamSpec
from dyups.config.upstreams import parse_commands, parse_upstreams, print_upstream
from dyups.config.written import Written, cut, spec_of, text_of
from dyups.upstream.resolve import is_literal

PLAIN = "upstream one {\n    server 127.0.0.1:80 weight=2 max_conns=3 max_fails=0 down;\n}\n"
OTHERS = (
    "upstream two {\n    ip_hash;\n    server 127.0.0.1:80;\n}\n",
    "upstream two {\n    server app.example:80;\n}\n",
    "upstream two {\n    server unix:/run/a.sock;\n}\n",
    "upstream two {\n    server 127.0.0.1:80;\n    server 127.0.0.1:81 backup;\n}\n",
    "upstream two {\n    server 127.0.0.1:80 weight=1;\n}\n",
    "upstream two {\n    server 127.0.0.1:80 max_fails=1;\n}\n",
    "upstream two {\n    server 127.0.0.1:80 max_conns=0;\n}\n",
    "upstream two {\n    server 127.0.0.1:80 down weight=2;\n}\n",
    "upstream two {\n    server 127.0.0.1:80 weight=2 weight=3;\n}\n",
    "upstream two {\n    server 127.0.0.1:80 fail_timeout=10s;\n}\n",
    "upstream two { server 127.0.0.1:80; }\n",
    "upstream two {\n    server 127.0.0.1:80 route=a;\n}\n",
    'upstream two {\n    server "127.0.0.1:80";\n}\n',
    "upstream two {\n    # nothing\n    server 127.0.0.1:80;\n}\n",
    "# configured three\n",
)

ADDRESSES = st.tuples(*[st.integers(0, 255)] * 4).map(lambda parts: ".".join(map(str, parts)))
SERVERS = st.builds(
    lambda host, port, weight, down: ServerSpec(f"{host}:{port}", host, port, weight=weight, down=down),
    ADDRESSES,
    st.integers(1, 65535),
    st.integers(1, 999),
    st.booleans(),
)


class WrittenTests(SynchronousTestCase):
    """:class:`Written`."""

    def test_same(self) -> None:
        """It is the same as the upstream that is read from it, and as nothing else."""
        written = Written("one", PLAIN)
        spec = written.spec()
        self.assertEqual((text_of(written), text_of(spec), spec_of(written)), (PLAIN, PLAIN, spec))
        self.assertTrue(written == spec and spec == written)
        self.assertEqual(written, Written("one", PLAIN))
        self.assertEqual(hash(written), hash(Written("one", PLAIN)))
        self.assertNotEqual(written, parse_commands("one", "server 127.0.0.1:81;"))
        self.assertNotEqual(written, PLAIN)

    def test_handed_over(self) -> None:
        """It goes from process to process as text."""
        again = pickle.loads(pickle.dumps(Written("one", PLAIN)))
        self.assertEqual((again.name, again.text), ("one", PLAIN))


class CutTests(SynchronousTestCase):
    """:func:`cut`."""

    def test_plain(self) -> None:
        """Blocks of servers with literal addresses are cut out whole."""
        [found] = cut(PLAIN)
        assert isinstance(found, Written)
        self.assertEqual((found.name, found.text), ("one", PLAIN))

    def test_the_rest(self) -> None:
        """Whatever has more to it is left to be read, wherever it stands."""
        for other in OTHERS:
            for before, after in (("", ""), (PLAIN, ""), ("", PLAIN), (PLAIN, PLAIN)):
                text = before + other + after
                pieces = [piece if isinstance(piece, Written) else text[slice(*piece)] for piece in cut(text)]
                self.assertEqual(
                    pieces,
                    [*[Written("one", PLAIN)] * bool(before), other, *[Written("one", PLAIN)] * bool(after)],
                )

    def test_wrong(self) -> None:
        """What reading refuses, or takes for a name, is left to be read: nobody else would find out in time."""
        for server in (
            "127.0.0.1:0",
            "127.0.0.1:080",
            "127.0.0.1:65536",
            "127.0.0.1:99999",
            "256.0.0.1:80",
            "01.0.0.1:80",
            "127.0.0.1:80 weight=0",
            "127.0.0.1:80 weight=00",
        ):
            text = f"upstream two {{\n    server {server};\n}}\n"
            self.assertEqual([*cut(text)], [(0, len(text))], server)

    @settings(deadline=None)
    @given(
        st.tuples(*[st.integers(0, 300)] * 4),
        st.integers(0, 70000),
        st.lists(st.sampled_from(["weight=", "max_conns=", "max_fails="]), max_size=3),
        st.integers(0, 99),
    )
    def test_right(self, parts: tuple[int, ...], port: int, names: list[str], value: int) -> None:
        """What is kept as it is written can be read, and has nothing but addresses."""
        words = " ".join([f"{'.'.join(map(str, parts))}:{port}", *[f"{name}{value}" for name in names]])
        for piece in cut(f"upstream two {{\n    server {words};\n}}\n"):
            if isinstance(piece, Written):
                [server] = piece.spec().servers
                self.assertTrue(is_literal(server.host))

    def test_indented(self) -> None:
        """However it is indented, what is kept is the text that is printed of what it says."""
        text = (
            "  upstream one {\n\tserver 127.0.0.1:80 weight=2;\n        server 127.0.0.1:81 down;\n    }\n"
            + PLAIN
        )
        for found in cut(text):
            assert isinstance(found, Written)
            self.assertEqual(found.text, print_upstream(found.spec()))

    def test_in_a_comment(self) -> None:
        """A block that does not begin at the beginning of a line is none."""
        text = "# " + PLAIN + PLAIN
        [rest, found] = cut(text)
        self.assertEqual((rest, found), ((0, len(PLAIN) + 2), Written("one", PLAIN)))

    @settings(deadline=None)
    @given(st.lists(st.lists(SERVERS, min_size=1, max_size=3), max_size=4))
    def test_as_read(self, groups: list[list[ServerSpec]]) -> None:
        """What is cut out says what the reader of whole configurations reads."""
        specs = [UpstreamSpec(f"u{i}", tuple(servers)) for i, servers in enumerate(groups)]
        text = "".join(map(print_upstream, specs))
        pieces = [*cut(text)]
        self.assertTrue(all(isinstance(piece, Written) for piece in pieces))
        self.assertEqual(pieces, specs)
        self.assertEqual(parse_upstreams(text, "f"), specs)
