"""A submission whose certificate ran out or was revoked while it waited is held, then counter-signed.

It is never signed again.
In: an open queue, and the signer with its new certificate. Out: rows of `counter_signature`: a detached CMS over the
DER of the first signature (docs/verify/FORMAT.md), and the entry released. What was signed in time stays as it was.
What was signed once its certificate was revoked waits for an officer: only what he released is counter-signed
(docs/decisions/0011-revoked-certificates.md).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from offline_queue import audit, certificates, claims, cms
from offline_queue.clock import from_stamp, stamp
from offline_queue.crl import Revoked
from offline_queue.errors import CertificateError, CmsError, DamagedEntry, SignerError
from offline_queue.lookup import Lookup
from offline_queue.models import Entry
from offline_queue.signers import Signer
from offline_queue.states import Event, State
from offline_queue.trust import Trust, assess

if TYPE_CHECKING:
    from offline_queue.store import Queue

HELD_FOR = "certificate"


def needed(queue: Lookup, submission_id: str) -> bytes:
    """The counter-signature to send; b"" when the first signature's certificate is good. CertificateError
    `certificate.expired` or `.revoked` when it is not, and nobody has vouched for it under one that is good now;
    `.signed_after_revocation` until an officer released it. On a clock that nobody vouches for, nothing is held because
    it ran out: the gateway decides."""
    signature, counters = queue.signature(submission_id), queue.counter_signatures(submission_id)
    last = counters[-1] if counters else b""
    _require_not_after(queue, submission_id, signature)
    entry = _revoked(queue, last or signature)
    if entry is not None:
        raise CertificateError(
            "certificate.revoked",
            str(entry),
            "enrol a new signing certificate: it is counter-signed by itself",
        )
    if _clock(queue) is Trust.UNKNOWN:
        return last
    return newest(signature, counters, queue.database.clock.utcnow())


def newest(signature: bytes, counters: Sequence[bytes], now: dt.datetime) -> bytes:
    """The last counter-signature; b"" when there is none and none is needed. CertificateError `certificate.expired`
    when what is there is over."""
    last = counters[-1] if counters else b""
    if _over(last or signature, now):
        raise CertificateError(
            "certificate.expired",
            "the certificate it was signed under ran out while it waited",
            "renew the signing certificate: it is counter-signed and sent by itself",
        )
    return last


def _require_not_after(queue: Lookup, submission_id: str, signature: bytes) -> None:
    """An entry that another station signed was there, for all we know, from its import on."""
    entry = _revoked(queue, signature)
    if entry is None:
        return
    with queue.database.read() as tables:
        a = tables.audit
        rows = list(a.select().where(a.submission_id == submission_id).order_by(a.id))
    imported = next((row["at"] for row in rows if row["event"] == "imported"), None)
    signed_at = queue.entry(submission_id).created_at if imported is None else from_stamp(imported)
    if signed_at >= entry.since and not _is_released(rows):
        raise CertificateError(
            claims.SIGNED_AFTER,
            f"{entry}; this was signed {stamp(signed_at)}",
            "an officer who knows of this booking releases it: station queue release",
        )


def _is_released(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Somebody let it go after it was held for this: nobody but a person releases such an entry."""
    stopped = [row["id"] for row in rows if f'"{claims.SIGNED_AFTER}"' in row["detail"]]
    return bool(stopped) and any(
        row["event"] == str(Event.RELEASE) and row["id"] > stopped[-1] for row in rows
    )


def require_fit(queue: Lookup, signer: Signer) -> None:
    """SignerError `signer.certificate_revoked`: nothing new is signed under a certificate that was revoked."""
    if queue.revocation is None:
        return
    entry = queue.revocation.of_der((signer.certificate, *signer.chain))
    if entry is not None:
        raise SignerError(
            "signer.certificate_revoked",
            f"nothing is signed any more: {entry}",
            "the booking is kept: submit it again once IT has enrolled a new signing certificate",
        )


def held(queue: Queue, signer: Signer) -> tuple[str, ...]:
    """Counter-sign and release everything held for its certificate. Returns the ids. Nothing happens while the signer's
    own certificate is not valid or is revoked (SignerError), or the clock is not trusted. Killed between the two steps,
    the next call releases."""
    require_fit(queue, signer)
    now = queue.database.clock.utcnow()
    own = certificates.from_der(signer.certificate)
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc or _clock(queue) is Trust.UNKNOWN:
        return ()
    return tuple(
        entry.submission_id
        for entry in queue.entries(State.HELD)
        if entry.held_for == HELD_FOR and _released(queue, entry, signer)
    )


def _has_lost_key(queue: Queue, entry: Entry, signer: Signer) -> bool:
    """The first certificate was revoked because somebody else may have its key, and the new one is for the same key."""
    signature = queue.signature(entry.submission_id)
    found = _revoked(queue, signature)
    if found is None or not found.key_lost:
        return False
    before, now = (
        certificates.from_der(each).public_key()
        for each in (cms.embedded_certificates(signature)[0], signer.certificate)
    )
    return bool(before == now)


def _released(queue: Queue, entry: Entry, signer: Signer) -> bool:
    """True when it is counter-signed now. One whose bytes were damaged is let go as it is: the sender finds that, and
    puts it into quarantine; it must not stop the others."""
    reason = "counter-signed"
    try:
        if _has_lost_key(queue, entry, signer):
            return False
        counters = queue.counter_signatures(entry.submission_id)
        now = queue.database.clock.utcnow()
        if not counters or _over(counters[-1], now) or _revoked(queue, counters[-1]):
            _sign(queue, entry, signer)
    except (DamagedEntry, CmsError, CertificateError):
        reason = "its stored bytes were altered: not counter-signed"
    claims.step(queue.database, entry.submission_id, Event.RELEASE, reason)
    return reason == "counter-signed"


def _sign(queue: Queue, entry: Entry, signer: Signer) -> None:
    now, first = queue.database.clock.utcnow(), queue.signature(entry.submission_id)
    signature = cms.sign_detached(first, signer, now)
    with queue.database.write() as tables:
        c = tables.counter_signature
        n = c.select().where(c.seq == entry.seq).count() + 1
        row = {"seq": entry.seq, "n": n, "signature": signature, "signed_at": stamp(now), "reason": HELD_FOR}
        c.insert(row).execute()
        detail = {"n": n, "signature_sha256": hashlib.sha256(signature).hexdigest()}
        audit.append(queue.database, tables, "counter_signed", entry.submission_id, detail)


def _revoked(queue: Lookup, signature: bytes) -> Revoked | None:
    return queue.revocation.of_cms(signature) if queue.revocation is not None else None


def _over(signature: bytes, now: dt.datetime) -> bool:
    leaf = certificates.from_der(cms.embedded_certificates(signature)[0])
    return now > leaf.not_valid_after_utc


def _clock(queue: Lookup) -> Trust:
    with queue.database.read() as tables:
        return assess(queue.database, tables)
