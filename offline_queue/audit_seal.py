"""Signed heads of the audit chain: at each boot, each hour, each submission, each export.

In: the chain and the station's signer. Out: a row of `audit_seal`: canonical JSON {"schema":1, "station_id",
"audit_id", "hash", "at", "boot", "monotonic_ms", "trust", "reason"} and a detached CMS over it. A chain that was
rewritten or cut contradicts them. On a clock nobody vouches for, nothing is signed: the next trusted moment does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offline_queue import audit_rows, canonical, cms, statements
from offline_queue.clock import stamp
from offline_queue.database import Database
from offline_queue.errors import CertificateError, CmsError
from offline_queue.models import Tables
from offline_queue.signers import Signer
from offline_queue.trust import Trust, assess

SCHEMA = 1
HOUR_MS = 3_600_000


def seal(database: Database, tables: Tables, signer: Signer, station_id: str, reason: str) -> bool:
    """Sign the present head inside the caller's transaction. False when it has a signature, is empty, or the clock
    is not trusted. SignerError when the key cannot sign."""
    trust, (last_id, digest) = assess(database, tables), statements.audit_head(database)
    if trust is Trust.UNKNOWN or not last_id or statements.is_sealed(database, last_id):
        return False
    now = database.clock.utcnow()
    statement = canonical.dumps(
        {
            "schema": SCHEMA,
            "station_id": station_id,
            "audit_id": last_id,
            "hash": digest.hex(),
            "at": stamp(now),
            "boot": database.boot,
            "monotonic_ms": int(database.clock.monotonic() * 1000),
            "trust": str(trust),
            "reason": reason,
        }
    )
    row = {"audit_id": last_id, "statement": statement, "reason": reason}
    row["signature"] = cms.sign_detached(statement, signer, now)
    statements.add(database, "audit_seal", row)
    return True


def due(database: Database, tables: Tables) -> str | None:
    """`boot` when this boot has no signed head, `hourly` when the newest is an hour old, else None."""
    last = tables.audit_seal.select().order_by(tables.audit_seal.audit_id.desc()).first()
    said = canonical.loads(bytes(last["statement"])) if last else {}
    if said.get("boot") != database.boot:
        return "boot"
    now_ms = int(database.clock.monotonic() * 1000)
    return "hourly" if not 0 <= now_ms - said["monotonic_ms"] < HOUR_MS else None


def seal_when_due(database: Database, signer: Signer, station_id: str) -> str | None:
    """Sign the head when it is due, with a row of its own that says why. Returns the reason, None if nothing was."""
    with database.write() as tables:
        reason = due(database, tables)
        if reason is None or assess(database, tables) is Trust.UNKNOWN:
            return None
        audit_rows.append(database, tables, f"seal_{reason}", None, {})
        seal(database, tables, signer, station_id, reason)
        return reason


def problem(stored: Mapping[str, Any], hashes: Mapping[int, bytes]) -> tuple[int, str] | None:
    """(row, what is wrong) when this signed head contradicts the chain. hashes: number → hash of the rows named by
    seals; a number that is not there was cut off."""
    number = stored["audit_id"]
    try:
        said = canonical.loads(bytes(stored["statement"]))
        cms.check_signature(bytes(stored["statement"]), bytes(stored["signature"]))
    except (ValueError, TypeError, CmsError, CertificateError):
        return number, "the signed head of this row is damaged"
    if said.get("audit_id") != number or said.get("reason") != stored["reason"]:
        return number, "the signed head of this row speaks of another"
    if number not in hashes:
        return number, "rows are missing at the end: a signed head names more"
    if said.get("hash") != hashes[number].hex():
        return number, "the row is not the one whose hash was signed"
    return None
