"""Queue entries to a bundle on removable media, and a bundle into another station's queue.

An exported entry stays as it is and is still sent when the network returns; an imported one is asked for before it is
sent. So it may arrive both ways and counts once: the gateway keeps an id once, and so does a queue.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from offline_queue import audit, bundle, claims, cms, countersign
from offline_queue.bundle import Bundle, Header
from offline_queue.clock import stamp
from offline_queue.countersign import HELD_FOR
from offline_queue.envelope import Manifest
from offline_queue.errors import BundleError, QueueConflict, QueueError
from offline_queue.lookup import payload_aad
from offline_queue.models import Entry, Tables
from offline_queue.outward import Opener, Recipient
from offline_queue.sealed import digest_beside, is_for_gateway, parse
from offline_queue.signers import Signer
from offline_queue.states import DUE, LEASED, State
from offline_queue.store import Queue
from offline_queue.transports import Parcel

COPY = 1024 * 1024


@dataclass(frozen=True)
class Exported:
    """What was written; skipped: entries whose stored bytes are damaged, by id, with the reason."""

    path: Path
    bundle_id: str
    entries: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Imported:
    """Ids by fate. failed: number of the frame, code, message."""

    bundle_id: str
    station_id: str
    signer: str
    new: tuple[str, ...]
    known: tuple[str, ...]
    failed: tuple[tuple[int, str, str], ...]


def waiting(queue: Queue) -> list[Entry]:
    """What an export takes when nobody names entries: all that is not known to be at the gateway and not held."""
    return [entry for entry in queue.entries() if entry.state in (*DUE, *LEASED)]


def export(
    queue: Queue, entries: Sequence[Entry], path: Path, recipient: Recipient, signer: Signer
) -> Exported:
    """Write the bundle, read it back from the medium, and only then mark the entries. A damaged entry is left out.

    BundleError `bundle.exists`, `.cannot_write`, `.empty`; ClockUntrusted when nothing may be signed now,
    SignerError when the certificate is revoked."""
    queue.check_clock()
    countersign.require_fit(queue, signer)
    bundle_id = secrets.token_hex(16)
    try:
        with tempfile.TemporaryFile(dir=path.parent) as spill:
            header, done, skipped = _seal(queue, entries, spill, recipient, bundle_id)
            signature = cms.sign_detached(header, signer, queue.database.clock.utcnow())
            _write(path, bundle.start(header, signature), spill)
    except FileExistsError as error:
        raise BundleError("bundle.exists", f"{path} is there already", "choose another name") from error
    except OSError as error:
        raise BundleError(
            "bundle.cannot_write", f"{path}: {error.strerror}", "check the medium, its space and its lock"
        ) from error
    _mark(queue, done, bundle_id, recipient)
    return Exported(path, bundle_id, tuple(done), tuple(skipped))


def _seal(
    queue: Queue, entries: Sequence[Entry], spill: BinaryIO, recipient: Recipient, bundle_id: str
) -> tuple[bytes, list[str], list[tuple[str, str]]]:
    frames, done, skipped = list[tuple[str, int]](), list[str](), list[tuple[str, str]]()
    for entry in entries:
        name = entry.submission_id
        try:
            parcel = _parcel(queue, name)
        except QueueError as error:
            skipped.append((name, str(error)))
            continue
        sealed = bundle.frame(parcel, recipient, bundle_id, len(frames) + 1)
        spill.write(sealed)
        frames.append((hashlib.sha256(sealed).hexdigest(), len(sealed)))
        done.append(name)
    if not frames:
        raise BundleError("bundle.empty", "nothing to export", "see: station queue list")
    now = queue.database.clock.utcnow()
    header = Header(bundle_id, queue.station_id, recipient.key_id.hex(), now, tuple(frames))
    return header.to_bytes(), done, skipped


def _parcel(queue: Queue, name: str) -> Parcel:
    """As it would be sent; a certificate that ran out is the receiving site's to judge."""
    transaction, sealed = queue.outgoing(name)
    counter = (queue.counter_signatures(name) or [b""])[-1]
    return Parcel(name, transaction, queue.manifest(name), queue.signature(name), counter, sealed)


def _write(path: Path, start: bytes, spill: BinaryIO) -> None:
    """Whole, on the medium, and read back; or not there at all."""
    digest = hashlib.sha256(start)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "w+b") as out:
            out.write(start)
            spill.seek(0)
            while chunk := spill.read(COPY):
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
            os.posix_fadvise(out.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            out.seek(0)
            if hashlib.file_digest(out, "sha256").digest() != digest.digest():
                raise OSError(5, "what was read back is not what was written")
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _mark(queue: Queue, names: Sequence[str], bundle_id: str, recipient: Recipient) -> None:
    with queue.database.write() as tables:
        now = stamp(queue.database.clock.utcnow())
        for name in names:
            t = tables.submission
            t.update(exported_at=now).where(t.submission_id == name).execute()
            detail = {"bundle": bundle_id, "recipient": recipient.key_id.hex()}
            audit.append(queue.database, tables, "exported", name, detail)


def import_bundle(queue: Queue, file: BinaryIO, opener: Opener, anchors: bytes) -> Imported:
    """Take in what is new. anchors: PEM of the authority under which stations sign.

    BundleError for the bundle as a whole; what is wrong with one entry is in `failed` and stops no other."""

    def take(parcel: Parcel, said: Manifest, header: Header) -> bool:
        return adopt(queue, parcel, said, header)

    return unpack(file, opener, anchors, queue.database.clock.utcnow(), take, (QueueConflict,))


def unpack(
    file: BinaryIO,
    opener: Opener,
    anchors: bytes,
    now: dt.datetime,
    take: Callable[[Parcel, Manifest, Header], bool],
    refusals: tuple[type[QueueError], ...],
) -> Imported:
    """Give every entry that holds to `take`, which says whether it was new, or refuses that one with `refusals`."""
    opened = Bundle(file)
    signer = opened.verify(anchors, now)
    new, known, failed = list[str](), list[str](), list[tuple[int, str, str]]()
    for item in opened.items(opener, anchors, now):
        if item.parcel is None or item.manifest is None:
            error = item.error
            failed.append((item.number, error.code if error else "", error.message if error else ""))
            continue
        try:
            fresh = take(item.parcel, item.manifest, opened.header)
        except refusals as refused:
            failed.append((item.number, refused.code, refused.message))
            continue
        (new if fresh else known).append(item.parcel.submission_id)
    header = opened.header
    return Imported(
        header.bundle_id, header.station_id, signer.subject, tuple(new), tuple(known), tuple(failed)
    )


def adopt(queue: Queue, parcel: Parcel, said: Manifest, header: Header) -> bool:
    """Another station's submission, with that station's manifest and signature. False when it was here already.

    QueueConflict when its id or TCN belongs to other bytes; QueueFull when there is no room."""
    if _is_here(queue, said):
        return False
    queue.check_room(said.size)
    vault = queue._vault
    aad = payload_aad(said.submission_id)
    sealed = parcel.transaction if parcel.sealed else vault.seal_submission(parcel.transaction, aad)
    with queue.database.write() as tables:
        if _taken(tables, said) is not None:
            return False
        sealed = vault.renewed(sealed, aad)
        seq = tables.submission.insert(_columns(queue, said, header)).execute()
        row = {"seq": seq, "sealed": sealed, "sealed_sha256": digest_beside(sealed)}
        tables.payload.insert(row).execute()
        tables.envelope.insert(
            {"seq": seq, "manifest": parcel.manifest, "signature": parcel.signature}
        ).execute()
        detail = {
            "sha256": said.sha256,
            "size": said.size,
            "tcn": said.tcn,
            "tot": said.tot,
            "manifest_sha256": hashlib.sha256(parcel.manifest).hexdigest(),
            "bundle": header.bundle_id,
            "from": header.station_id,
        }
        if is_for_gateway(sealed):
            detail["sealed_to"] = parse(sealed).key_id.hex()
        if parcel.counter_signature:
            detail["counter_signature_sha256"] = _keep_counter(queue, tables, seq, parcel.counter_signature)
        audit.append(queue.database, tables, "imported", said.submission_id, detail)
    return True


def _keep_counter(queue: Queue, tables: Tables, seq: int, signature: bytes) -> str:
    """The second signature as it came; its digest. signed_at: what it says itself, else now."""
    signed_at = cms.signing_time(signature) or queue.database.clock.utcnow()
    row = {"seq": seq, "n": 1, "signature": signature, "signed_at": stamp(signed_at), "reason": HELD_FOR}
    tables.counter_signature.insert(row).execute()
    return hashlib.sha256(signature).hexdigest()


def _columns(queue: Queue, said: Manifest, header: Header) -> dict[str, object]:
    """It may be at the gateway already, by the other way: so it is asked for first."""
    return {
        "submission_id": said.submission_id,
        "tcn": said.tcn,
        "tot": said.tot,
        "ori": said.ori,
        "station_id": said.station_id,
        "priority": 0,
        "state": str(State.UNKNOWN),
        "size": said.size,
        "sha256": said.sha256,
        "created_at": stamp(said.created_at),
        "boot": queue.database.boot,
        "monotonic_ms": claims.now_ms(queue.database),
        "imported_from": header.station_id,
    }


def _taken(tables: Tables, said: Manifest) -> dict[str, object] | None:
    t = tables.submission
    found: dict[str, object] | None = (
        t.select().where((t.submission_id == said.submission_id) | (t.tcn == said.tcn)).first()
    )
    return found


def _is_here(queue: Queue, said: Manifest) -> bool:
    with queue.database.read() as tables:
        row = _taken(tables, said)
    if row is None:
        return False
    if (row["submission_id"], row["tcn"], row["sha256"]) != (said.submission_id, said.tcn, said.sha256):
        raise QueueConflict(
            "queue.conflict",
            f"id {said.submission_id} or TCN {said.tcn} is used by submission {row['submission_id']}",
            "ask the station that made it",
        )
    return True
