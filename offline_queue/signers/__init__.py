"""Signing keys, found by the scheme of their URI: `file:` is `signers/file.py`, `pkcs11:` is `signers/pkcs11.py`.

A signer holds a P-256 key that may never leave its place, and the certificate that goes with it.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any, Protocol, cast

from offline_queue.errors import SignerError
from offline_queue.keypair import SigningKey


class Signer(Protocol):
    """certificate: DER of our certificate; chain: DER of the authorities above it, nearest first (may be
    empty)."""

    @property
    def certificate(self) -> bytes: ...

    @property
    def chain(self) -> tuple[bytes, ...]: ...

    def sign(self, data: bytes) -> bytes:
        """ECDSA P-256 with SHA-256 over `data`: a DER signature. SignerError if the key cannot sign now."""
        ...


def load_signer(uri: str) -> Signer:
    """`file:/path/key.pem?cert=/path/cert.pem&chain=/path/ca.pem` → Signer. SignerError `signer.*` if it
    cannot be used."""
    return cast(Signer, _module(uri).open_signer(uri))


def load_key(uri: str) -> SigningKey:
    """The key alone, for a certificate request. SignerError `signer.key_missing` when it was not made yet."""
    return cast(SigningKey, _module(uri).open_key(uri))


def create_key(uri: str) -> SigningKey:
    """Make the key in its place. SignerError `signer.key_exists` when there is one: none is ever overwritten."""
    return cast(SigningKey, _module(uri).create_key(uri))


def certificate_path(uri: str) -> Path:
    """The file where this key's certificate belongs."""
    return cast(Path, _module(uri).certificate_path(uri))


def _module(uri: str) -> Any:
    scheme, colon, _ = uri.partition(":")
    if not colon or not re.fullmatch(r"[a-z][a-z0-9-]*", scheme):
        raise SignerError(
            "signer.uri", "this is not a key URI", "write file:/path/key.pem?cert=/path/cert.pem"
        )
    name = f"{__name__}.{scheme.replace('-', '_')}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise SignerError(
                "signer.library_missing",
                f"{scheme}: needs {error.name}",
                "install it (extra `hsm` for pkcs11:)",
            ) from error
        raise SignerError(
            "signer.unknown_scheme", f"no signer for {scheme}:", "use a scheme from signers/"
        ) from None
