"""Tests of dyups.admin.preview."""

from __future__ import annotations

import json
import re
from pathlib import Path
from textwrap import indent

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.admin.preview import Preview, preview, preview_facts, preview_text
from dyups.config.upstreams import parse_commands
from dyups.control.condition import etag_of
from dyups.proxy.variables import ProxyVariables
from dyups.upstream.group import Group

TABLE = ProxyVariables()
THREE = "server a:1;server b:1;server c:1;"


def look(before: str | None, after: str | None) -> Preview:
    """The difference between two bodies; None for no upstream."""
    group = None if before is None else Group(parse_commands("u", before, TABLE), {}, None, TABLE)
    return preview("u", group, None if after is None else parse_commands("u", after, TABLE))


class DifferenceTests(SynchronousTestCase):
    """Servers and commands."""

    def test_servers(self) -> None:
        """What comes, what goes, and what keeps its address with other parameters."""
        found = look(
            "server a; server b weight=2; server c down;", "server d; server a:80; server b; server c down;"
        )
        self.assertEqual(found.added, ("server d",))
        self.assertEqual(found.removed, ())
        self.assertEqual(found.altered, (("server a", "server a:80"), ("server b weight=2", "server b")))

    def test_twice(self) -> None:
        """A server that stands twice counts twice."""
        self.assertEqual(look("server a;", "server a; server a;").added, ("server a",))
        self.assertEqual(look("server a; server a;", "server a;").removed, ("server a",))
        self.assertEqual(
            look("server a; server a;", "server a weight=2; server a;").altered,
            (("server a", "server a weight=2"),),
        )

    def test_order(self) -> None:
        """Another order alone is a replacement without differences."""
        found = look("server a; server b;", "server b; server a;")
        self.assertEqual((found.action, found.added, found.removed, found.altered), ("replace", (), (), ()))

    def test_commands(self) -> None:
        """Other commands come and go."""
        found = look("ip_hash; keepalive 4; server a;", "least_conn; keepalive 4; server a;")
        self.assertEqual((found.commands_added, found.commands_removed), (("least_conn;",), ("ip_hash;",)))

    def test_actions(self) -> None:
        """Creating, deleting, replacing, and nothing."""
        table = {
            (None, THREE): "create",
            (THREE, None): "delete",
            (THREE, THREE): "nothing",
            ("server a;", THREE): "replace",
        }
        for (before, after), action in table.items():
            self.assertEqual(look(before, after).action, action)

    def test_forms(self) -> None:
        """Text for people, facts for JSON."""
        before = "hash $arg_x; server a; server b;"
        found = look(before, "server b down; server c;")
        self.assertEqual(
            preview_text(found),
            "would replace upstream u\n- server a\n~ server b -> b down\n+ server c\n- hash $arg_x;\n",
        )
        self.assertEqual(
            preview_facts(found),
            {
                "name": "u",
                "action": "replace",
                "servers": {
                    "added": ["server c"],
                    "removed": ["server a"],
                    "altered": [{"before": "server b", "after": "server b down"}],
                },
                "commands": {"added": [], "removed": ["hash $arg_x;"]},
                "moved": None,
                "etag": etag_of(parse_commands("u", before, TABLE)),
            },
        )


class DocumentedTests(SynchronousTestCase):
    """``docs/admin-interface.rst`` shows what is answered."""

    def test_example(self) -> None:
        """The example of a dry run, as text and as JSON, and the tags."""
        page = (Path(__file__).parents[2] / "docs" / "admin-interface.rst").read_text(encoding="utf-8")
        before, after = re.findall(r"hash \$arg_user consistent;.*?(?:server \S+(?: weight=2)?; ?)+", page)[
            1:3
        ]
        group = Group(parse_commands("shop", before, TABLE), {}, None, TABLE)
        found = preview("shop", group, parse_commands("shop", after, TABLE))
        self.assertIn(indent(preview_text(found), "    "), page)
        facts = json.loads(
            re.findall(r"(?s)^    \{\n      \"name\": \"shop\".*?^    \}", page, re.MULTILINE)[0]
        )
        self.assertEqual(facts, preview_facts(found))
        for body in ("server 127.0.0.1:8089;server 127.0.0.1:8088;", "server 127.0.0.1:8089 weight=3;"):
            self.assertIn(etag_of(parse_commands("dyhost", body)).strip('"'), page)


class MovedKeysTests(SynchronousTestCase):
    """The share of keys that another server would get."""

    def moved(self, method: str, before: str, after: str) -> float:
        share = look(f"{method};{before}", f"{method};{after}").moved
        assert share is not None
        return share

    def test_consistent_hash(self) -> None:
        """A fourth server takes about a quarter of the keys, and nobody else's move."""
        for method in ("hash $arg_x consistent", "consistent_hash $arg_x", "hash $remote_addr consistent"):
            share = self.moved(method, THREE, THREE + "server d:1;")
            self.assertTrue(0.15 < share < 0.35, (method, share))

    def test_plain_hash(self) -> None:
        """With a plain hash a fourth server moves three quarters of the keys, and so does it with ``ip_hash``."""
        for method in ("hash $arg_x", "ip_hash"):
            share = self.moved(method, THREE, THREE + "server d:1;")
            self.assertTrue(0.65 < share < 0.85, (method, share))

    def test_deterministic(self) -> None:
        """The same question has the same answer, and no difference moves no key."""
        for method in ("hash $arg_x", "hash $arg_x consistent", "consistent_hash $arg_x", "ip_hash"):
            one = self.moved(method, THREE, "server a:1 weight=2;server b:1;")
            self.assertEqual(one, self.moved(method, THREE, "server a:1 weight=2;server b:1;"))
            self.assertGreater(one, 0.0)
            self.assertEqual(self.moved(method, THREE, THREE), 0.0)

    def test_down(self) -> None:
        """A server that goes down gives its keys to the others, about a third of all."""
        share = self.moved("hash $arg_x consistent", THREE, "server a:1;server b:1;server c:1 down;")
        self.assertTrue(0.2 < share < 0.45, share)

    def test_not_by_the_same_key(self) -> None:
        """Where servers are not chosen by a key, or by another than before, there is no share."""
        pairs = (
            (THREE, THREE),
            (f"hash $arg_x;{THREE}", THREE),
            (f"hash $arg_x;{THREE}", f"hash $arg_y;{THREE}"),
            (None, f"hash $arg_x;{THREE}"),
            (f"hash $arg_x;{THREE}", None),
        )
        for before, after in pairs:
            self.assertIsNone(look(before, after).moved)
        self.assertIsNotNone(look(f"hash $arg_x;{THREE}", f"hash $arg_x consistent;{THREE}").moved)

    def test_nothing_but_the_method(self) -> None:
        """Servers that are checked and not known to be well yet have keys like all others."""
        checked = "check interval=3000 default_down=true type=tcp"
        share = self.moved(f"hash $arg_x consistent;{checked}", THREE, THREE + "server d:1;")
        self.assertEqual(share, self.moved("hash $arg_x consistent", THREE, THREE + "server d:1;"))

    def test_names(self) -> None:
        """Nothing is looked up, and what the upstream knows of its names' addresses is not touched."""
        spec = parse_commands("u", f"hash $arg_x consistent;{THREE}", TABLE)
        group = Group(spec, {"a": ("127.0.0.1", "127.0.0.2"), "b": ("127.0.0.3",)}, None, TABLE)
        peers = [*group.all_peers()]
        share = preview(
            "u", group, parse_commands("u", f"hash $arg_x consistent;{THREE}server d:1;", TABLE)
        ).moved
        assert share is not None
        self.assertTrue(0.15 < share < 0.35, share)
        self.assertEqual([*group.all_peers()], peers)
        self.assertEqual([peer.requests for peer in peers], [0, 0, 0])

    @settings(deadline=None, max_examples=12)
    @given(
        st.sets(st.integers(1, 9), min_size=2, max_size=6), st.sets(st.integers(1, 9), min_size=2, max_size=6)
    )
    def test_both_ways(self, one: set[int], other: set[int]) -> None:
        """A change and its way back move the same keys, from none to all."""
        first, second = (
            "".join(f"server 127.0.0.{n};" for n in ports) for ports in (sorted(one), sorted(other))
        )
        for method in ("hash $arg_x consistent", "ip_hash"):
            share = self.moved(method, first, second)
            self.assertEqual(share, self.moved(method, second, first))
            self.assertTrue(0.0 <= share <= 1.0)
