"""OCSP answers that are stapled to handshakes (RFC 6066 section 8): which there is, how long it is good, what to ask.

Owns what ``ssl_stapling`` means for one certificate (:class:`Staple`) and for all of a server's (:func:`staples_of`),
by nginx's rules.  Nothing is fetched here: a staple that is due says so in a handshake (:attr:`Desk.fetch`), and
whoever fetches gives it what came.  ``contexts`` ties them to handshakes, ``workers.stapling`` fetches.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from OpenSSL import SSL

from dyups.config.tls import ServerTls
from dyups.errors import ConfigError
from dyups.tls.material import Files, certificates, of_source

#: Seconds: what clocks may differ by, and the least and most time between two requests, nginx's.
_SKEW = 300
_SOONEST, _LATEST = 300, 3600
_STATES = {ocsp.OCSPCertStatus.REVOKED: "revoked", ocsp.OCSPCertStatus.UNKNOWN: "unknown"}


class NotStapled(Exception):
    """What a responder said cannot be stapled; the text is nginx's."""


class Staple:
    """The answer for one certificate; times are seconds since 1970."""

    def __init__(
        self,
        source: str,
        certificate: x509.Certificate,
        issuer: x509.Certificate | None = None,
        url: str = "",
        trusted: Sequence[x509.Certificate] | None = None,
        answer: bytes = b"",
    ) -> None:
        self.source = source
        """The certificate's name in the configuration."""
        self.url = url
        """The responder; empty where the answer is a file's."""
        self._certificate = certificate
        self._issuer = issuer
        self._trusted = trusted
        """The certificates that the signer has to come from; None where its signature is enough."""
        self._answer = answer
        self._valid = inf
        self._refresh = 0.0
        self._loading = False

    def answer(self, now: float) -> bytes:
        """What a handshake gets; empty for nothing."""
        return self._answer if self._valid >= now else b""

    def take_due(self, now: float) -> bool:
        """Has the responder to be asked?  Whoever hears so has to call :meth:`accept` or :meth:`failed`."""
        due = bool(self.url) and not self._loading and self._refresh < now
        self._loading = self._loading or due
        return due

    @property
    def request(self) -> str:
        """The URL to get (RFC 6960 appendix A)."""
        assert self._issuer is not None
        built = ocsp.OCSPRequestBuilder().add_certificate(self._certificate, self._issuer, SHA1()).build()
        encoded = base64.b64encode(built.public_bytes(Encoding.DER)).decode()
        return f"{self.url.removesuffix('/')}/{quote(encoded, safe='')}"

    def accept(self, answer: bytes, now: float) -> None:
        """Staple ``answer`` from now on, if it is what it should be.  Raises :class:`NotStapled`."""
        try:
            self._valid = self._checked(answer, now)
        except NotStapled:
            self.failed(now)
            raise
        self._answer = answer
        self._loading = False
        self._refresh = max(min(self._valid - _SKEW, now + _LATEST), now + _SOONEST)

    def failed(self, now: float) -> None:
        """There was no answer: ask again later, and staple what there is while it is good."""
        self._loading = False
        self._refresh = now + _SOONEST

    def _checked(self, answer: bytes, now: float) -> float:
        """Until when ``answer`` is good."""
        try:
            response = ocsp.load_der_ocsp_response(answer)
        except ValueError:
            raise NotStapled("d2i_OCSP_RESPONSE() failed") from None
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            status = response.response_status
            raise NotStapled(f"OCSP response not successful ({status.value}: {status.name.lower()})")
        self._check_signature(response)
        single = next((found for found in response.responses if self._is_about(found)), None)
        if single is None:
            raise NotStapled("certificate status not found in the OCSP response")
        if single.certificate_status is not ocsp.OCSPCertStatus.GOOD:
            shown = _STATES.get(single.certificate_status, "unknown")
            raise NotStapled(f'certificate status "{shown}" in the OCSP response')
        until = inf if single.next_update_utc is None else _seconds(single.next_update_utc)
        if _seconds(single.this_update_utc) > now + _SKEW or until < now - _SKEW:
            raise NotStapled("OCSP_check_validity() failed")
        return until

    def _is_about(self, single: ocsp.OCSPSingleResponse) -> bool:
        assert self._issuer is not None
        builder = ocsp.OCSPRequestBuilder()
        asked = builder.add_certificate(self._certificate, self._issuer, single.hash_algorithm).build()
        mine = asked.serial_number, asked.issuer_name_hash, asked.issuer_key_hash
        return mine == (single.serial_number, single.issuer_name_hash, single.issuer_key_hash)

    def _check_signature(self, response: ocsp.OCSPResponse) -> None:
        """By the issuer, or by whom it has entrusted with that (RFC 6960 section 4.2.2.2)."""
        assert self._issuer is not None
        signers = [self._issuer, *(one for one in response.certificates if _is_delegate(one, self._issuer))]
        if not any(_has_signed(signer, response) for signer in signers):
            raise NotStapled("OCSP_basic_verify() failed")
        if self._trusted is not None and not _comes_from(self._issuer, self._trusted):
            raise NotStapled("OCSP_basic_verify() failed")


@dataclass(frozen=True, slots=True)
class Desk:
    """What a process does about staples."""

    fetch: Callable[[Staple], None] = lambda staple: None
    """Ask the responder of one that is due."""
    warn: Callable[[str], None] = lambda text: None
    """Tell that there will be none for a certificate."""
    now: Callable[[], float] = time.time


#: Nothing is fetched, nobody is told.
NO_DESK = Desk()


def staples_of(
    tls: ServerTls, chains: Sequence[tuple[str, bytes]], trusted: Sequence[str], files: Files, desk: Desk
) -> dict[bytes, Staple]:
    """The staples of a server by certificate (DER), of its ``chains``: where each is from, and its PEM.

    ``trusted`` are the files of its authorities.  Raises ConfigError for a wrong ``ssl_stapling_file``.
    """
    found: dict[bytes, Staple] = {}
    answer = _of_file(tls.ssl_stapling_file, files) if tls.ssl_stapling_file else b""
    known = [one for path in trusted for one in certificates(path, files)]
    for source, chain in chains:
        certificate, *rest = x509.load_pem_x509_certificates(chain)
        if answer:
            found[certificate.public_bytes(Encoding.DER)] = Staple(source, certificate, answer=answer)
            continue
        issuer = next((one for one in (*rest, *known) if _issued(certificate, one)), None)
        url = tls.ssl_stapling_responder or _responder(certificate)
        if issuer is None:
            problem = f'issuer certificate not found for certificate "{source}"'
        elif not url:
            problem = f'no OCSP responder URL in the certificate "{source}"'
        elif not url.lower().startswith("http://"):
            problem = f'invalid URL prefix in OCSP responder "{url}" in the certificate "{source}"'
        else:
            roots = known if tls.ssl_stapling_verify else None
            found[certificate.public_bytes(Encoding.DER)] = Staple(source, certificate, issuer, url, roots)
            continue
        desk.warn(f'"ssl_stapling" ignored, {problem}')
    return found


def staple_to(context: SSL.Context, staples: Mapping[bytes, Staple], desk: Desk) -> None:
    """Have handshakes of ``context`` staple what there is, and ask for what is due."""

    def stapled(connection: SSL.Connection, data: object) -> bytes:
        shown = connection.get_certificate()
        if shown is None:
            return b""
        staple = staples.get(shown.to_cryptography().public_bytes(Encoding.DER))
        if staple is None:
            return b""
        now = desk.now()
        if staple.take_due(now):
            desk.fetch(staple)
        return staple.answer(now)

    context.set_ocsp_server_callback(stapled)


def _of_file(path: str, files: Files) -> bytes:
    content = of_source(path, files, f'BIO_new_file("{path}") failed')
    try:
        ocsp.load_der_ocsp_response(content)
    except ValueError as error:
        raise ConfigError(f'd2i_OCSP_RESPONSE_bio("{path}") failed (SSL: {error})') from None
    return content


def _responder(certificate: x509.Certificate) -> str:
    """The first OCSP responder that the certificate names; empty for none."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    for description in access:
        location = description.access_location
        is_ocsp = description.access_method == AuthorityInformationAccessOID.OCSP
        if is_ocsp and isinstance(location, x509.UniformResourceIdentifier):
            return str(location.value)
    return ""


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_delegate(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage and _issued(certificate, issuer)


def _has_signed(signer: x509.Certificate, response: ocsp.OCSPResponse) -> bool:
    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    signature, signed = response.signature, response.tbs_response_bytes
    if algorithm is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _comes_from(certificate: x509.Certificate, trusted: Sequence[x509.Certificate]) -> bool:
    return certificate in trusted or any(_issued(certificate, one) for one in trusted)


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
