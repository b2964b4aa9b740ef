"""TLS towards servers: handshakes, certificates, and which connections are shared."""

from __future__ import annotations

import tempfile
from pathlib import Path

from OpenSSL import SSL
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyClass

from dyups.errors import ConfigError
from dyups.proxy.secure.securedial import SecuredDial
from dyups.tls.openssl import session_reused
from dyups.upstream.resolve import resolve_now
from tests.proxy.conversation import Wire, World, head
from tests.tls.authority import Authority, Issued, authority, issued
from tests.tls.peer import Peer, server_side

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Servers(SynchronousTestCase):
    """A proxy with one upstream that speaks TLS."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "ca.pem").write_bytes(authority().pem)
        self.complaints: list[str] = []
        globalLogPublisher.addObserver(self.hear)
        self.addCleanup(globalLogPublisher.removeObserver, self.hear)

    def hear(self, event: LogEvent) -> None:
        """Keep what the error log would have."""
        if "nginx_level" in event:
            self.complaints.append(f"[{event['nginx_level']}] {event['text']}")

    def world(self, locations: str, servers: str = "server 192.0.2.1:443;", **options: object) -> World:
        """The upstream ``b`` of ``servers``, and a server with those locations."""
        return World(f"upstream b {{ {servers} }}\nserver {{ listen 80; {locations} }}", **options)

    def trusting(self, more: str = "") -> str:
        """The directives that check certificates."""
        return f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {self.folder}/ca.pem; {more}"

    def begin(self, world: World, path: bytes = b"/") -> Wire:
        """A client asks."""
        client = world.client()
        client.say(GET % path)
        return client

    def accepted(self, world: World, number: int = 0, shown: Issued | None = None, **options: object) -> Peer:
        """The server of that dial shakes hands."""
        context = options.pop("context", None) or server_side(shown or issued("b"), **options)
        return Peer(world.servers[number], context).accept()


class HandshakeTests(Servers):
    """From the dial to the answer."""

    def test_a_request_over_tls(self) -> None:
        """The server hears the request inside TLS, and its answer reaches the client."""
        world = self.world("location / { proxy_pass https://b; }")
        client = self.begin(world)
        server = self.accepted(world)
        self.assertEqual(server.hear(), b"GET / HTTP/1.1\r\nHost: b\r\n\r\n")
        server.say(ANSWER)
        self.assertEqual(head(client.read())[::2], (200, b"ok"))

    def test_the_usual_port(self) -> None:
        """Without a port it is 443, which is not said in ``Host``; ``$proxy_port`` knows."""
        world = self.world(
            'location / { proxy_pass https://192.0.2.9; proxy_set_header X-Port "$proxy_port"; }'
            "location /h { proxy_pass http://192.0.2.9; }"
        )
        self.begin(world)
        self.assertEqual(str(world.dialled[0].address), "192.0.2.9:443")
        self.assertEqual(
            self.accepted(world).hear(), b"GET / HTTP/1.1\r\nHost: 192.0.2.9\r\nX-Port: 443\r\n\r\n"
        )
        self.begin(world, b"/h")
        self.assertEqual(str(world.dialled[1].address), "192.0.2.9:80")

    def test_bound(self) -> None:
        """``proxy_bind``: the connection comes from that address, and is used again for the same alone."""
        world = self.world("location / { proxy_pass https://b; proxy_bind $arg_a; }")
        for number, path in enumerate((b"/?a=127.0.0.2", b"/?a=127.0.0.2", b"/?a=127.0.0.3", b"/")):
            self.begin(world, path)
            if number != 1:
                server = self.accepted(world, (0, 0, 1, 2)[number])
            server.hear()
            server.say(ANSWER)
        self.assertEqual([dialled.source for dialled in world.dialled], ["127.0.0.2", "127.0.0.3", ""])

    def test_the_name_is_said_if_wanted(self) -> None:
        """SNI: ``proxy_ssl_server_name``, with the upstream's name or that of ``proxy_ssl_name``; never an address."""
        cases = {
            "proxy_pass https://b; proxy_ssl_server_name on;": b"b",
            "proxy_pass https://b; proxy_ssl_server_name on; proxy_ssl_name $host.example:1;": b"x.example",
            "proxy_pass https://192.0.2.9; proxy_ssl_server_name on;": None,
            "proxy_pass https://b;": None,
        }
        for words, name in cases.items():
            world = self.world(f"location / {{ {words} }}")
            self.begin(world)
            self.assertEqual(self.accepted(world).connection.get_servername(), name, words)

    def test_a_server_that_speaks_no_tls(self) -> None:
        """502, the error log says what OpenSSL said, and the next server is asked before."""
        world = self.world(
            "location / { proxy_pass https://b; }", "server 192.0.2.1:443; server 192.0.2.2:443;"
        )
        client = self.begin(world)
        world.servers[0].say(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.assertTrue(world.servers[0].closed)
        self.assertIn("SSL_do_handshake() failed (SSL: error:", self.complaints[0])
        self.assertIn("while SSL handshaking to upstream, client: 192.0.2.7", self.complaints[0])
        self.assertIn('upstream: "https://192.0.2.1:443/"', self.complaints[0])
        world.servers[1].hang_up()
        self.assertIn("peer closed connection in SSL handshake", self.complaints[1])
        self.assertEqual(head(client.read())[0], 502)

    def test_a_slow_handshake(self) -> None:
        """``proxy_connect_timeout`` ends a handshake, too."""
        world = self.world("location / { proxy_pass https://b; proxy_connect_timeout 5s; }")
        client = self.begin(world)
        world.pass_time(8)
        self.assertTrue(world.servers[0].aborted)
        self.assertEqual(head(client.read())[0], 504)
        self.assertIn(
            "upstream timed out (110: Connection timed out) while SSL handshaking", self.complaints[0]
        )

    def test_a_client_that_leaves(self) -> None:
        """Nobody waits for the handshake any more: the connection is closed, whether it stood or not."""
        for accept in (True, False):
            world = self.world("location / { proxy_pass https://b; }", accept=accept)
            client = self.begin(world)
            client.hang_up()
            if accept:
                self.assertTrue(world.servers[0].closed)
            else:
                self.assertTrue(world.dialled[0].stopped)
            self.assertEqual(next(iter(next(world.upstreams.groups()).all_peers())).active, 0)

    def test_refused_connections(self) -> None:
        """A dial that fails is told as for plain ones."""
        world = self.world("location / { proxy_pass https://b; }", accept=False)
        client = self.begin(world)
        world.dialled[0].refuse()
        self.assertEqual(head(client.read())[0], 502)
        self.assertIn("connect() failed (111: Connection refused) while connecting", self.complaints[0])

    def test_a_variable_scheme(self) -> None:
        """``proxy_pass $url`` may lead to https."""
        world = self.world("location / { proxy_pass $arg_s://b; }")
        self.begin(world, b"/?s=https")
        self.assertTrue(self.accepted(world).hear().startswith(b"GET /?s=https HTTP/1.1"))

    def test_the_dial_is_a_factory(self) -> None:
        """What the reactor gets is a factory as Twisted wants it."""
        self.assertTrue(verifyClass(IProtocolFactory, SecuredDial))


class VerificationTests(Servers):
    """``proxy_ssl_verify``."""

    def complaint(self, shown: Issued, more: str = "", target: str = "https://b") -> str:
        """What is wrong with the certificate ``shown``, as the error log has it; empty where the answer comes."""
        world = self.world(f"location / {{ proxy_pass {target}; {self.trusting(more)} }}")
        client = self.begin(world)
        server = self.accepted(world, shown=shown)
        if not self.complaints:
            server.hear()
            server.say(ANSWER)
        status = head(client.read())[0]
        self.assertEqual(status, 502 if self.complaints else 200)
        return self.complaints.pop() if self.complaints else ""

    def test_a_good_certificate(self) -> None:
        """For the upstream's name, or the one of ``proxy_ssl_name``, by wildcard too."""
        self.assertEqual(self.complaint(issued("b")), "")
        self.assertEqual(self.complaint(issued("c.example"), "proxy_ssl_name c.example;"), "")
        self.assertEqual(self.complaint(issued("w", "*.c.example"), "proxy_ssl_name b.c.example;"), "")

    def test_a_certificate_for_another_name(self) -> None:
        """Is refused in nginx's words."""
        text = self.complaint(issued("c.example"))
        self.assertIn('upstream SSL certificate does not match "b" while SSL handshaking to upstream', text)

    def test_a_certificate_nobody_trusts(self) -> None:
        """Is refused with OpenSSL's number and words."""
        text = self.complaint(Authority("Other").issue("b", "b"))
        self.assertIn(
            "upstream SSL certificate verify error: (21:unable to verify the first certificate)", text
        )

    def test_one_that_has_ended_and_one_that_was_revoked(self) -> None:
        """Are refused."""
        text = self.complaint(authority().issue("b", "b", days=-1))
        self.assertIn("verify error: (10:certificate has expired)", text)
        revoked = authority().issue("b", "b")
        (self.folder / "crl.pem").write_bytes(authority().revoke(revoked))
        text = self.complaint(revoked, f"proxy_ssl_crl {self.folder}/crl.pem;")
        self.assertIn("verify error: (23:certificate revoked)", text)

    def test_our_own_certificate(self) -> None:
        """A server that asks gets ours, also where variables name it; one that cannot be read is 502."""
        certificate, key = issued("proxy").write(self.folder, "proxy")
        for words in (
            f"proxy_ssl_certificate {certificate}; proxy_ssl_certificate_key {key};",
            f"proxy_ssl_certificate {self.folder}/$arg_c.crt; proxy_ssl_certificate_key {key};",
        ):
            world = self.world(f"location / {{ proxy_pass https://b; {words} }}")
            self.begin(world, b"/?c=proxy")
            server = self.accepted(world, ask=True)
            self.assertEqual(
                server.connection.get_peer_certificate(as_cryptography=True), issued("proxy").certificate
            )
        client = self.begin(world, b"/?c=nobody")
        self.assertEqual(head(client.read())[0], 502)
        self.assertIn("cannot load certificate", self.complaints[-1])

    def test_what_a_configuration_lacks(self) -> None:
        """Verification needs somebody to trust, a certificate its key."""
        cases = {
            "proxy_ssl_verify on;": "no proxy_ssl_trusted_certificate for proxy_ssl_verify",
            "proxy_ssl_certificate /x.crt;": 'no "proxy_ssl_certificate_key" is defined for certificate "/x.crt"',
        }
        for words, error in cases.items():
            with self.assertRaises(ConfigError) as caught:
                self.world(f"location / {{ proxy_pass https://b; {words} }}")
            self.assertEqual(caught.exception.message, error)


class SharingTests(Servers):
    """Idle connections are used again by those alone whose TLS is the same."""

    def finish(self, world: World, number: int, **options: object) -> Peer:
        """The server of that dial answers what it was asked."""
        server = self.accepted(world, number, **options)
        server.hear()
        server.say(ANSWER)
        return server

    def test_equal_settings_share(self) -> None:
        """A second request goes out on the first one's connection, from another location with the same settings."""
        world = self.world("location / { proxy_pass https://b; } location /c { proxy_pass https://b; }")
        self.begin(world)
        server = self.finish(world, 0)
        client = self.begin(world, b"/c")
        self.assertEqual(len(world.dialled), 1)
        self.assertTrue(server.hear().startswith(b"GET /c"))
        server.say(ANSWER)
        self.assertEqual(head(client.read())[0], 200)

    def test_others_do_not(self) -> None:
        """Neither plain requests nor those with another name, certificate or verification get the connection."""
        world = self.world(
            "location / { proxy_pass https://b; proxy_ssl_name $arg_n; proxy_ssl_server_name on; }"
            "location /plain { proxy_pass http://b; }"
            f"location /checked {{ proxy_pass https://b; {self.trusting()} }}"
        )
        self.begin(world, b"/?n=one")
        self.finish(world, 0)
        for number, path in enumerate((b"/plain", b"/checked", b"/?n=two"), 1):
            self.begin(world, path)
            self.assertEqual(len(world.dialled), number + 1, path)
        self.assertTrue(world.servers[1].read().startswith(b"GET /plain"))
        world.servers[1].say(ANSWER)
        peer = next(iter(next(world.upstreams.groups()).all_peers()))
        self.assertEqual(len(peer.idle or ()), 2)
        self.begin(world, b"/?n=one")
        self.assertEqual(len(world.dialled), 4)
        self.begin(world, b"/plain")
        self.assertEqual(len(world.dialled), 4)
        self.assertEqual(peer.pool.idle, 0)

    def test_sessions_are_resumed(self) -> None:
        """A new connection resumes the session of one before, unless ``proxy_ssl_session_reuse`` is off."""
        for words, reused in (("", True), ("proxy_ssl_session_reuse off;", False)):
            world = self.world(f"location / {{ proxy_pass https://b; {words} }}")
            context = server_side(issued("b"), highest=SSL.TLS1_2_VERSION)
            context.set_session_id(b"test")
            self.begin(world)
            self.finish(world, 0, context=context)
            world.servers[0].hang_up()
            self.begin(world)
            server = self.finish(world, 1, context=context)
            self.assertEqual(session_reused(server.connection), reused)

    def test_sessions_end_with_the_server(self) -> None:
        """A server that comes back after its upstream was deleted shakes hands anew; one that stays need not."""
        world = self.world("location / { proxy_pass https://b; }")
        context = server_side(issued("b"), highest=SSL.TLS1_2_VERSION)
        context.set_session_id(b"test")
        (spec,) = world.upstreams.specs()
        self.begin(world)
        self.finish(world, 0, context=context)
        world.servers[0].hang_up()
        world.upstreams.replace(spec, resolve_now(spec))
        self.begin(world)
        self.assertTrue(session_reused(self.finish(world, 1, context=context).connection))
        world.upstreams.delete("b")
        world.upstreams.replace(spec, resolve_now(spec))
        self.begin(world)
        self.assertFalse(session_reused(self.finish(world, 2, context=context).connection))

    def test_a_server_that_closed(self) -> None:
        """An idle TLS connection that its server closes is forgotten."""
        world = self.world("location / { proxy_pass https://b; }")
        self.begin(world)
        server = self.finish(world, 0)
        server.connection.shutdown()
        server.pump()
        self.assertEqual(next(iter(next(world.upstreams.groups()).all_peers())).idle, [])
