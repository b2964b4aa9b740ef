"""OCSP answers in handshakes."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.tls import ServerTls
from dyups.errors import ConfigError
from dyups.tls.contexts import read_pair, server_context
from dyups.tls.material import read_file
from dyups.tls.stapling import NO_DESK, Desk, NotStapled, Staple, staples_of
from tests.tls.authority import NOW, Authority, Issued

URL = "http://ocsp.test/ask"
TIME = NOW.timestamp()


def certified(above: Authority, url: str = URL, delegate: bool = False, kind: str = "ec") -> Issued:
    """A certificate that names its responder, or a responder's own."""
    issued = above.issue("one.test", "one.test", kind=kind)
    builder = (
        x509.CertificateBuilder()
        .subject_name(issued.certificate.subject)
        .issuer_name(above.name)
        .public_key(issued.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=9))
    )
    if delegate:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
    elif url:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), False)
    return Issued(builder.sign(above.key, hashes.SHA256()), issued.key)


def said(
    about: Issued,
    by: Authority,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    *,
    signer: Issued | None = None,
    begins: int = -3600,
    ends: int | None = 3600 * 24,
) -> bytes:
    """What a responder answers; times in seconds from now."""
    until = None if ends is None else NOW + timedelta(seconds=ends)
    revoked = NOW - timedelta(days=1) if status is ocsp.OCSPCertStatus.REVOKED else None
    builder = ocsp.OCSPResponseBuilder().add_response(
        about.certificate,
        by.certificate,
        hashes.SHA1(),
        status,
        NOW + timedelta(seconds=begins),
        until,
        revoked,
        None,
    )
    own = signer.certificate if signer is not None else by.certificate
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, own)
    if signer is not None:
        builder = builder.certificates([signer.certificate])
    key = by.key if signer is None else signer.key
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


class StapleTests(SynchronousTestCase):
    """The answer for one certificate."""

    def setUp(self) -> None:
        self.authority = Authority()
        self.issued = certified(self.authority)

    def staple(self, trusted: list[x509.Certificate] | None = None) -> Staple:
        """Of the certificate."""
        return Staple("one.crt", self.issued.certificate, self.authority.certificate, URL, trusted)

    def reason(self, answer: bytes, trusted: list[x509.Certificate] | None = None) -> str:
        """Why an answer is not stapled."""
        staple = self.staple(trusted)
        failure = self.assertRaises(NotStapled, staple.accept, answer, TIME)
        self.assertEqual(staple.answer(TIME), b"")
        return str(failure)

    def test_good(self) -> None:
        """A good answer is stapled until it ends."""
        staple, answer = self.staple(), said(self.issued, self.authority)
        self.assertEqual(staple.answer(TIME), b"")
        staple.accept(answer, TIME)
        self.assertEqual(staple.answer(TIME), answer)
        self.assertEqual(staple.answer(TIME + 3600 * 24), answer)
        self.assertEqual(staple.answer(TIME + 3600 * 24 + 1), b"")

    def test_endless(self) -> None:
        """One that does not say until when it is good stays."""
        staple, answer = self.staple(), said(self.issued, self.authority, ends=None)
        staple.accept(answer, TIME)
        self.assertEqual(staple.answer(TIME * 2), answer)

    def test_when_to_ask(self) -> None:
        """At once, not twice at a time, and then after an hour; sooner where it ends sooner or could not be had."""
        staple = self.staple()
        self.assertTrue(staple.take_due(TIME))
        self.assertFalse(staple.take_due(TIME))
        staple.accept(said(self.issued, self.authority), TIME)
        self.assertFalse(staple.take_due(TIME + 3600))
        self.assertTrue(staple.take_due(TIME + 3601))
        staple.failed(TIME + 3601)
        self.assertFalse(staple.take_due(TIME + 3901))
        self.assertTrue(staple.take_due(TIME + 3902))
        staple.accept(said(self.issued, self.authority, ends=1000), TIME)
        self.assertFalse(staple.take_due(TIME + 700))
        self.assertTrue(staple.take_due(TIME + 701))

    def test_refused(self) -> None:
        """Whatever is not a good word of the right one about this certificate, now."""
        other = Authority("Other")
        unsuccessful = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
        for answer, expected in (
            (b"x", "d2i_OCSP_RESPONSE() failed"),
            (unsuccessful.public_bytes(Encoding.DER), "OCSP response not successful (3: try_later)"),
            (said(self.issued, other), "OCSP_basic_verify() failed"),
            (
                said(self.issued, self.authority, signer=certified(other, delegate=True)),
                "OCSP_basic_verify() failed",
            ),
            (
                said(self.issued, self.authority, signer=certified(self.authority)),
                "OCSP_basic_verify() failed",
            ),
            (
                said(certified(self.authority), self.authority),
                "certificate status not found in the OCSP response",
            ),
            (
                said(self.issued, self.authority, ocsp.OCSPCertStatus.REVOKED),
                'certificate status "revoked" in the OCSP response',
            ),
            (
                said(self.issued, self.authority, ocsp.OCSPCertStatus.UNKNOWN),
                'certificate status "unknown" in the OCSP response',
            ),
            (said(self.issued, self.authority, begins=400), "OCSP_check_validity() failed"),
            (said(self.issued, self.authority, ends=-400), "OCSP_check_validity() failed"),
        ):
            self.assertEqual(self.reason(answer), expected)

    def test_signers(self) -> None:
        """The issuer, or whom it has entrusted with that, with any kind of key."""
        for kind in ("ec", "rsa"):
            staple = self.staple()
            delegate = certified(self.authority, delegate=True, kind=kind)
            staple.accept(said(self.issued, self.authority, signer=delegate), TIME)
            self.assertTrue(staple.answer(TIME))

    def test_verify(self) -> None:
        """With ``ssl_stapling_verify`` the issuer has to come from a trusted certificate."""
        root = Authority("Root")
        self.authority = Authority("Between", root)
        self.issued = certified(self.authority)
        answer = said(self.issued, self.authority)
        for trusted in ([root.certificate], [self.authority.certificate]):
            staple = self.staple(trusted)
            staple.accept(answer, TIME)
            self.assertEqual(staple.answer(TIME), answer)
        self.assertEqual(self.reason(answer, [Authority("Other").certificate]), "OCSP_basic_verify() failed")
        self.assertEqual(self.reason(answer, []), "OCSP_basic_verify() failed")

    def test_request(self) -> None:
        """The request is in the URL."""
        self.assertRegex(self.staple().request, r"\Ahttp://ocsp\.test/ask/[A-Za-z0-9%]+\Z")


class ServerTests(SynchronousTestCase):
    """The staples of a server, and its handshakes."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.authority = Authority()
        self.issued = certified(self.authority)
        self.warned: list[str] = []
        self.desk = Desk(warn=self.warned.append)

    def staples(self, chain: bytes, trusted: tuple[str, ...] = (), **settings: Any) -> list[Staple]:
        """Of one certificate with its chain."""
        tls = ServerTls(ssl_stapling=True, **settings)
        return [*staples_of(tls, [("one.crt", chain)], trusted, read_file, self.desk).values()]

    def test_issuer(self) -> None:
        """The issuer comes from the chain, or from the trusted certificates."""
        path = self.folder / "ca"
        path.write_bytes(self.authority.pem)
        chained = self.staples(self.issued.pem + self.authority.pem)
        trusted = self.staples(self.issued.pem, (str(path),))
        self.assertEqual([staple.url for staple in chained + trusted], [URL, URL])

    def test_ignored(self) -> None:
        """A certificate for which nobody can be asked is told, and nothing else changes."""
        self.assertEqual(self.staples(self.issued.pem), [])
        chain = certified(self.authority, "").pem + self.authority.pem
        self.assertEqual(self.staples(chain), [])
        secured = certified(self.authority, "https://x/").pem + self.authority.pem
        self.assertEqual(self.staples(secured), [])
        self.assertEqual(
            self.warned,
            [
                '"ssl_stapling" ignored, issuer certificate not found for certificate "one.crt"',
                '"ssl_stapling" ignored, no OCSP responder URL in the certificate "one.crt"',
                '"ssl_stapling" ignored, invalid URL prefix in OCSP responder "https://x/" in the certificate'
                ' "one.crt"',
            ],
        )
        (staple,) = self.staples(chain, ssl_stapling_responder="http://other/")
        self.assertEqual(staple.url, "http://other/")

    def test_wrong_file(self) -> None:
        """A file that is not there, or holds something else, is an error of the configuration."""
        path = self.folder / "answer"
        self.assertRaises(ConfigError, self.staples, self.issued.pem, ssl_stapling_file=str(path))
        path.write_bytes(b"x")
        error = self.assertRaises(ConfigError, self.staples, self.issued.pem, ssl_stapling_file=str(path))
        self.assertIn(f'd2i_OCSP_RESPONSE_bio("{path}") failed', error.message)

    def handshake(self, tls: ServerTls, desk: Desk) -> bytes:
        """What a client gets stapled."""
        certificate, key = self.folder / "one.crt", self.folder / "one.key"
        certificate.write_bytes(self.issued.pem + self.authority.pem)
        key.write_bytes(self.issued.key_pem())
        pair = read_pair(str(certificate), str(key), (), read_file)
        context = server_context(tls, [pair], read_file, identity=b"x", resumes=True, desk=desk)
        got: list[bytes] = []
        asking = SSL.Context(SSL.TLS_CLIENT_METHOD)
        asking.set_ocsp_client_callback(_keep(got))
        server, client = SSL.Connection(context), SSL.Connection(asking)
        server.set_accept_state()
        client.set_connect_state()
        client.request_ocsp()
        for _ in range(3):
            for one, other in ((client, server), (server, client)):
                with contextlib.suppress(SSL.WantReadError):
                    one.do_handshake()
                with contextlib.suppress(SSL.WantReadError):
                    other.bio_write(one.bio_read(65536))
        return got[0]

    def test_file(self) -> None:
        """What a file holds is stapled as it is."""
        path, answer = self.folder / "answer", said(self.issued, self.authority)
        path.write_bytes(answer)
        tls = ServerTls(ssl_stapling=True, ssl_stapling_file=str(path))
        self.assertEqual(self.handshake(tls, NO_DESK), answer)

    def test_fetched(self) -> None:
        """A handshake asks for what is due, and staples what is there by then."""
        answer = said(self.issued, self.authority)
        asked: list[Staple] = []
        self.assertEqual(
            self.handshake(ServerTls(ssl_stapling=True), Desk(asked.append, now=lambda: TIME)), b""
        )
        self.assertEqual([staple.url for staple in asked], [URL])
        at_once = Desk(lambda staple: staple.accept(answer, TIME), now=lambda: TIME)
        self.assertEqual(self.handshake(ServerTls(ssl_stapling=True), at_once), answer)

    def test_off(self) -> None:
        """Nothing is stapled where nobody wants it, nor for a certificate that cannot be asked about."""
        self.assertEqual(self.handshake(ServerTls(), self.desk), b"")
        self.issued = certified(self.authority, "")
        self.assertEqual(self.handshake(ServerTls(ssl_stapling=True), self.desk), b"")


def _keep(got: list[bytes]) -> Callable[[SSL.Connection, bytes, object], bool]:
    def keep(connection: SSL.Connection, answer: bytes, data: object) -> bool:
        got.append(answer)
        return True

    return keep
