"""Tests of dyups.upstream.following."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ResolverSpec, UpstreamSpec
from dyups.config.upstreams import parse_commands
from dyups.config.values import HostPort
from dyups.errors import ConfigError
from dyups.interfaces import Resolved
from dyups.upstream import following as module
from dyups.upstream.dns import Answer, unresolved
from dyups.upstream.following import Asked, Following, FollowingLookup
from dyups.upstream.map import UpstreamMap
from dyups.upstream.names import Caches, NameCache
from dyups.upstream.resolve import ThreadedLookup

RESOLVER = ResolverSpec((HostPort("192.0.2.1", 53),))
OTHER = ResolverSpec((HostPort("192.0.2.2", 53),))


class FollowingCase(SynchronousTestCase):
    """Upstreams whose names the test answers for."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.questions: list[tuple[str, str, Deferred[Answer]]] = []
        self.made: dict[Any, Caches] = {}
        self.asked = Asked(self.caches, RESOLVER, 30.0)
        self.upstreams = UpstreamMap()
        self.following = Following(self.upstreams, self.asked, self.publish, self.clock)  # type: ignore[arg-type]
        self.published: list[Resolved] = []
        self.said: list[str] = []
        self.patch(module._log, "emit", self.emit)

    def emit(self, level: Any, form: str, **facts: Any) -> None:
        """The log."""
        if level.name == "error":
            self.said.append(form.format(**facts))

    def caches(self, spec: ResolverSpec, timeout: float) -> Caches:
        """Those of one resolver."""
        if (spec, timeout) not in self.made:
            host = spec.servers[0].host
            kinds = [
                NameCache(lambda name, kind=kind: self.ask(host, f"{kind}{name}"), self.clock)
                for kind in ("", "srv ")
            ]  # type: ignore[misc]
            self.made[spec, timeout] = Caches(*kinds)
        return self.made[spec, timeout]

    def ask(self, server: str, name: str) -> Deferred[Answer]:
        """A question to a server."""
        self.questions.append((server, name, Deferred()))
        return self.questions[-1][2]

    def answer(self, *found: str, ttl: float = 10.0) -> None:
        """Answer the oldest question."""
        self.questions.pop(0)[2].callback(Answer(found, ttl))

    def fail_with(self, code: int) -> None:
        """Fail the oldest question."""
        _, name, asked = self.questions.pop(0)
        asked.errback(unresolved(name, code))

    async def publish(self, spec: UpstreamSpec, resolved: Resolved) -> None:
        """What the change path does."""
        self.published.append(resolved)
        self.upstreams.replace(spec, resolved)

    def have(self, name: str, body: str, resolved: Resolved | None = None) -> UpstreamSpec:
        """An upstream."""
        spec = parse_commands(name, body)
        self.upstreams.replace(spec, resolved or {})
        return spec

    def peers(self, name: str = "up") -> list[str]:
        """The addresses of its peers."""
        group = self.upstreams.find(name)
        assert group is not None
        return [peer.name.decode() for peer in group.all_peers()]

    def look(self, seconds: float = 0.0) -> None:
        """Time goes by."""
        self.clock.advance(seconds)
        self.following.look()


class FollowingTests(FollowingCase):
    """Names that are looked up again and again."""

    def test_followed(self) -> None:
        """A name is asked for at once and whenever its TTL has passed; a new answer is published, the same is not."""
        self.have("up", "server app.example:8080 resolve; server 127.0.0.1:1;")
        self.look()
        self.assertEqual([name for _, name, _ in self.questions], ["app.example"])
        self.answer("10.0.0.1", ttl=10.0)
        self.look()
        self.assertEqual(self.peers(), ["10.0.0.1:8080", "127.0.0.1:1"])
        self.look(9.9)
        self.assertEqual(self.questions, [])
        self.look(0.2)
        self.answer("10.0.0.1")
        self.look()
        self.assertEqual(len(self.published), 1)
        self.look(10.1)
        self.answer("10.0.0.2", "10.0.0.3")
        self.look()
        self.assertEqual(self.peers(), ["10.0.0.2:8080", "10.0.0.3:8080", "127.0.0.1:1"])

    def test_unchanged_peers_live_on(self) -> None:
        """Servers whose address stayed keep their state, whoever comes or goes beside them."""
        self.have("up", "server app.example resolve;", {"app.example": ("10.0.0.1", "10.0.0.2")})
        group = self.upstreams.find("up")
        assert group is not None
        stays, goes = group.peers
        stays.requests = 7
        self.look()
        self.answer("10.0.0.1", "10.0.0.3")
        self.look()
        after = self.upstreams.find("up")
        assert after is not None
        self.assertIs(after.peers[0], stays)
        self.assertEqual((after.peers[0].requests, goes.retired), (7, True))

    def test_failure(self) -> None:
        """When DNS fails the last good answer stays; the log says so once for each question."""
        self.have("up", "server app.example resolve;")
        self.look()
        self.answer("10.0.0.1", ttl=1.0)
        for code in (110, 2, 5):
            self.look(10)
            self.fail_with(code)
            self.look()
            self.look()
        self.assertEqual(self.peers(), ["10.0.0.1:80"])
        self.assertEqual(
            self.said,
            [
                "app.example could not be resolved (110: Operation timed out)",
                "app.example could not be resolved (2: Server failure)",
                "app.example could not be resolved (5: Operation refused)",
            ],
        )

    def test_gone(self) -> None:
        """That there is no such name any more is an answer: the server has no addresses, until it has again."""
        self.have("up", "server app.example resolve; server 127.0.0.1:1;")
        self.look()
        self.answer("10.0.0.1", ttl=1.0)
        self.look(2)
        self.fail_with(3)
        self.look()
        self.assertEqual(self.peers(), ["127.0.0.1:1"])
        self.look(2)
        self.answer("10.0.0.4")
        self.look()
        self.assertEqual(self.peers(), ["10.0.0.4:80", "127.0.0.1:1"])

    def test_service(self) -> None:
        """A service's records are asked for by their own name."""
        self.have("up", "server app.example service=http resolve;")
        self.look()
        self.assertEqual([name for _, name, _ in self.questions], ["srv _http._tcp.app.example"])
        self.answer("10.0.0.1 8080 1 0")
        self.look()
        self.assertEqual(self.peers(), ["10.0.0.1:8080"])

    def test_own_resolver(self) -> None:
        """An upstream's own resolver goes before that of the configuration."""
        self.have("up", "resolver 192.0.2.2; server app.example resolve;")
        self.have("two", "server app.example resolve;")
        self.look()
        self.assertEqual([server for server, _, _ in self.questions], ["192.0.2.2", "192.0.2.1"])

    def test_changed_and_deleted(self) -> None:
        """Only what the map has now is followed."""
        self.have("up", "server app.example resolve;")
        self.have("gone", "server gone.example resolve;")
        self.have("up", "server other.example resolve;")
        self.upstreams.delete("gone")
        self.have("was", "server was.example resolve;")
        self.have("was", "server 127.0.0.1;")
        self.look()
        self.assertEqual([name for _, name, _ in self.questions], ["other.example"])

    def test_reload(self) -> None:
        """Another map begins with what is known of its names."""
        self.have("up", "server app.example resolve;")
        self.look()
        self.answer("10.0.0.1")
        self.look()
        new = UpstreamMap()
        new.replace(parse_commands("up", "server app.example:81 resolve;"), {})
        self.following.renew(new)
        self.upstreams = new
        self.assertEqual(self.peers(), ["10.0.0.1:81"])

    def test_one_at_a_time(self) -> None:
        """While new addresses are being published no others are; a failure to publish is tried again."""
        waiting: list[Deferred[None]] = []

        async def publish(spec: UpstreamSpec, resolved: Resolved) -> None:
            waiting.append(Deferred())
            await waiting[-1]

        self.following._publish = publish
        self.have("up", "server app.example resolve;")
        self.look()
        self.answer("10.0.0.1")
        self.look()
        self.look()
        self.assertEqual(len(waiting), 1)
        waiting[0].errback(RuntimeError("full"))
        self.look()
        self.assertEqual(len(waiting), 2)
        self.assertIn("could not be told the workers", self.said[0])

    def test_loop(self) -> None:
        """Looks go on by themselves until they are stopped, whatever one of them comes to."""
        self.have("up", "server app.example resolve;")
        self.following.start()
        self.answer("10.0.0.1", ttl=3.0)
        self.clock.pump([0.5] * 8)
        self.assertEqual(len(self.questions), 1)
        self.following.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.following.stop()


class LookupTests(FollowingCase):
    """What a change looks up."""

    def lookup(self, spec: UpstreamSpec) -> Deferred[Resolved]:
        """Begin."""
        once = ThreadedLookup(lambda call, *args: self.fail("no thread is needed"))  # type: ignore[arg-type,return-value]
        return FollowingLookup(once, self.asked, self.clock)(spec)  # type: ignore[arg-type]

    def test_waits_for_the_first_answer(self) -> None:
        """A change waits for names nobody has asked for yet; what is known, even of old, is taken at once."""
        spec = parse_commands("up", "server app.example resolve; server 127.0.0.1;")
        asked = self.lookup(spec)
        self.assertNoResult(asked)
        self.answer("10.0.0.1", ttl=1.0)
        found = {"127.0.0.1": ("127.0.0.1",), "app.example": ("10.0.0.1",)}
        self.assertEqual(self.successResultOf(asked), found)
        self.clock.advance(60)
        self.assertEqual(self.successResultOf(self.lookup(spec)), found)

    def test_not_for_ever(self) -> None:
        """A name without answer is no error: the change goes on, and the name is asked for again."""
        spec = parse_commands("up", "server app.example resolve;")
        asked = self.lookup(spec)
        self.clock.advance(5.1)
        self.assertEqual(self.successResultOf(asked), {"app.example": ()})
        self.fail_with(110)
        self.assertEqual(self.successResultOf(self.lookup(spec)), {"app.example": ()})

    def test_nobody_to_ask(self) -> None:
        """Without a resolver such a change is refused."""
        self.asked.renew(None, 30.0)
        failure = self.failureResultOf(
            self.lookup(parse_commands("up", "server app.example resolve;")), ConfigError
        )
        self.assertEqual(
            str(failure.value), 'no resolver defined to resolve names at run time in upstream "up" in line 1'
        )
        self.have("up", "server app.example resolve;")
        self.look()
        self.assertEqual(self.questions, [])
