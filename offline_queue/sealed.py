"""The layout of sealed bytes: what can be read of them without a key, and how their key is destroyed.

LSV1, for the station:  magic (4), key id (8), wrap nonce (12), wrapped data key (48), nonce (12), ciphertext, tag (16).
LSV2, for the gateway:  magic (4), key id (8), ephemeral P-256 point (65), then as above from the wrap nonce on.
LSV0, erased:           as one of the two, with everything between magic and ciphertext zero.

The data key is wrapped with `head + aad` beside it, the body with `magic + aad`: a data key can be wrapped anew without
touching the body, and neither can be moved to another place.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from offline_queue.errors import VaultError

STATION = b"LSV1"
GATEWAY = b"LSV2"
ERASED = b"LSV0"
MAGIC_BYTES = 4
KEY_ID_BYTES = 8
POINT_BYTES = 65
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_BYTES = 32
WRAPPED_BYTES = KEY_BYTES + TAG_BYTES
HEAD_BYTES = {STATION: MAGIC_BYTES + KEY_ID_BYTES, GATEWAY: MAGIC_BYTES + KEY_ID_BYTES + POINT_BYTES}
WRAP_BYTES = NONCE_BYTES + WRAPPED_BYTES
LEAST_BODY = NONCE_BYTES + TAG_BYTES


@dataclass(frozen=True)
class Sealed:
    """Sealed bytes taken apart. head: magic, key id and, for the gateway, the ephemeral point; body: from its nonce."""

    magic: bytes
    key_id: bytes
    head: bytes
    wrap_nonce: bytes
    wrapped: bytes
    body: bytes

    @property
    def point(self) -> bytes:
        """The ephemeral public key, uncompressed; empty in bytes for the station."""
        return self.head[MAGIC_BYTES + KEY_ID_BYTES :]


def parse(sealed: bytes) -> Sealed:
    """Sealed bytes to their parts. VaultError `vault.not_sealed`, or `vault.erased` when the key was destroyed."""
    magic = sealed[:MAGIC_BYTES]
    if magic == ERASED:
        raise VaultError(
            "vault.erased", "the key of these bytes was destroyed", "nothing: that is what erasure means"
        )
    head_bytes = HEAD_BYTES.get(magic)
    if head_bytes is None or len(sealed) < head_bytes + WRAP_BYTES + LEAST_BODY:
        raise VaultError(
            "vault.not_sealed", "these are not sealed bytes", "the item is damaged or was never sealed"
        )
    head, wrap = sealed[:head_bytes], sealed[head_bytes : head_bytes + WRAP_BYTES]
    return Sealed(
        magic,
        head[MAGIC_BYTES : MAGIC_BYTES + KEY_ID_BYTES],
        head,
        wrap[:NONCE_BYTES],
        wrap[NONCE_BYTES:],
        sealed[head_bytes + WRAP_BYTES :],
    )


def is_for_gateway(sealed: bytes) -> bool:
    """The station that sealed these bytes cannot open them."""
    return sealed[:MAGIC_BYTES] == GATEWAY


def fits(sealed: bytes, size: int) -> bool:
    """These are bytes for the gateway, and so many are sealed in there: that can be told without a key."""
    return is_for_gateway(sealed) and len(sealed) == HEAD_BYTES[GATEWAY] + WRAP_BYTES + LEAST_BODY + size


def digest_beside(sealed: bytes) -> str:
    """What is kept beside sealed bytes: SHA-256 in hexadecimal digits where only the gateway can open them and nothing
    else would tell damage; empty for the station's own, whose tag and signed digest do."""
    return hashlib.sha256(sealed).hexdigest() if is_for_gateway(sealed) else ""


def is_erased(sealed: bytes) -> bool:
    return sealed[:MAGIC_BYTES] == ERASED


def destroyed(sealed: bytes) -> bytes:
    """The same number of bytes without the wrapped key: nobody can open them again, whoever holds the station's key.

    The same length, so that the old bytes can be overwritten where they lie. On flash an old copy may still exist
    below the file system: it is worthless only once the station key was rotated too (docs/queue-keys.md).
    """
    if is_erased(sealed):
        return sealed
    parts = parse(sealed)
    return ERASED + bytes(len(sealed) - MAGIC_BYTES - len(parts.body)) + parts.body
