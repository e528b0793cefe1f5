"""Does a recovered row hold by itself? Its signature, its seal, its times. In: a row as found. Out: yes or no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offline_queue import canonical, cms
from offline_queue.clock import from_stamp
from offline_queue.envelope import Manifest
from offline_queue.errors import QueueError, VaultError
from offline_queue.vault import Vault

Row = dict[str, Any]
SEALED = ("vault.erased", "vault.for_gateway", "vault.other_key")  # no damage: it is as it should be


def number(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def timed(row: Row, *names: str) -> bool:
    try:
        for name in names:
            if row[name] is not None:
                from_stamp(row[name])
    except (ValueError, TypeError):
        return False
    return True


def checks(data: object, signature: object) -> bool:
    if not isinstance(data, bytes) or not isinstance(signature, bytes):
        return False
    try:
        cms.check_signature(data, signature)
    except QueueError:
        return False
    return True


def signed(row: Row) -> bool:
    try:
        Manifest.from_bytes(bytes(row["manifest"]))
    except (QueueError, TypeError, ValueError):
        return False
    return number(row["seq"]) and checks(row["manifest"], row["signature"])


def receipted(row: Row) -> bool:
    times = timed(row, "received_at", "kept_at") and isinstance(row["gateway"], str)
    return times and number(row["seq"]) and checks(row["receipt"], row["signature"])


def names_entry(receipt: Row, row: Mapping[str, Any]) -> bool:
    """This receipt is one for this entry."""
    try:
        said = canonical.loads(bytes(receipt["receipt"]))
    except ValueError:
        return False
    return all(said.get(name) == row[name] for name in ("submission_id", "tcn", "sha256", "size"))


def opens(vault: Vault, row: Row) -> bool:
    try:
        vault.open(bytes(row["sealed"]), b"response:" + row["sha256"].encode())
    except VaultError as error:
        return error.code in SEALED
    except (TypeError, AttributeError):
        return False
    return timed(row, "kept_at")
