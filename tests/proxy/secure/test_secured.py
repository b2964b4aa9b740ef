"""TLS towards clients: certificates by name, client certificates, plain HTTP on the wrong port."""

from __future__ import annotations

import tempfile
from pathlib import Path

from OpenSSL import SSL
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, head
from tests.proxy.test_webresource import Called, world_of
from tests.tls.authority import Authority, Issued, authority, issued
from tests.tls.peer import Peer, client_side

GET = b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n"


class Secured(SynchronousTestCase):
    """A world whose servers have certificates of the common authority."""

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

    def certificate(self, name: str, shown: Issued | None = None) -> str:
        """The two directives of a certificate for ``name``."""
        certificate, key = (shown or issued(name)).write(self.folder, name)
        return f"ssl_certificate {certificate}; ssl_certificate_key {key};"

    def server(self, name: str, more: str = "", listen: str = "443 ssl") -> str:
        """A server that says its name and what else is wanted."""
        return (
            f"server {{ listen {listen}; server_name {name}; {self.certificate(name)} {more}"
            f' location / {{ echo -n "{name} $ssl_client_verify $ssl_client_s_dn"; }} }}\n'
        )

    def peer(self, world: World, name: bytes = b"", shown: Issued | None = None, **options: object) -> Peer:
        """A client that has shaken hands."""
        alpn = options.pop("alpn", None)
        return Peer(world.client(), client_side(shown, **options), name, alpn=alpn).connect()

    def shown_to(self, peer: Peer) -> str:
        """The common name of the certificate that a client was shown."""
        certificate = peer.connection.get_peer_certificate(as_cryptography=True)
        assert certificate is not None, peer.error
        return certificate.subject.rfc4514_string().partition(",")[0].removeprefix("CN=")


class NameTests(Secured):
    """SNI chooses the certificate, ``Host`` the server."""

    def test_a_name_gets_its_certificate_and_its_server(self) -> None:
        """Each of two servers on one address is reached by its name, with its own certificate."""
        world = World(self.server("a.example") + self.server("b.example"))
        for name in (b"a.example", b"b.example", b"B.Example"):
            peer = self.peer(world, name)
            self.assertEqual(self.shown_to(peer), name.decode().lower())
            status, _, body = head(peer.ask(GET % name))
            self.assertEqual((status, body.split()[0]), (200, name.lower()))

    def test_without_a_known_name_it_is_the_default_server(self) -> None:
        """A client without SNI, or with a name nobody has, gets the first server's certificate."""
        world = World(self.server("a.example") + self.server("b.example"))
        for name in (b"", b"c.example"):
            self.assertEqual(self.shown_to(self.peer(world, name)), "a.example")

    def test_both_kinds_of_keys(self) -> None:
        """With an RSA and an ECDSA certificate each client gets what it can check."""
        rsa = authority().issue("rsa.example", "a.example", kind="rsa")
        more = self.certificate("rsa", rsa) + "ssl_protocols TLSv1.2;"
        world = World(self.server("a.example", more))
        self.assertEqual(self.shown_to(self.peer(world, ciphers=b"ECDHE+aRSA")), "rsa.example")
        self.assertEqual(self.shown_to(self.peer(world, ciphers=b"ECDHE+aECDSA")), "a.example")

    def test_certificates_by_variable(self) -> None:
        """A certificate whose name has ``$ssl_server_name`` is read when such a client comes."""
        for name in ("x.example", "y.example"):
            self.certificate(name)
        world = World(
            f"server {{ listen 443 ssl; ssl_certificate {self.folder}/$ssl_server_name.crt; "
            f'ssl_certificate_key {self.folder}/$ssl_server_name.key; location / {{ echo "$ssl_server_name"; }} }}'
        )
        for name in ("x.example", "y.example", "x.example"):
            self.assertEqual(self.shown_to(self.peer(world, name.encode())), name)
        self.assertEqual(self.complaints, [])
        self.assertIsNotNone(self.peer(world, b"z.example").error)
        self.assertIn("[error]", self.complaints[0])
        self.assertIn(f'cannot load certificate "{self.folder}/z.example.crt"', self.complaints[0])

    def test_a_certificate_within_the_configuration(self) -> None:
        """``data:$variable`` is the certificate itself."""
        one = issued("a.example")
        world = World(
            f'server {{ listen 443 ssl; ssl_certificate "data:{one.pem.decode()}"; '
            f'ssl_certificate_key "data:{one.key_pem().decode()}"; }}'
        )
        self.assertEqual(self.shown_to(self.peer(world)), "a.example")

    def test_rejected_handshakes(self) -> None:
        """``ssl_reject_handshake`` ends handshakes for unknown names with the alert that RFC 6066 has for it."""
        world = World("server { listen 443 ssl; ssl_reject_handshake on; }" + self.server("a.example"))
        self.assertEqual(self.shown_to(self.peer(world, b"a.example")), "a.example")
        rejected = self.peer(world, b"b.example")
        self.assertIn("unrecognized name", str(rejected.error))
        self.assertTrue(world.clients[-1].closed)

    def test_only_http1_is_agreed_on(self) -> None:
        """ALPN: http/1.1 if offered; a client that speaks HTTP/2 alone is told so."""
        world = World(self.server("a.example"))
        peer = self.peer(world, alpn=[b"h2", b"http/1.1"])
        self.assertEqual(peer.connection.get_alpn_proto_negotiated(), b"http/1.1")
        self.assertIn("no application protocol", str(self.peer(world, alpn=[b"h2"]).error))


class RequestTests(Secured):
    """Requests over TLS are requests."""

    def test_pipelined_requests_and_large_bodies(self) -> None:
        """Bytes in pieces of any size make the same requests; a large answer comes whole."""
        world = World(
            "upstream b { server 127.0.0.1:81; }"
            + self.server("a.example", "location /b { proxy_pass http://b; }")
        )
        peer = self.peer(world)
        answers = peer.ask((GET % b"a.example") * 3)
        self.assertEqual(answers.count(b"HTTP/1.1 200 OK"), 3)
        peer.say(b"GET /b HTTP/1.1\r\nHost: a.example\r\n\r\n")
        body = bytes(range(256)) * 2000
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        self.assertEqual(head(peer.hear())[2], body)

    def test_upgraded_connections(self) -> None:
        """After 101 bytes go both ways, encrypted towards the client."""
        upgrade = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
        world = World(
            "upstream b { server 127.0.0.1:81; }"
            + self.server("a.example", f"location /ws {{ proxy_pass http://b; {upgrade} }}")
        )
        peer = self.peer(world)
        asked = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        peer.say(asked)
        world.servers[0].read()
        world.servers[0].say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nhello")
        self.assertTrue(peer.hear().endswith(b"\r\n\r\nhello"))
        peer.say(b"ping")
        self.assertEqual(world.servers[0].read(), b"ping")
        world.servers[0].say(b"pong")
        self.assertEqual(peer.hear(), b"pong")

    def test_web_resources(self) -> None:
        """A web resource behind a location knows that its client speaks TLS."""
        resource = Called(lambda request: b"secure" if request.isSecure() else b"plain")
        world = world_of(resource, self.server("a.example", "location /r { dyups_interface; }"))
        answer = self.peer(world).ask(b"GET /r HTTP/1.1\r\nHost: a.example\r\n\r\n")
        self.assertEqual(head(answer)[2], b"secure")

    def test_a_page_of_ones_own(self) -> None:
        """``error_page 497`` may lead plain requests to https."""
        words = "error_page 497 =301 https://$host$request_uri;"
        world = World(self.server("a.example", words))
        status, fields, _ = head(world.ask(b"GET /x?y HTTP/1.1\r\nHost: a.example\r\n\r\n"))
        self.assertEqual((status, fields["location"]), (301, "https://a.example/x?y"))

    def test_a_redirect_stays_with_https(self) -> None:
        """A path in ``return`` becomes a URL of https, without the usual port."""
        for port, shown in ((443, b""), (8443, b":8443")):
            world = World(self.server("a.example", "location /r { return 301 /x; }", f"{port} ssl"))
            answer = self.peer(world).ask(b"GET /r HTTP/1.1\r\nHost: a.example\r\n\r\n")
            self.assertIn(b"\r\nLocation: https://a.example%b/x\r\n" % shown, answer)

    def test_the_end_is_said(self) -> None:
        """A connection that we close ends with close_notify, so that the client knows that it is no accident."""
        world = World(self.server("a.example"))
        peer = self.peer(world)
        answer = peer.ask(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"))
        self.assertTrue(peer.ended)

    def test_the_clients_end(self) -> None:
        """A client that says goodbye is answered with the end of the connection."""
        world = World(self.server("a.example"))
        peer = self.peer(world)
        peer.connection.shutdown()
        peer.pump()
        self.assertTrue(world.clients[0].closed)
        self.assertEqual(world.plane.counters.active, 0)

    def test_an_end_before_the_answer(self) -> None:
        """A client that says goodbye right after its request still gets the answer; then the connection ends."""
        world = World(
            "upstream b { server 127.0.0.1:81; }"
            + self.server("a.example", "location /b { proxy_pass http://b; }")
        )
        peer = self.peer(world)
        peer.say(b"GET /b HTTP/1.1\r\nHost: a.example\r\n\r\n")
        peer.connection.shutdown()
        peer.pump()
        self.assertFalse(world.servers[0].closed)
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        status, fields, body = head(peer.hear())
        self.assertEqual((status, fields["connection"], body), (200, "close", b"ok"))
        self.assertTrue(world.clients[0].closed)

    def test_plain_http_gets_a_page(self) -> None:
        """HTTP without TLS is answered 400 with nginx's words, and logged."""
        world = World(self.server("a.example"))
        status, fields, body = head(world.ask(GET % b"a.example"))
        self.assertEqual((status, fields["connection"]), (400, "close"))
        self.assertIn(b"<title>400 The plain HTTP request was sent to HTTPS port</title>", body)
        self.assertIn("client sent plain HTTP request to HTTPS port", self.complaints[0])

    def test_tls_where_there_is_none(self) -> None:
        """A handshake on a plain port is answered at once: nobody waits for the end of a head that never comes."""
        world = World("server { listen 80; }")
        wire = world.client()
        wire.say(b"\x16\x03\x01\x00\x05hello")
        self.assertEqual(head(wire.read())[0], 400)

    def test_nonsense_ends_the_handshake(self) -> None:
        """What is neither TLS nor HTTP closes the connection and is told at level info."""
        world = World(self.server("a.example"))
        wire = world.client()
        wire.say(b"\x16\x03\x01\x00\x05hello")
        self.assertTrue(wire.closed or wire.closing)
        self.assertIn("[info]", self.complaints[0])
        self.assertIn("SSL_do_handshake() failed", self.complaints[0])
        self.assertIn("while SSL handshaking, client: 192.0.2.7", self.complaints[0])

    def test_a_silent_client_is_closed(self) -> None:
        """A handshake has as much time as a request's head."""
        world = World("client_header_timeout 5s;" + self.server("a.example"))
        wire = world.client()
        world.pass_time(7)
        self.assertTrue(wire.closed)


class ClientCertificateTests(Secured):
    """``ssl_verify_client``."""

    def verifying(self, mode: str, more: str = "") -> World:
        """A server that asks for certificates."""
        words = f"ssl_verify_client {mode}; ssl_client_certificate {self.folder}/ca.pem; {more}"
        return World(self.server("a.example", words))

    def answer(self, world: World, shown: Issued | None, **options: object) -> tuple[int, bytes]:
        """Status and body for a client that shows that certificate."""
        status, _, body = head(self.peer(world, b"a.example", shown, **options).ask(GET % b"a.example"))
        return status, body

    def test_a_good_certificate(self) -> None:
        """The request is served and the variables tell who it is from."""
        world = self.verifying("on")
        self.assertEqual(self.answer(world, issued("anna")), (200, b"a.example SUCCESS CN=anna,O=Tests"))

    def test_none_where_one_is_required(self) -> None:
        """400 with nginx's page, in TLSv1.2 and TLSv1.3 alike."""
        for highest in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            status, body = self.answer(self.verifying("on"), None, highest=highest)
            self.assertEqual(status, 400)
            self.assertIn(b"<center>No required SSL certificate was sent</center>", body)

    def test_a_bad_one(self) -> None:
        """A certificate of somebody else's, or one that has ended, is 400 with nginx's page."""
        world = self.verifying("on")
        for shown in (Authority("Other CA").issue("eve"), authority().issue("late", days=-1)):
            status, body = self.answer(world, shown)
            self.assertEqual(status, 400)
            self.assertIn(b"<title>400 The SSL certificate error</title>", body)
        self.assertIn(
            "client SSL certificate verify error: (10:certificate has expired)", self.complaints[-1]
        )

    def test_optional(self) -> None:
        """Without a certificate the request is served; with a bad one it is not."""
        world = self.verifying("optional")
        self.assertEqual(self.answer(world, None), (200, b"a.example NONE "))
        self.assertEqual(self.answer(world, Authority("Other CA").issue("eve"))[0], 400)

    def test_optional_no_ca(self) -> None:
        """A certificate of an unknown authority is served, and called failed; one that has ended is not served."""
        world = self.verifying("optional_no_ca")
        status, body = self.answer(world, Authority("Other CA").issue("eve"))
        self.assertEqual(status, 200)
        self.assertTrue(body.startswith(b"a.example FAILED:"), body)
        self.assertEqual(self.answer(world, authority().issue("late", days=-1))[0], 400)

    def test_a_revoked_one(self) -> None:
        """``ssl_crl``: what the authority took back is an error."""
        anna, eve = issued("anna"), authority().issue("eve")
        (self.folder / "crl.pem").write_bytes(authority().revoke(eve))
        world = self.verifying("on", f"ssl_crl {self.folder}/crl.pem;")
        self.assertEqual(self.answer(world, anna)[0], 200)
        self.assertEqual(self.answer(world, eve)[0], 400)
        self.assertIn("(23:certificate revoked)", self.complaints[-1])

    def test_no_proof_is_carried_over(self) -> None:
        """A session is not resumed where certificates are asked for: each connection proves itself."""
        world = self.verifying("on", 'location /s { echo -n "$ssl_client_verify$ssl_session_reused"; }')
        for highest in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            context = client_side(issued("anna"), highest=highest)
            session = None
            for _ in range(2):
                peer = Peer(world.client(), context, b"a.example")
                if session is not None:
                    peer.connection.set_session(session)
                answer = peer.connect().ask(b"GET /s HTTP/1.1\r\nHost: a.example\r\n\r\n")
                self.assertEqual(head(answer)[2], b"SUCCESS.")
                session = peer.connection.get_session()
                peer.connection.set_shutdown(
                    SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN
                )  # else it is forgotten

    def test_another_name_than_was_agreed_on(self) -> None:
        """A request for a server that asks for certificates, on a connection made for one that does not, is 421."""
        guarded = f"ssl_verify_client on; ssl_client_certificate {self.folder}/ca.pem;"
        world = World(self.server("open.example") + self.server("shut.example", guarded))
        for name in (b"open.example", b""):
            peer = self.peer(world, name, issued("anna"))
            self.assertEqual(head(peer.ask(GET % b"shut.example"))[0], 421)
        peer = self.peer(world, b"shut.example", issued("anna"))
        self.assertEqual(head(peer.ask(GET % b"shut.example"))[0], 200)

    def test_the_depth(self) -> None:
        """More intermediate certificates than ``ssl_verify_depth`` are an error, also where SNI chose the server."""
        root = Authority("Root")
        middle = Authority("Middle", root)
        (self.folder / "root.pem").write_bytes(root.pem + middle.pem)
        for depth, status in ((0, 400), (1, 200)):
            more = f"ssl_verify_client on; ssl_client_certificate {self.folder}/root.pem; ssl_verify_depth {depth};"
            deep = "ssl_verify_depth 9;"
            world = World(self.server("z.example", deep) + self.server("a.example", more))
            self.assertEqual(self.answer(world, middle.issue("deep"))[0], status)


class SessionTests(Secured):
    """Sessions that clients resume."""

    def reused(self, more: str, highest: int) -> list[bytes]:
        """What ``$ssl_session_reused`` says on two connections, the second with the session of the first."""
        world = World(self.server("a.example", f'{more} location /s {{ echo -n "$ssl_session_reused"; }}'))
        found = []
        context, session = client_side(highest=highest), None
        for _ in range(2):
            peer = Peer(world.client(), context)
            if session is not None:
                peer.connection.set_session(session)
            peer.connect()
            found.append(head(peer.ask(b"GET /s HTTP/1.1\r\nHost: a.example\r\n\r\n"))[2])
            session = peer.connection.get_session()
            peer.connection.set_shutdown(SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)  # else it is forgotten
        return found

    def test_tickets(self) -> None:
        """By default clients keep sessions and resume them."""
        for highest in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            self.assertEqual(self.reused("", highest), [b".", b"r"])

    def test_neither_tickets_nor_a_cache(self) -> None:
        """Without either there is nothing to resume."""
        for highest in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            self.assertEqual(self.reused("ssl_session_tickets off;", highest), [b".", b"."])

    def test_a_cache_alone(self) -> None:
        """With a cache sessions are resumed without tickets."""
        words = "ssl_session_tickets off; ssl_session_cache shared:SSL:1m;"
        self.assertEqual(self.reused(words, SSL.TLS1_2_VERSION), [b".", b"r"])
