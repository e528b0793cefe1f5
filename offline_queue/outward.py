"""Sealing to the gateway's public key: a station that is stolen cannot open its own queue.

In: plain bytes and a P-256 public key. Out: sealed bytes LSV2 (see sealed.py). An ephemeral key agrees with the
gateway's (ECDH, NIST SP 800-56A), HKDF-SHA256 (RFC 5869) makes the wrapping key, AES-256-GCM wraps the data key.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from offline_queue.errors import VaultError
from offline_queue.keyfile import read_secret
from offline_queue.sealed import GATEWAY, KEY_BYTES, KEY_ID_BYTES, NONCE_BYTES, parse

LABEL = b"livescan LSV2 wrap"


class Recipient:
    """The gateway's public key. key_id: the first 8 bytes of SHA-256 over its SubjectPublicKeyInfo."""

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._key = key
        self.key_id = key_id(key)

    def __repr__(self) -> str:
        return f"Recipient(key_id={self.key_id.hex()})"

    @classmethod
    def load(cls, path: str | Path) -> Recipient:
        """A PEM file with the gateway's certificate, or its public key alone. VaultError `vault.recipient`."""
        try:
            return cls.from_pem(Path(path).read_bytes())
        except OSError as error:
            raise _unfit(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise _unfit(f"{path}: {error}") from error

    @classmethod
    def from_pem(cls, pem: bytes) -> Recipient:
        """ValueError when it is no P-256 key, or a certificate for something else than key agreement."""
        if b"BEGIN CERTIFICATE" in pem:
            certificate = x509.load_pem_x509_certificate(pem)
            _check_usage(certificate)
            key: object = certificate.public_key()
        else:
            key = serialization.load_pem_public_key(pem)
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("not a P-256 public key")
        return cls(key)

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """Plain bytes to sealed bytes that only the holder of the private key opens, with the same aad."""
        ephemeral = ec.generate_private_key(ec.SECP256R1())
        point = ephemeral.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        head = GATEWAY + self.key_id + point
        wrap = _wrapping_key(ephemeral.exchange(ec.ECDH(), self._key), head, self._key)
        data_key, wrap_nonce, nonce = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES), os.urandom(NONCE_BYTES)
        wrapped = AESGCM(wrap).encrypt(wrap_nonce, data_key, head + aad)
        body = AESGCM(data_key).encrypt(nonce, plaintext, GATEWAY + aad)
        return b"".join((head, wrap_nonce, wrapped, nonce, body))


class Opener:
    """The gateway's side: its private key opens what stations sealed to it."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.key_id = key_id(key.public_key())

    @classmethod
    def load(cls, path: str | Path) -> Opener:
        """An unencrypted PEM file, mode 0600. VaultError `vault.key_*` or `vault.recipient`."""
        data = read_secret(Path(path), VaultError, "vault")
        try:
            key = serialization.load_pem_private_key(data, password=None)
        except (ValueError, TypeError) as error:
            raise _unfit(f"{path}: no unencrypted PEM key") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise _unfit(f"{path}: not a P-256 key")
        return cls(key)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """VaultError `vault.not_sealed`, `vault.erased`, `vault.other_key`, `vault.damaged`."""
        parts = parse(sealed)
        if parts.magic != GATEWAY or parts.key_id != self.key_id:
            raise VaultError(
                "vault.other_key",
                f"sealed under key {parts.key_id.hex()}, not {self.key_id.hex()}",
                "the station seals to another gateway's key",
            )
        try:
            peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), parts.point)
            wrap = _wrapping_key(self._key.exchange(ec.ECDH(), peer), parts.head, self._key.public_key())
            data_key = AESGCM(wrap).decrypt(parts.wrap_nonce, parts.wrapped, parts.head + aad)
            nonce, text = parts.body[:NONCE_BYTES], parts.body[NONCE_BYTES:]
            return AESGCM(data_key).decrypt(nonce, text, GATEWAY + aad)
        except (InvalidTag, ValueError):
            raise VaultError(
                "vault.damaged",
                "the sealed bytes were altered, or belong to another submission",
                "ask the station to send them again",
            ) from None


class Openers:
    """All private keys a gateway holds: stations that seal to its last key are still understood. None is a gateway to
    which nobody may seal."""

    def __init__(self, *openers: Opener) -> None:
        self._of = {each.key_id: each for each in openers}

    @classmethod
    def load(cls, paths: Sequence[str | Path]) -> Openers:
        """VaultError as `Opener.load`."""
        return cls(*(Opener.load(path) for path in paths))

    def submission(self, sealed: bytes, submission_id: str) -> bytes:
        """What a station sealed, plain. VaultError as `Opener.open`; `vault.other_key` is final: it is for another
        gateway."""
        name = parse(sealed).key_id
        opener = self._of.get(name)
        if opener is None:
            raise VaultError(
                "vault.other_key", f"sealed to key {name.hex()}, which is none of ours", "seal to our key"
            )
        return opener.open(sealed, submission_aad(submission_id))


def submission_aad(submission_id: str) -> bytes:
    """What ties a sealed transaction to its submission, at the station and at the gateway."""
    return b"submission:" + submission_id.encode()


def key_id(key: ec.EllipticCurvePublicKey) -> bytes:
    """Eight bytes that name a public key."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).digest()[:KEY_ID_BYTES]


def _wrapping_key(secret: bytes, head: bytes, recipient: ec.EllipticCurvePublicKey) -> bytes:
    """Bound to both public keys, so that the same secret never wraps under other names."""
    point = recipient.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return HKDF(hashes.SHA256(), KEY_BYTES, None, LABEL + head + point).derive(secret)


def _check_usage(certificate: x509.Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.key_agreement:
        raise ValueError("this certificate is not for key agreement")


def _unfit(message: str) -> VaultError:
    return VaultError(
        "vault.recipient", message, "put the gateway's sealing certificate where station.toml says"
    )
