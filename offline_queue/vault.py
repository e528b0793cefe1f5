"""Seals bytes with AES-256-GCM: a fresh data key for every item, wrapped by the station's key.

Destroying the wrapped key (the first 88 bytes of a sealed item) erases the item: overwriting a file means
little on
flash. Layout of sealed bytes, in order: magic `LSV1` (4), key id (8), wrap nonce (12), wrapped data key (48),
nonce (12), ciphertext with its 16-byte tag. NIST SP 800-38D for GCM; the nonces are random 96 bit.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from offline_queue.errors import VaultError
from offline_queue.keyfile import read_secret

MAGIC = b"LSV1"
KEY_BYTES = 32
KEY_ID_BYTES = 8
NONCE_BYTES = 12
WRAPPED_BYTES = KEY_BYTES + 16
HEADER_BYTES = len(MAGIC) + KEY_ID_BYTES
OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + WRAPPED_BYTES + NONCE_BYTES + 16


class Vault:
    """Holds one station key (32 bytes). `aad` ties sealed bytes to their place: the same aad must open
    them."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise VaultError(
                "vault.key_length",
                f"a station key has {KEY_BYTES} bytes, not {len(key)}",
                "provision a new key",
            )
        self.key_id = hashlib.sha256(b"livescan vault key id" + key).digest()[:KEY_ID_BYTES]
        self._wrap = AESGCM(key)

    def __repr__(self) -> str:
        return f"Vault(key_id={self.key_id.hex()})"

    @classmethod
    def load(cls, path: str | Path) -> Vault:
        """A file of 32 raw bytes, or of 64 hexadecimal digits. VaultError if missing, too open or of
        another length."""
        data = read_secret(Path(path), VaultError, "vault")
        if len(data) != KEY_BYTES:
            try:
                data = bytes.fromhex(data.decode("ascii").strip())
            except ValueError:
                raise VaultError(
                    "vault.key_length",
                    f"{path} holds neither {KEY_BYTES} bytes nor {2 * KEY_BYTES} hexadecimal digits",
                    "restore the station key from its backup: without it the queue cannot be read",
                ) from None
        return cls(data)

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """Plain bytes to sealed bytes, OVERHEAD_BYTES longer."""
        header = MAGIC + self.key_id
        data_key, wrap_nonce, nonce = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES), os.urandom(NONCE_BYTES)
        wrapped = self._wrap.encrypt(wrap_nonce, data_key, header + aad)
        return (
            header + wrap_nonce + wrapped + nonce + AESGCM(data_key).encrypt(nonce, plaintext, header + aad)
        )

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """Sealed bytes to plain bytes. VaultError `vault.not_sealed`, `vault.other_key` or
        `vault.damaged`."""
        if len(sealed) < OVERHEAD_BYTES or sealed[:4] != MAGIC:
            raise VaultError(
                "vault.not_sealed", "these are not sealed bytes", "the item is damaged or was never sealed"
            )
        header = sealed[:HEADER_BYTES]
        if header[4:] != self.key_id:
            raise VaultError(
                "vault.other_key",
                f"sealed under key {header[4:].hex()}, but the station holds {self.key_id.hex()}",
                "restore the station key that was in use when this was stored",
            )
        wrap_nonce, rest = (
            sealed[HEADER_BYTES : HEADER_BYTES + NONCE_BYTES],
            sealed[HEADER_BYTES + NONCE_BYTES :],
        )
        wrapped, body = rest[:WRAPPED_BYTES], rest[WRAPPED_BYTES:]
        try:
            data_key = self._wrap.decrypt(wrap_nonce, wrapped, header + aad)
            return AESGCM(data_key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], header + aad)
        except InvalidTag:
            raise VaultError(
                "vault.damaged",
                "the sealed bytes were altered, or belong to another item",
                "restore them from a backup",
            ) from None
