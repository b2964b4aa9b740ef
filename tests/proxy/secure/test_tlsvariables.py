"""What the variables of TLS read."""

from __future__ import annotations

import re

from OpenSSL import SSL

from dyups.proxy.secure import tlsvariables
from tests.proxy.conversation import World, head
from tests.proxy.secure.test_secured import Secured
from tests.tls.authority import issued
from tests.tls.certs import FORMATS
from tests.tls.peer import Peer, client_side

ALL = sorted(tlsvariables.GETTERS)


class VariableTests(Secured):
    """Each by its name."""

    def values(self, peer: Peer) -> dict[str, str]:
        """What every variable reads for a client."""
        body = head(peer.ask(b"GET /v HTTP/1.1\r\nHost: a.example\r\n\r\n"))[2].decode()
        return dict(zip(ALL, body.split("|"), strict=True))

    def world(self, more: str = "") -> World:
        """A server that answers with all of them."""
        text = "|".join(f"${{{name}}}" for name in ALL)
        return World(self.server("a.example", f'{more} location /v {{ echo -n "{text}"; }}'))

    def test_of_the_connection(self) -> None:
        """What was agreed on and what the client offered."""
        context = client_side(highest=SSL.TLS1_2_VERSION, ciphers=b"ECDHE-ECDSA-AES128-GCM-SHA256")
        world = self.world("ssl_session_tickets off; ssl_session_cache builtin;")
        found = self.values(Peer(world.client(), context, b"a.example", alpn=[b"http/1.1"]).connect())
        expected = {
            "https": "on",
            "scheme": "https",
            "ssl_alpn_protocol": "http/1.1",
            "ssl_cipher": "ECDHE-ECDSA-AES128-GCM-SHA256",
            "ssl_client_verify": "NONE",
            "ssl_client_s_dn": "",
            "ssl_early_data": "",
            "ssl_protocol": "TLSv1.2",
            "ssl_server_name": "a.example",
            "ssl_session_reused": ".",
        }
        self.assertEqual({name: found[name] for name in expected}, expected)
        self.assertIn(found["ssl_curve"], found["ssl_curves"].split(":"))
        self.assertEqual(found["ssl_ciphers"].split(":")[0], "ECDHE-ECDSA-AES128-GCM-SHA256")
        self.assertTrue(re.fullmatch("[0-9a-f]{64}", found["ssl_session_id"]))

    def test_of_the_certificate(self) -> None:
        """What the client's certificate says, in nginx's formats."""
        world = self.world(f"ssl_verify_client on; ssl_client_certificate {self.folder}/ca.pem;")
        anna = issued("anna")
        found = self.values(self.peer(world, b"a.example", anna))
        self.assertEqual(found["ssl_client_verify"], "SUCCESS")
        for name, formatted in FORMATS.items():
            self.assertEqual(found[name].encode(), formatted(anna.certificate), name)

    def test_without_tls(self) -> None:
        """A client that speaks plain HTTP has the scheme http, and nothing else."""
        text = "|".join(f"${{{name}}}" for name in ALL)
        world = World(f'server {{ listen 80; location / {{ echo -n "{text}"; }} }}')
        body = head(world.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))[2].decode()
        found = dict(zip(ALL, body.split("|"), strict=True))
        self.assertEqual({name: value for name, value in found.items() if value}, {"scheme": "http"})
