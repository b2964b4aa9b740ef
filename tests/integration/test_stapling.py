"""Stapled OCSP answers with real processes: a responder is asked, and handshakes bring along what it says."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest_twisted
from OpenSSL import SSL
from twisted.internet.threads import deferToThread

from tests.integration.running import BOUND, Site, free_ports, until
from tests.integration.wires import Wire, Wires
from tests.tls.authority import Authority
from tests.tls.test_stapling import certified, said


def stapled(port: int) -> bytes:
    """What a handshake brings along; blocks."""
    got: list[bytes] = []
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_ocsp_client_callback(lambda connection, answer, data: not got.append(answer))
    connection = SSL.Connection(context)
    connection.set_connect_state()
    connection.request_ocsp()
    with closing(socket.create_connection(("127.0.0.1", port), BOUND)) as sock:
        while True:
            try:
                connection.do_handshake()
                return got[0]
            except SSL.WantReadError:
                sock.sendall(connection.bio_read(65536))
                connection.bio_write(sock.recv(65536))


@pytest_twisted.ensureDeferred
async def test_a_responder_is_asked(site: Site, wires: Wires) -> None:
    """A handshake makes the worker ask, and one that follows has the answer; without a responder there is none."""
    authority = Authority()
    issued = certified(authority, "")
    answer = said(issued, authority)

    def respond(wire: Wire) -> None:
        if b"\r\n\r\n" in wire.data:
            wire.data.clear()
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))

    responder = wires.serve(respond)
    ports = free_ports(2)
    certificate, key = issued.write(site.root, "one")
    with open(certificate, "ab") as file:
        file.write(authority.pem)
    pair = f"ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_stapling on;"
    url = f"http://127.0.0.1:{responder.number}/ocsp"
    site.http(
        f"server {{ listen {ports[0]} ssl; {pair} ssl_stapling_responder {url}; return 200; }}"
        f"server {{ listen {ports[1]} ssl; {pair} return 200; }}"
    )
    await site.proxy().listening(*ports)

    async def is_there() -> bool:
        return await deferToThread(stapled, ports[0]) == answer

    await until(is_there, "the stapled answer")
    assert await deferToThread(stapled, ports[1]) == b""
