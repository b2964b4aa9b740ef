"""HTTP/2 behind TLS."""

from __future__ import annotations

from tests.proxy.conversation import World, head
from tests.proxy.http2.asking import PREFACE, Asker
from tests.proxy.secure.test_secured import Secured
from tests.tls.peer import Peer


class Secret:
    """What a client of HTTP/2 takes for its wire: the plain bytes of a peer."""

    def __init__(self, peer: Peer) -> None:
        self.say = peer.say
        self.read = peer.hear


class Agreed(Secured):
    """What a handshake settles."""

    def test_by_agreement(self) -> None:
        """Where it is on a client that offers it speaks it, with what TLS tells; others speak HTTP/1.1."""
        text = "http2 on; location /x { echo -n $http2 $scheme $ssl_server_name $server_protocol; }"
        world = World(self.server("a.example", text) + self.server("b.example"))
        peer = self.peer(world, b"a.example", alpn=[b"http/1.1", b"h2"])
        self.assertEqual(peer.connection.get_alpn_proto_negotiated(), b"h2")
        answer = Asker(world, wire=Secret(peer)).ask(b"/x", host=b"a.example")
        self.assertEqual((answer.status, answer.body), (200, b"h2 https a.example HTTP/2.0"))
        for name, offered in ((b"a.example", [b"http/1.1"]), (b"b.example", [b"h2", b"http/1.1"])):
            peer = self.peer(world, name, alpn=offered)
            self.assertEqual(peer.connection.get_alpn_proto_negotiated(), b"http/1.1")
            status, _, body = head(peer.ask(b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"))
            self.assertEqual((status, body), (200, b" https %b HTTP/1.1" % name))

    def test_only_by_agreement(self) -> None:
        """Behind TLS nobody speaks it who has not said so in the handshake."""
        world = World(self.server("a.example", "http2 on;"))
        self.assertEqual(head(self.peer(world).ask(PREFACE))[0], 505)

    def test_another_name(self) -> None:
        """A request on a connection that was made for another server is 421, where that asks for certificates."""
        asks = f"ssl_verify_client optional; ssl_client_certificate {self.folder}/ca.pem;"
        world = World(self.server("a.example", "http2 on;") + self.server("b.example", "http2 on;" + asks))
        asker = Asker(world, wire=Secret(self.peer(world, b"a.example", alpn=[b"h2"])))
        self.assertEqual(asker.ask(host=b"b.example").status, 421)
        self.assertEqual(asker.ask(host=b"a.example").status, 200)

    def test_the_clients_end(self) -> None:
        """One that says goodbye gets the answers that it waits for, then the connection ends."""
        world = World(
            "upstream b { server 127.0.0.1:81; }"
            + self.server("a.example", "http2 on; location /b { proxy_pass http://b; }")
        )
        peer = self.peer(world, alpn=[b"h2"])
        asker = Asker(world, wire=Secret(peer))
        number = asker.begin(b"/b")
        peer.connection.shutdown()
        peer.pump()
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
        asker.send()
        self.assertEqual(asker.answer(number).body, b"a")
        self.assertTrue(world.clients[-1].closed)
