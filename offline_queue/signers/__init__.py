"""Signing keys, found by the scheme of their URI: `file:` is `signers/file.py`, `pkcs11:` would be
`signers/pkcs11.py`.

A signer holds a P-256 key that may never leave its place, and the certificate that goes with it.
"""

from __future__ import annotations

import importlib
import re
from typing import Protocol, cast

from offline_queue.errors import SignerError


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
    scheme, colon, _ = uri.partition(":")
    if not colon or not re.fullmatch(r"[a-z][a-z0-9-]*", scheme):
        raise SignerError(
            "signer.uri", f"{uri!r} is not a key URI", "write file:/path/key.pem?cert=/path/cert.pem"
        )
    name = f"{__name__}.{scheme.replace('-', '_')}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise SignerError(
                "signer.library_missing", f"{scheme}: needs {error.name}", "install it"
            ) from error
        raise SignerError(
            "signer.unknown_scheme", f"no signer for {scheme}:", "use a scheme from signers/"
        ) from None
    return cast(Signer, module.open_signer(uri))
