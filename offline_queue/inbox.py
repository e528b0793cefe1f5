"""What the gateway answered, sealed and kept in the order of its own numbers, and how far we have pulled.

A response is kept once: the same number or the same bytes again change nothing. What may not be believed
goes to a
table of its own, with the reason, and never stands in the way of the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from offline_queue import audit, claims
from offline_queue.clock import from_stamp, stamp
from offline_queue.database import Database
from offline_queue.errors import ResponseError, VaultError
from offline_queue.models import QuarantinedResponse, StoredResponse, Tables
from offline_queue.vault import Vault

CURSOR = "responses"


def keep(
    database: Database, vault: Vault, seq: int, tcr: str, content: bytes, tot: str, signature: bytes
) -> bool:
    """True when it is new. ResponseError `response.changed` when this number already has other bytes."""
    digest = hashlib.sha256(content).hexdigest()
    with database.write() as tables:
        r = tables.response
        known = r.select().where((r.seq == seq) | (r.sha256 == digest)).order_by(r.seq != seq).first()
        if known is not None and known["sha256"] != digest:
            raise ResponseError(
                "response.changed",
                f"response {seq} came again with other bytes",
                "ask the gateway's operator",
            )
        if known is None:
            r.insert(
                {
                    "seq": seq,
                    "tcr": tcr,
                    "tot": tot,
                    "sha256": digest,
                    "sealed": vault.seal(content, _aad(digest)),
                    "signature": signature,
                    "kept_at": stamp(database.clock.utcnow()),
                }
            ).execute()
            audit.append(database, tables, "response_kept", None, {"seq": seq, "tcr": tcr, "sha256": digest})
            claims.respond(database, tables, tcr, seq)
        _advance(tables, seq)
        return known is None


def quarantine(
    database: Database, vault: Vault, seq: int | None, code: str, message: str, raw: bytes
) -> bool:
    """Keep what may not be believed. True when these bytes were not there yet. The cursor stays where it
    is."""
    digest = hashlib.sha256(raw).hexdigest()
    with database.write() as tables:
        q = tables.response_quarantine
        if q.select(q.id).where(q.sha256 == digest).first() is not None:
            return False
        q.insert(
            {
                "seq": seq,
                "code": code,
                "message": message[:500],
                "sha256": digest,
                "sealed": vault.seal(raw, _aad(digest)),
                "kept_at": stamp(database.clock.utcnow()),
            }
        ).execute()
        audit.append(database, tables, "response_quarantined", None, {"code": code, "sha256": digest})
        return True


def cursor(database: Database) -> int:
    """The number of the last response that needs not be asked for again; 0 at first."""
    with database.read() as tables:
        row = tables.cursor.select().where(tables.cursor.name == CURSOR).first()
        return int(row["value"]) if row else 0


def advance(database: Database, seq: int) -> None:
    """Never ask for responses up to `seq` again. Going back is ignored."""
    with database.write() as tables:
        _advance(tables, seq)


def kept(database: Database, vault: Vault, after: int = 0) -> Iterator[StoredResponse]:
    """Responses above number `after`, in order. One whose bytes are damaged is left out; `Queue.check`
    names it."""
    with database.read() as tables:
        r = tables.response
        found = list(r.select().where(r.seq > after).order_by(r.seq))
    for row in found:
        try:
            content = vault.open(bytes(row["sealed"]), _aad(row["sha256"]))
        except VaultError:
            continue
        yield StoredResponse(
            row["seq"], row["tcr"], row["tot"], content, bytes(row["signature"]), from_stamp(row["kept_at"])
        )


def quarantined(database: Database, vault: Vault) -> Iterator[QuarantinedResponse]:
    """Everything that may not be believed, oldest first."""
    with database.read() as tables:
        found = list(tables.response_quarantine.select().order_by(tables.response_quarantine.id))
    for row in found:
        yield QuarantinedResponse(
            row["id"],
            row["seq"],
            row["code"],
            row["message"],
            vault.open(bytes(row["sealed"]), _aad(row["sha256"])),
            from_stamp(row["kept_at"]),
        )


def damaged(database: Database, vault: Vault) -> list[int]:
    """Numbers of responses whose stored bytes no longer open."""
    readable = {response.seq for response in kept(database, vault)}
    with database.read() as tables:
        return [
            row["seq"] for row in tables.response.select(tables.response.seq) if row["seq"] not in readable
        ]


def _advance(tables: Tables, seq: int) -> None:
    c = tables.cursor
    if c.select().where(c.name == CURSOR).first() is None:
        c.insert({"name": CURSOR, "value": seq}).execute()
    else:
        c.update(value=seq).where((c.name == CURSOR) & (c.value < seq)).execute()


def _aad(digest: str) -> bytes:
    return b"response:" + digest.encode()
