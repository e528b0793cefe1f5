"""Enrolment over secure transport (RFC 7030): a certificate request goes out over HTTPS, a certificate comes back.

In: the address of an EST server, its authority, and a name with a password or a certificate to show. Out: certificates
that belong to our key and lead to our authority, or EstError. One total deadline per exchange, sizes are limited, no
redirect is followed. Answers are base64 of a PKCS #7 that holds certificates and nothing else (RFC 8951).
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from urllib3.exceptions import HTTPError

from offline_queue import certificates, keypair
from offline_queue.clock import Clock
from offline_queue.errors import CertificateError, EstError, TransportFault
from offline_queue.keypair import SigningKey
from offline_queue.transports import faults
from offline_queue.transports.budget import Budget, socket_class
from offline_queue.transports.https import _Adapter, _read, client_context

DEADLINE_S = 60.0
LIMIT = 128 * 1024
MOST = 8
WELL_KNOWN = "/.well-known/est"
CERTS = "application/pkcs7-mime"
PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Access:
    """How to reach the server. ca: PEM path of the authority of its TLS certificate; cert, key: PEM paths of what we
    show (a certificate we have, or one for bootstrapping); user, password: HTTP basic, for a first enrolment."""

    url: str
    ca: Path
    cert: Path | None = None
    key: Path | None = None
    user: str = ""
    password: str = ""
    deadline_s: float = DEADLINE_S


class EstClient:
    """One server. EstError: `est.address`, `.no_answer`, `.not_permitted`, `.pending`, `.refused`, `.malformed`;
    TransportFault `gateway.own_ca`, `.own_certificate` for files that are unfit."""

    def __init__(self, access: Access, clock: Clock) -> None:
        if not access.url.startswith("https://"):
            raise EstError(
                "est.address", f"{access.url!r} is no enrolment address", "write https://host:port"
            )
        self._access = access
        self._budget = Budget(clock, access.deadline_s)
        options = {"ca": str(access.ca)}
        if access.cert is not None:
            options |= {"client_cert": str(access.cert), "client_key": str(access.key)}
        context = client_context(options)
        context.sslsocket_class = socket_class(self._budget)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(access.ca)
        self._session.headers.update({"Accept-Encoding": "identity", "Connection": "close"})
        self._session.adapters.clear()
        self._adapter = _Adapter(context, self._budget)
        self._session.mount("https://", self._adapter)

    def close(self) -> None:
        self._session.close()

    def cacerts(self) -> tuple[x509.Certificate, ...]:
        """The server's authorities: to be compared by a person, not trusted because they came."""
        return certs_only(self._exchange("GET", "/cacerts"))

    def enrol(self, request: bytes) -> tuple[x509.Certificate, ...]:
        """A first certificate. request: DER of a PKCS #10."""
        return self._asked("/simpleenroll", request)

    def renew(self, request: bytes) -> tuple[x509.Certificate, ...]:
        """The next certificate, of the same subject, with the present one shown in TLS."""
        return self._asked("/simplereenroll", request)

    def _asked(self, path: str, request: bytes) -> tuple[x509.Certificate, ...]:
        headers = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}
        return certs_only(self._exchange("POST", path, data=base64.encodebytes(request), headers=headers))

    def _exchange(self, method: str, path: str, **body: Any) -> bytes:
        self._budget.start()
        if self._access.user:
            body["auth"] = (self._access.user, self._access.password)
        url = self._access.url.rstrip("/") + WELL_KNOWN + path
        try:
            with self._session.request(
                method, url, stream=True, allow_redirects=False, timeout=self._budget.total_s, **body
            ) as reply:
                headers = {name.lower(): value for name, value in reply.headers.items()}
                return _checked(reply.status_code, headers, _read(reply, LIMIT))
        except (requests.RequestException, HTTPError, TransportFault, OSError, ValueError) as error:
            fault = (
                error if isinstance(error, TransportFault) else faults.of_exchange(error, self._budget.sent)
            )
            raise EstError(
                "est.no_answer",
                f"the enrolment server: {fault.message}",
                "check network and address; it is tried again",
            ) from error
        finally:
            self._adapter.close()


def _checked(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    if status == 202:
        raise EstError("est.pending", "the authority has not decided yet", "it is asked again later")
    if status in (401, 403):
        raise EstError(
            "est.not_permitted",
            f"the authority does not accept this station (HTTP {status})",
            "ask for a new password",
        )
    if status != 200:
        raise EstError("est.refused", f"the authority answered HTTP {status}", "ask its operator")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != CERTS:
        raise EstError("est.malformed", f"the answer is {kind[:60]!r}, no certificates", "check the address")
    return body


def certs_only(body: bytes) -> tuple[x509.Certificate, ...]:
    """Base64 of a PKCS #7 with certificates only. EstError `est.malformed` for anything else."""
    try:
        if len(body) > LIMIT:
            raise ValueError("too large")
        der = base64.b64decode(b"".join(body.split()), validate=True)
        outer = cms.ContentInfo.load(der, strict=True)
        if outer["content_type"].native != "signed_data":
            raise ValueError("no SignedData")
        signed = outer["content"]
        if len(signed["signer_infos"]) or signed["encap_content_info"]["content"].native is not None:
            raise ValueError("more than certificates")
        found = [choice.chosen.dump() for choice in signed["certificates"]]
        if not 1 <= len(found) <= MOST:
            raise ValueError(f"{len(found)} certificates")
        return tuple(certificates.from_der(each) for each in found)
    except Exception as error:  # the ASN.1 parser raises many unrelated types on hostile bytes
        raise EstError(
            "est.malformed", f"the answer holds no certificates: {error}"[:200], "ask its operator"
        ) from error


def ours(
    found: Sequence[x509.Certificate],
    key: SigningKey,
    purpose: str,
    anchors: Sequence[x509.Certificate],
    at: dt.datetime,
) -> tuple[x509.Certificate, ...]:
    """Our new certificate first, then those above it. EstError `est.wrong_key`, `.untrusted`, `.wrong_use` or
    `.dates`."""
    leaf = next((each for each in found if _spki(each) == key.public), None)
    if leaf is None:
        raise EstError("est.wrong_key", "the authority sent no certificate for our key", "ask its operator")
    others = [each for each in found if each is not leaf]
    if certificates.find_path(leaf, others, anchors) is None:
        raise EstError(
            "est.untrusted", "the certificate is not under the station's authority", "ask its operator"
        )
    uses = certificates.extension(leaf, x509.ExtendedKeyUsage)
    wanted = certificates.SIGNING_USES if purpose == "signing" else {x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH}
    if uses is None or not set(uses) & wanted:
        raise EstError("est.wrong_use", f"the certificate is not for {purpose}", "ask its operator")
    if not leaf.not_valid_before_utc <= at < leaf.not_valid_after_utc:
        raise EstError("est.dates", "the certificate is not valid now", "check the station's clock")
    return (leaf, *others)


def install(path: Path, chain: Sequence[x509.Certificate]) -> Path | None:
    """The new certificate becomes current at once or not at all; the old one stays beside it, under the name that is
    returned (its serial number)."""
    kept = None
    if path.exists():
        old = path.read_bytes()
        try:
            serial = certificates.from_pem(old)[0].serial_number
        except CertificateError:
            serial = 0
        kept = path.with_name(f"{path.stem}.{serial:x}{path.suffix}")
        keypair.write(kept, old)
    keypair.write(path, b"".join(each.public_bytes(PEM) for each in chain))
    return kept


def _spki(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(keypair.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
