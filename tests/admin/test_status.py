"""Tests of dyups.admin.status."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.admin.status import (
    detail_facts,
    detail_text,
    list_facts,
    list_text,
    upstream_facts,
    upstream_text,
)
from dyups.config.upstreams import parse_commands
from dyups.control.condition import etag_of
from dyups.interfaces import Resolved
from dyups.upstream.group import Group
from dyups.upstream.map import UpstreamMap
from dyups.upstream.resolve import resolve_now


def map_of(**bodies: str) -> UpstreamMap:
    """A map with these upstreams, of literal addresses."""
    upstreams = UpstreamMap()
    for name, body in bodies.items():
        spec = parse_commands(name, body)
        upstreams.replace(spec, resolve_now(spec))
    return upstreams


def group_of(body: str, resolved: Resolved | None = None) -> Group:
    """An upstream on its own."""
    spec = parse_commands("host", body)
    return Group(spec, resolve_now(spec) if resolved is None else resolved)


class TextTests(SynchronousTestCase):
    """The seed's form."""

    def test_detail(self) -> None:
        """Name, servers, an empty line, for each upstream in order, as the seed shows it."""
        upstreams = map_of(
            host1="server 127.0.0.1:8088;", dyhost="server 127.0.0.1:8089;server 127.0.0.1:8088;"
        )
        self.assertEqual(
            detail_text(upstreams, verbose=False),
            "host1\nserver 127.0.0.1:8088\n\ndyhost\nserver 127.0.0.1:8089\nserver 127.0.0.1:8088\n\n",
        )

    def test_only_what_differs(self) -> None:
        """Parameters are shown where they differ from their defaults."""
        upstreams = map_of(
            h="server 127.0.0.1:1 weight=3 backup max_fails=1; server unix:/s fail_timeout=3s down;"
        )
        self.assertEqual(
            detail_text(upstreams, verbose=False),
            "h\nserver 127.0.0.1:1 weight=3 backup\nserver unix:/s fail_timeout=3s down\n\n",
        )

    def test_verbose(self) -> None:
        """The newer C form shows every parameter."""
        upstreams = map_of(h="server 127.0.0.1:1 weight=3;")
        self.assertEqual(
            detail_text(upstreams, verbose=True),
            "h\nserver 127.0.0.1:1 weight=3 max_conns=0 max_fails=1 fail_timeout=10 backup=0 down=0\n\n",
        )

    def test_one_upstream(self) -> None:
        """An upstream on its own shows its other commands too."""
        group = group_of("keepalive 4; server 127.0.0.1:1;")
        self.assertEqual(upstream_text(group, verbose=False), "server 127.0.0.1:1\nkeepalive 4;\n")

    def test_list(self) -> None:
        """One name a line, in order of definition."""
        self.assertEqual(list_text(map_of(b="server 127.0.0.1;", a="server 127.0.0.1;")), "b\na\n")


class FactsTests(SynchronousTestCase):
    """The same facts for JSON, with live state."""

    def test_list(self) -> None:
        """The names, in order."""
        self.assertEqual(
            list_facts(map_of(b="server 127.0.0.1;", a="server 127.0.0.1;")), {"upstreams": ["b", "a"]}
        )

    def test_detail(self) -> None:
        """Every upstream, with the number of the last change."""
        upstreams = map_of(b="server 127.0.0.1;", a="server 127.0.0.1;")
        upstreams.sequence = 5
        facts = detail_facts(upstreams, 0.0)
        self.assertEqual((facts["sequence"], [item["name"] for item in facts["upstreams"]]), (5, ["b", "a"]))

    def test_upstream(self) -> None:
        """Every parameter of the upstream and of its servers, and the state of each address."""
        group = group_of("server 127.0.0.1:1 weight=2; server unix:/s backup; keepalive 4;")
        peer = group.peers[0]
        peer.active, peer.requests = 2, 7
        peer.note_failure(100.0)
        facts = upstream_facts(group, 100.0)
        servers = facts.pop("servers")
        self.assertEqual(
            facts,
            {
                "name": "host",
                "etag": etag_of(group.spec),
                "balancing": {"method": "round_robin", "args": []},
                "keepalive": 4,
                "keepalive_timeout": 60.0,
                "keepalive_requests": 1000,
                "keepalive_time": 3600.0,
                "commands": ["keepalive 4;"],
            },
        )
        first = {"server": "127.0.0.1:1", "weight": 2, "max_conns": 0, "max_fails": 1, "fail_timeout": 10.0}
        state = {"address": "127.0.0.1:1", "up": False, "active": 2, "requests": 7, "fails": 1, "idle": 0}
        flags = {"backup": False, "down": False, "drain": False, "resolve": False}
        flags |= {"route": "", "service": "", "slow_start": 0.0}
        first["command"] = "server 127.0.0.1:1 weight=2;"
        self.assertEqual(servers[0], {**first, **flags, "peers": [state]})
        self.assertEqual((servers[1]["backup"], servers[1]["peers"][0]["address"]), (True, "unix:/s"))
        self.assertTrue(upstream_facts(group, 200.0)["servers"][0]["peers"][0]["up"])

    def test_name_with_many_addresses(self) -> None:
        """A host name has one state for each of its addresses; servers that are written alike have their own."""
        body = "server a.example:1; server b.example:2; server a.example:1;"
        resolved = {"a.example": ("10.0.0.1", "10.0.0.2"), "b.example": ("10.0.0.3",)}
        facts = upstream_facts(group_of(body, resolved), 0.0)
        found = [[peer["address"] for peer in server["peers"]] for server in facts["servers"]]
        self.assertEqual(found, [["10.0.0.1:1", "10.0.0.2:1"], ["10.0.0.3:2"], ["10.0.0.1:1", "10.0.0.2:1"]])

    @given(
        st.lists(
            st.sampled_from(["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1 backup", "a.example"]), min_size=1
        )
    )
    @settings(deadline=None)
    def test_every_peer_once(self, servers: list[str]) -> None:
        """Whatever stands in an upstream, each of its peers is shown once, under a server that is written so."""
        servers = ["127.0.0.1:3", *servers]
        literal = {"127.0.0.1": ("127.0.0.1",), "a.example": ("10.0.0.1", "10.0.0.2")}
        group = group_of("".join(f"server {server};" for server in servers), literal)
        facts = upstream_facts(group, 0.0)
        shown = [peer["address"] for server in facts["servers"] for peer in server["peers"]]
        self.assertCountEqual(shown, [str(peer.address) for peer in group.all_peers()])
        self.assertEqual(len(facts["servers"]), len(servers))
