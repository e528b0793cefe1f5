"""A submission whose certificate ran out while it waited is held, then counter-signed; it is never signed again.

In: an open queue, and the signer with its new certificate. Out: rows of `counter_signature`: a detached CMS over the
DER of the first signature (docs/verify/FORMAT.md), and the entry released. What was signed in time stays as it was.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from offline_queue import audit, certificates, claims, cms
from offline_queue.clock import stamp
from offline_queue.errors import CertificateError, CmsError, DamagedEntry
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
    `certificate.expired` when it ran out and nobody has vouched for it under one that is good now. On a clock that
    nobody vouches for, nothing is held: the gateway decides."""
    signature, counters = queue.signature(submission_id), queue.counter_signatures(submission_id)
    if _clock(queue) is Trust.UNKNOWN:
        return counters[-1] if counters else b""
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


def held(queue: Queue, signer: Signer) -> tuple[str, ...]:
    """Counter-sign and release everything held for its certificate. Returns the ids. Nothing happens while the signer's
    own certificate is not valid, or the clock is not trusted. Killed between the two steps, the next call releases."""
    now = queue.database.clock.utcnow()
    own = certificates.from_der(signer.certificate)
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc or _clock(queue) is Trust.UNKNOWN:
        return ()
    return tuple(
        entry.submission_id
        for entry in queue.entries(State.HELD)
        if entry.held_for == HELD_FOR and _released(queue, entry, signer)
    )


def _released(queue: Queue, entry: Entry, signer: Signer) -> bool:
    """True when it is counter-signed now. One whose bytes were damaged is let go as it is: the sender finds that, and
    puts it into quarantine; it must not stop the others."""
    reason = "counter-signed"
    try:
        counters = queue.counter_signatures(entry.submission_id)
        if not counters or _over(counters[-1], queue.database.clock.utcnow()):
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


def _over(signature: bytes, now: dt.datetime) -> bool:
    leaf = certificates.from_der(cms.embedded_certificates(signature)[0])
    return now > leaf.not_valid_after_utc


def _clock(queue: Lookup) -> Trust:
    with queue.database.read() as tables:
        return assess(queue.database, tables)
