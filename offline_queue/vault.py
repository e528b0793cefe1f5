"""Seals bytes with AES-256-GCM: a fresh data key for every item, wrapped by the station's key.

Destroying the wrapped key erases the item (`sealed.destroyed`): overwriting a file means little on flash. The layout is
in sealed.py. NIST SP 800-38D for GCM; the nonces are random 96 bit.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from offline_queue.errors import VaultError
from offline_queue.keyfile import read_secret
from offline_queue.outward import Recipient
from offline_queue.sealed import (
    GATEWAY,
    HEAD_BYTES,
    KEY_BYTES,
    KEY_ID_BYTES,
    LEAST_BODY,
    NONCE_BYTES,
    STATION,
    WRAP_BYTES,
    Sealed,
    parse,
)

OVERHEAD_BYTES = HEAD_BYTES[STATION] + WRAP_BYTES + LEAST_BODY


class Vault:
    """Holds station keys (32 bytes each): the first one seals, all of them open. `aad` ties sealed bytes to their
    place: the same aad must open them. recipient: by policy, submissions are sealed to the gateway instead. live: it
    notices by itself when another key becomes current (keyhold.py)."""

    live = False

    def __init__(self, key: bytes, *older: bytes, recipient: Recipient | None = None) -> None:
        self.recipient = recipient
        self._hold(key, *older)

    def _hold(self, key: bytes, *older: bytes) -> None:
        wraps = {key_id(each): AESGCM(each) for each in (key, *older)}
        self._current, self._wraps = key_id(key), wraps

    @property
    def key_id(self) -> bytes:
        """Names the key that seals."""
        return self._current

    def __repr__(self) -> str:
        return f"Vault(key_id={self._current.hex()})"

    @classmethod
    def load(cls, path: str | Path, recipient: str | Path | None = None) -> Vault:
        """A file of 32 raw bytes or of 64 hexadecimal digits, or a folder of keys (keyring.py). VaultError if
        missing, too open or of another length, or when the recipient's key is unfit."""
        from offline_queue import keyring  # the keyring is a vault too: it imports this module

        sealing_to = Recipient.load(recipient) if recipient is not None else None
        if keyring.is_keyring(Path(path)):
            return keyring.Keyring(Path(path), sealing_to)
        return Vault(read_key(Path(path)), recipient=sealing_to)

    def refresh(self) -> None:
        """Look whether the keys have changed on disk; a vault of one file never looks."""

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """Plain bytes to sealed bytes, OVERHEAD_BYTES longer."""
        self.refresh()
        data_key, nonce = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES)
        body = AESGCM(data_key).encrypt(nonce, plaintext, STATION + aad)
        return b"".join((self._front(data_key, aad), nonce, body))  # a large body is copied once

    def seal_submission(self, plaintext: bytes, aad: bytes) -> bytes:
        """To the gateway when the policy says so, else like everything else."""
        return self.seal(plaintext, aad) if self.recipient is None else self.recipient.seal(plaintext, aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """Sealed bytes to plain bytes. VaultError `vault.not_sealed`, `.erased`, `.for_gateway`, `.other_key` or
        `.damaged`."""
        parts = parse(sealed)
        data_key = self._data_key(parts, aad)
        try:
            return AESGCM(data_key).decrypt(parts.body[:NONCE_BYTES], parts.body[NONCE_BYTES:], STATION + aad)
        except InvalidTag:
            raise _damaged() from None

    def rewrap(self, sealed: bytes, aad: bytes, new: Vault) -> bytes:
        """The same item with its data key wrapped under the key `new` seals with; the body stays as it is. What is
        sealed to the gateway comes back as it went in. VaultError as `open`, but damage of the body is not seen."""
        parts = parse(sealed)
        if parts.magic == GATEWAY:
            return sealed
        return new._front(self._data_key(parts, aad), aad) + parts.body

    def is_current(self, sealed: bytes) -> bool:
        """The key that seals now, or the gateway's, sealed this: nothing older is needed to open it."""
        self.refresh()
        parts = parse(sealed)
        return parts.magic == GATEWAY or parts.key_id == self._current

    def renewed(self, sealed: bytes, aad: bytes) -> bytes:
        """What was sealed a moment ago, wrapped anew if the key changed since. Inside the write transaction: a rotation
        that looks after it sees the row, and one that looked before it has already changed the key."""
        return sealed if self.is_current(sealed) else self.rewrap(sealed, aad, self)

    def _front(self, data_key: bytes, aad: bytes) -> bytes:
        """All that stands before the body."""
        head, wrap_nonce = STATION + self._current, os.urandom(NONCE_BYTES)
        wrapped = self._wraps[self._current].encrypt(wrap_nonce, data_key, head + aad)
        return head + wrap_nonce + wrapped

    def _data_key(self, parts: Sealed, aad: bytes) -> bytes:
        if parts.magic == GATEWAY:
            raise VaultError(
                "vault.for_gateway",
                "sealed to the gateway: this station cannot open it",
                "send it; only the gateway can read it",
            )
        if parts.key_id not in self._wraps:
            self.refresh()
        wrap = self._wraps.get(parts.key_id)
        if wrap is None:
            raise VaultError(
                "vault.other_key",
                f"sealed under key {parts.key_id.hex()}, but the station holds {self._current.hex()}",
                "restore the station key that was in use when this was stored",
            )
        try:
            return wrap.decrypt(parts.wrap_nonce, parts.wrapped, parts.head + aad)
        except InvalidTag:
            raise _damaged() from None


def key_id(key: bytes) -> bytes:
    """Eight bytes that name a station key. VaultError `vault.key_length`."""
    if len(key) != KEY_BYTES:
        raise VaultError(
            "vault.key_length", f"a station key has {KEY_BYTES} bytes, not {len(key)}", "provision a new key"
        )
    return hashlib.sha256(b"livescan vault key id" + key).digest()[:KEY_ID_BYTES]


def read_key(path: Path) -> bytes:
    """32 bytes of a key file, raw or hexadecimal. VaultError `vault.key_*`."""
    data = read_secret(path, VaultError, "vault")
    if len(data) == KEY_BYTES:
        return data
    try:
        found = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        found = b""
    if len(found) != KEY_BYTES:
        raise VaultError(
            "vault.key_length",
            f"{path} holds neither {KEY_BYTES} bytes nor {2 * KEY_BYTES} hexadecimal digits",
            "restore the station key from its backup: without it the queue cannot be read",
        )
    return found


def _damaged() -> VaultError:
    return VaultError(
        "vault.damaged",
        "the sealed bytes were altered, or belong to another item",
        "restore them from a backup",
    )
