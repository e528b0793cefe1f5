"""A whole test PKI in one folder: two short-lived SIMULATED authorities, and the keys that hang below them.

In: a folder and a clock. Out: PEM files (keys mode 0600) and a 32-byte vault key. Never for use with real
people.
The authorities' own keys are thrown away: to renew, provision anew. A folder that is already provisioned
and still valid is left as it is, and
an existing vault key is never replaced, because the queue would become unreadable.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

Purpose = Literal["client", "server", "signing", "sealing"]

LIFE = dt.timedelta(days=30)
CRL_LIFE = dt.timedelta(days=7)
BACKDATE = dt.timedelta(minutes=10)
RENEW_BELOW = dt.timedelta(days=2)
LOOPBACK = ("localhost", "127.0.0.1", "::1")
USES = {
    "client": [ExtendedKeyUsageOID.CLIENT_AUTH],
    "server": [ExtendedKeyUsageOID.SERVER_AUTH],
    # openssl's default purpose for `cms -verify` asks for e-mail protection; RFC 9336 is what it is for
    "signing": [ExtendedKeyUsageOID.EMAIL_PROTECTION, ObjectIdentifier("1.3.6.1.5.5.7.3.36")],
}


class WallClock(Protocol):
    """All this module asks of a clock."""

    def utcnow(self) -> dt.datetime: ...


@dataclass(frozen=True)
class PkiPaths:
    """Where everything lies. The last four are gateway certificates that must be refused, for fault
    scripts."""

    station_ca: Path
    station_client_cert: Path
    station_client_key: Path
    station_signing_cert: Path
    station_signing_key: Path
    station_vault_key: Path
    gateway_ca: Path
    gateway_server_cert: Path
    gateway_server_key: Path
    gateway_receipt_cert: Path
    gateway_receipt_key: Path
    gateway_sealing_cert: Path
    gateway_sealing_key: Path
    gateway_wrong_name_cert: Path
    gateway_wrong_name_key: Path
    gateway_expired_cert: Path
    gateway_expired_key: Path

    @classmethod
    def at(cls, folder: Path) -> PkiPaths:
        """The paths in a folder, whether or not anything is there. `station_client_cert` →
        station-client.pem."""

        def path(name: str) -> Path:
            stem, _, kind = name.rpartition("_")
            suffix = {"cert": ".pem", "ca": "-ca.pem", "key": ".key"}[kind]
            return folder / (stem.replace("_", "-") + suffix)

        return cls(**{field.name: path(field.name) for field in fields(cls)})

    @property
    def signing_uri(self) -> str:
        """What `load_signer` takes for the station."""
        return _key_uri(self.station_signing_key, self.station_signing_cert, self.station_ca)

    @property
    def receipt_signing_uri(self) -> str:
        """What `load_signer` takes for the gateway."""
        return _key_uri(self.gateway_receipt_key, self.gateway_receipt_cert, self.gateway_ca)


def _key_uri(key: Path, cert: Path, chain: Path) -> str:
    return f"file:{quote(str(key))}?cert={quote(str(cert))}&chain={quote(str(chain))}"


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, in memory."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def cert_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


class Authority:
    """A certificate authority for tests. `Authority.new(name, now)`, then `.issue(...)` or
    `.issue_authority(...)`."""

    def __init__(self, issued: Issued) -> None:
        self.issued = issued

    @property
    def cert_pem(self) -> bytes:
        return self.issued.cert_pem

    @classmethod
    def new(cls, name: str, now: dt.datetime, life: dt.timedelta = LIFE) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, name, key, now - BACKDATE, now + life)
        return cls(Issued(_as_authority(builder, None).sign(key, hashes.SHA256()), key))

    def issue_authority(self, name: str, now: dt.datetime, path_length: int | None = 0) -> Authority:
        """An authority below this one."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self._name(), key, now - BACKDATE, now + LIFE)
        certificate = _as_authority(builder, path_length).sign(self.issued.key, hashes.SHA256())
        return Authority(Issued(certificate, key))

    def issue(
        self,
        name: str,
        purpose: Purpose,
        not_before: dt.datetime,
        not_after: dt.datetime,
        names: Sequence[str] = (),
    ) -> Issued:
        """A leaf for TLS client, TLS server (`names`: DNS names and addresses), document signing, or sealing to."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self._name(), key, not_before, not_after)
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                _usage(
                    digital_signature=purpose != "sealing",
                    content_commitment=purpose == "signing",
                    key_agreement=purpose == "sealing",
                ),
                critical=True,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issued.key.public_key()),
                critical=False,
            )
        )
        if purpose in USES:
            builder = builder.add_extension(x509.ExtendedKeyUsage(USES[purpose]), critical=False)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_alternative(n) for n in names]), False
            )
        return Issued(builder.sign(self.issued.key, hashes.SHA256()), key)

    def crl(
        self,
        now: dt.datetime,
        revoked: Mapping[int, tuple[dt.datetime, x509.ReasonFlags]] | None = None,
        *,
        number: int = 1,
        life: dt.timedelta = CRL_LIFE,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> bytes:
        """DER of a revocation list. revoked: serial number → since when, and why; extensions: more, and if critical."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.issued.certificate.subject)
            .last_update(now.replace(microsecond=0))
            .next_update((now + life).replace(microsecond=0))
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issued.key.public_key()),
                critical=False,
            )
        )
        for more, critical in extensions:
            builder = builder.add_extension(more, critical)
        for serial, (since, reason) in (revoked or {}).items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial)
            entry = entry.revocation_date(since.replace(microsecond=0))
            builder = builder.add_revoked_certificate(
                entry.add_extension(x509.CRLReason(reason), critical=False).build()
            )
        return builder.sign(self.issued.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def _name(self) -> str:
        return str(self.issued.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def make_pki(folder: Path, clock: WallClock) -> PkiPaths:
    """Provision `folder` (made if absent, mode 0700) for one simulated station and one simulated gateway."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    paths, now = PkiPaths.at(folder), clock.utcnow()
    if not paths.station_vault_key.exists():
        _write(paths.station_vault_key, os.urandom(32))
    if _still_good(paths, now):
        return paths
    start, end = now - BACKDATE, now + LIFE
    station = Authority.new("SIMULATED TEST station authority", now)
    gateway = Authority.new("SIMULATED TEST gateway authority", now)
    _write(paths.station_ca, station.cert_pem)
    _write(paths.gateway_ca, gateway.cert_pem)
    leaves = {
        "station_client": station.issue("SIMULATED TEST station TLS", "client", start, end),
        "station_signing": station.issue("SIMULATED TEST station signing", "signing", start, end),
        "gateway_server": gateway.issue("SIMULATED TEST gateway TLS", "server", start, end, LOOPBACK),
        "gateway_receipt": gateway.issue("SIMULATED TEST gateway receipts", "signing", start, end),
        "gateway_sealing": gateway.issue("SIMULATED TEST gateway sealing", "sealing", start, end),
        "gateway_wrong_name": gateway.issue(
            "SIMULATED TEST other host", "server", start, end, ("other.invalid",)
        ),
        "gateway_expired": gateway.issue(
            "SIMULATED TEST expired host", "server", now - LIFE, now - dt.timedelta(days=1), LOOPBACK
        ),
    }
    for name, issued in leaves.items():
        _write(getattr(paths, f"{name}_cert"), issued.cert_pem)
        _write(getattr(paths, f"{name}_key"), issued.key_pem)
    return paths


def _still_good(paths: PkiPaths, now: dt.datetime) -> bool:
    """Everything is there, and the authority outlives the next days."""
    if not all(getattr(paths, field.name).exists() for field in fields(paths)):
        return False
    ends = x509.load_pem_x509_certificate(paths.gateway_ca.read_bytes())
    return ends.not_valid_before_utc <= now < ends.not_valid_after_utc - RENEW_BELOW


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all; keys are never readable by others, not even for a moment."""
    mode = 0o600 if path.suffix == ".key" else 0o644
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    draft.replace(path)


def _builder(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, not_before: dt.datetime, not_after: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before.replace(microsecond=0))
        .not_valid_after(not_after.replace(microsecond=0))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _as_authority(builder: x509.CertificateBuilder, path_length: int | None) -> x509.CertificateBuilder:
    return builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=path_length), critical=True
    ).add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)


def _usage(
    *,
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_agreement: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=key_agreement,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SIMULATED TEST, not a real agency"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
