"""A signing key in a PEM file: `file:/path/key.pem?cert=/path/cert.pem&chain=/path/ca.pem`. For development
and tests."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from offline_queue import certificates
from offline_queue.errors import CertificateError, SignerError
from offline_queue.keyfile import read_secret


class FileSigner:
    """Key in memory, loaded once."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: bytes, chain: tuple[bytes, ...]) -> None:
        self._key = key
        self.certificate = certificate
        self.chain = chain

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


def open_signer(uri: str) -> FileSigner:
    """URI to signer. SignerError: `signer.uri`, `.key_*`, `.certificate_missing`,
    `.certificate_other_key`."""
    parts = urlsplit(uri)
    options = parse_qs(parts.query, keep_blank_values=True)
    if set(options) - {"cert", "chain"} or "cert" not in options or not parts.path or parts.netloc:
        raise SignerError(
            "signer.uri",
            f"{uri!r} is not a file key URI",
            "write file:/path/key.pem?cert=/path/cert.pem&chain=/path/ca.pem",
        )
    key = _key(Path(unquote(parts.path)))
    leaf, *rest = _certificates(Path(options["cert"][0]))
    chain = [*rest, *(_certificates(Path(options["chain"][0])) if "chain" in options else ())]
    if leaf.public_key() != key.public_key():
        raise SignerError(
            "signer.certificate_other_key",
            "the certificate belongs to another key",
            "provision key and certificate together",
        )
    der = serialization.Encoding.DER
    return FileSigner(
        key, leaf.public_bytes(der), tuple(certificate.public_bytes(der) for certificate in chain)
    )


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    data = read_secret(path, SignerError, "signer")
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise SignerError(
            "signer.key_malformed", f"{path}: no unencrypted PEM key", "provision a new key"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SignerError("signer.key_type", f"{path}: not a P-256 key", "provision a P-256 key")
    return key


def _certificates(path: Path) -> tuple[x509.Certificate, ...]:
    try:
        return certificates.from_pem(path.read_bytes())
    except OSError as error:
        raise SignerError(
            "signer.certificate_missing", f"{path}: {error.strerror}", "provision the station's certificates"
        ) from error
    except CertificateError as error:
        raise SignerError("signer.certificate_missing", f"{path}: {error.message}", error.advice) from error
