"""What the signers share: a P-256 key out of PEM bytes, the certificates that go with it, and a CSR for it.

In: bytes and paths a signer found by its URI. Out: cryptography's objects, or SignerError with a code.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from asn1crypto import algos, csr, keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from offline_queue import certificates
from offline_queue.errors import CertificateError, SignerError

DER = serialization.Encoding.DER
USES = {"signing": ["email_protection", "1.3.6.1.5.5.7.3.36"], "client": ["client_auth"]}


class SigningKey(Protocol):
    """A key that signs in its place. public: DER of its SubjectPublicKeyInfo."""

    @property
    def public(self) -> bytes: ...

    def sign(self, data: bytes) -> bytes:
        """ECDSA P-256 with SHA-256 over `data`: a DER signature."""
        ...


class MemoryKey:
    """A private key in the memory of this process."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @property
    def public(self) -> bytes:
        return self._key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


class KeySigner:
    """A key with its certificate (DER) and the authorities above (DER, nearest first)."""

    def __init__(self, key: SigningKey, leaf: bytes, chain: Sequence[bytes]) -> None:
        self._key = key
        self.certificate = leaf
        self.chain = tuple(chain)

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


def signer(key: SigningKey, options: Mapping[str, str]) -> KeySigner:
    """options `cert` and perhaps `chain`: paths of PEM files. SignerError `signer.certificate_missing` or
    `signer.certificate_other_key`."""
    leaf, *rest = read_certificates(Path(options["cert"]))
    chain = [*rest, *(read_certificates(Path(options["chain"])) if "chain" in options else ())]
    return with_certificate(key, leaf.public_bytes(DER), [each.public_bytes(DER) for each in chain])


def with_certificate(key: SigningKey, leaf: bytes, chain: Sequence[bytes]) -> KeySigner:
    """SignerError `signer.certificate_other_key` when the certificate is not this key's."""
    public = certificates.from_der(leaf).public_key()
    if public.public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo) != key.public:
        raise SignerError(
            "signer.certificate_other_key",
            "the certificate belongs to another key",
            "provision key and certificate together",
        )
    return KeySigner(key, leaf, chain)


def from_pem(data: bytes, name: str) -> MemoryKey:
    """SignerError `signer.key_malformed` or `signer.key_type`; name: what to call it in the message."""
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise SignerError(
            "signer.key_malformed", f"{name}: no unencrypted PEM key", "provision a new key"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SignerError("signer.key_type", f"{name}: not a P-256 key", "provision a P-256 key")
    return MemoryKey(key)


def fresh_pem() -> bytes:
    """A new P-256 key as PEM (PKCS #8, not encrypted)."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file. SignerError `signer.certificate_missing`."""
    try:
        return certificates.from_pem(path.read_bytes())
    except OSError as error:
        raise SignerError(
            "signer.certificate_missing", f"{path}: {error.strerror}", "provision the station's certificates"
        ) from error
    except CertificateError as error:
        raise SignerError("signer.certificate_missing", f"{path}: {error.message}", error.advice) from error


def request(key: SigningKey, common_name: str, purpose: str, subject: bytes = b"") -> bytes:
    """DER of a PKCS #10 request (RFC 2986) that asks for a leaf: purpose `signing` or `client`. subject: DER of the
    whole name instead, as a renewal needs it."""
    name = asn1_x509.Name.load(subject) if subject else asn1_x509.Name.build({"common_name": common_name})
    info = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": name,
            "subject_pk_info": keys.PublicKeyInfo.load(key.public),
            "attributes": [
                {
                    "type": "extension_request",
                    "values": [[{"extn_id": "extended_key_usage", "extn_value": USES[purpose]}]],
                }
            ],
        }
    )
    signed = csr.CertificationRequest(
        {
            "certification_request_info": info,
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
            "signature": key.sign(info.dump()),
        }
    )
    return bytes(signed.dump())


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Whole or not at all, and on disk when it returns; a key is never readable by others, not even for a moment."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
