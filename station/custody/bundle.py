"""A custody bundle: everything that proves one submission, as one JSON document. docs/verify/FORMAT.md has the format.

In: an open queue and an entry. Out: canonical bytes. Without the transaction it holds no personal data: ids, digests,
times, agency codes, signatures, and the reasons officers gave.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from offline_queue import audit_rows, canonical, export
from offline_queue.errors import QueueError
from offline_queue.models import Entry, Tables
from offline_queue.signers import Signer
from offline_queue.store import Queue
from station.custody.verify import FORMAT, NAME, VERSION

ALWAYS = ("boot", "hourly")


def make(queue: Queue, entry: Entry, *, content: bool = False, whole: bool = False) -> bytes:
    """The bundle. content: with the transaction inside, unless only the gateway can open it; whole: with the whole
    chain, not only what leads to this entry. DamagedEntry when what is stored is not what was signed."""
    name = entry.submission_id
    receipt, receipt_signature = queue.receipt(name), queue.receipt_signature(name)
    answers = [answer for answer in queue.responses() if answer.tcr == entry.tcn]
    with queue.database.read() as tables:
        proof = _chain(tables, entry, whole)
        counters = _counter_signatures(tables, entry)
    transaction: dict[str, Any] = {"sha256": entry.sha256, "size": entry.size}
    if content and queue.sealed_to(name) is None:
        transaction["content"] = _text(queue.payload(name))
    return canonical.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "manifest": _text(queue.manifest(name)),
            "signature": _text(queue.signature(name)),
            "counter_signatures": counters,
            **proof,
            "receipt": None
            if receipt is None or receipt_signature is None
            else {"receipt": _text(receipt), "signature": _text(receipt_signature)},
            "responses": [
                {
                    "seq": answer.seq,
                    "tot": answer.tot,
                    "sha256": hashlib.sha256(answer.content).hexdigest(),
                    "signature": _text(answer.signature),
                }
                for answer in answers
            ],
            "transaction": transaction,
        }
    )


def write(queue: Queue, entry: Entry, out: Path, signer: Signer) -> tuple[Path, ...]:
    """Sign the chain's head if need be and write the bundle: to a file ending in .json with the transaction inside, to
    any other name as a folder with the files of `station queue export`. ClockUntrusted, QueueError `export.*`."""
    queue.check_clock()
    queue.seal_audit(signer, "export")
    if out.suffix != ".json":
        written = export.export(queue, entry, out)
        return (*written, _write(out / NAME, make(queue, entry)))
    return (_write(out, make(queue, entry, content=True)),)


def _write(path: Path, data: bytes) -> Path:
    try:
        return export.write_file(path, data)
    except FileExistsError as error:
        raise QueueError("export.exists", f"{path} is there already", "choose another name") from error
    except OSError as error:
        raise QueueError(
            "export.cannot_write", f"{path}: {error.strerror}", "choose another folder"
        ) from error


def _chain(tables: Tables, entry: Entry, whole: bool) -> dict[str, Any]:
    """From the last signed head before the entry's first row to the first one at or after its last."""
    a, s = tables.audit, tables.audit_seal
    mine = [row["id"] for row in a.select(a.id).where(a.submission_id == entry.submission_id)]
    kept = a.select(a.id, a.detail).where(a.event == "response_kept")
    mine += [row["id"] for row in kept if canonical.loads(row["detail"].encode())["tcr"] == entry.tcn]
    seals = list(s.select().order_by(s.audit_id))
    before = max((row["audit_id"] for row in seals if row["audit_id"] < min(mine)), default=0)
    behind = min((row["audit_id"] for row in seals if row["audit_id"] >= max(mine)), default=None)
    if whole:
        before, behind = 0, None
    query = a.select().where(a.id > before).order_by(a.id)
    rows = list(query if behind is None else query.where(a.id <= behind))
    named = {before, rows[-1]["id"], *mine}
    return {
        "chain": {
            "first": before + 1,
            "before": bytes(rows[0]["prev"]).hex(),
            "rows": [
                {"row": canonical.dumps(audit_rows.content(row)).decode(), "hash": bytes(row["hash"]).hex()}
                for row in rows
            ],
        },
        "seals": [
            {"statement": _text(bytes(row["statement"])), "signature": _text(bytes(row["signature"]))}
            for row in seals
            if before <= row["audit_id"] <= rows[-1]["id"]
            and (row["audit_id"] in named or row["reason"] in ALWAYS)
        ],
    }


def _counter_signatures(tables: Tables, entry: Entry) -> list[dict[str, Any]]:
    c = tables.counter_signature
    return [
        {
            "n": row["n"],
            "signature": _text(bytes(row["signature"])),
            "signed_at": row["signed_at"],
            "reason": row["reason"],
        }
        for row in c.select().where(c.seq == entry.seq).order_by(c.n)
    ]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
