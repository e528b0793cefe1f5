"""What the queue's tests share: submissions, a gateway in memory that signs for real, and its script of faults."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from offline_queue import canonical, cms
from offline_queue.clock import stamp
from offline_queue.errors import Certainty, TransportFault
from offline_queue.models import Submission
from offline_queue.outward import Openers
from offline_queue.signers import Signer
from offline_queue.transports import Parcel
from offline_queue.wire import BadItem, ResponsePage, SignedReceipt, WireResponse

AT = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)


def submission(n: int = 1, payload: bytes | None = None, **changes: Any) -> Submission:
    """The n-th submission, always the same."""
    values = {
        "submission_id": f"sub-{n}",
        "tcn": f"TCN{n:07}",
        "tot": "CAR",
        "ori": "ZZ0000000",
        "payload": f"payload {n} ".encode() * 50 if payload is None else payload,
    }
    return Submission(**(values | changes))


def receipt_bytes(parcel_or_entry: Any, **changes: Any) -> bytes:
    """A custody receipt for something with submission_id, tcn, sha256 and size."""
    value = {
        "schema": 1,
        "gateway": "SIMULATED",
        "submission_id": parcel_or_entry.submission_id,
        "tcn": parcel_or_entry.tcn,
        "sha256": parcel_or_entry.sha256,
        "size": parcel_or_entry.size,
        "received_at": stamp(AT),
        "custody": True,
    }
    return canonical.dumps(value | changes)


def sign(content: bytes, signer: Signer, at: dt.datetime = AT) -> SignedReceipt:
    return SignedReceipt(content, cms.sign_detached(content, signer, at))


def receipt_answer(signed: SignedReceipt) -> bytes:
    """The body of a 201."""
    return json.dumps(
        {
            "receipt": base64.b64encode(signed.receipt).decode(),
            "signature": base64.b64encode(signed.signature).decode(),
        }
    ).encode()


def not_sent(code: str = "gateway.unreachable") -> TransportFault:
    return TransportFault(code, "nobody there", certainty=Certainty.NOT_SENT)


def unsure(code: str = "gateway.deadline", **more: Any) -> TransportFault:
    return TransportFault(code, "no answer", **more)


def refused(code: str = "gateway.refused.record.invalid") -> TransportFault:
    return TransportFault(code, "field 2.018 is missing", certainty=Certainty.REFUSED)


def plain(parcel: Parcel, openers: Openers) -> bytes:
    """What the gateway reads of it."""
    if not parcel.sealed:
        return parcel.transaction
    return openers.submission(parcel.transaction, parcel.submission_id)


@dataclass
class Stored:
    submission_id: str
    tcn: str
    sha256: str
    size: int


@dataclass
class MemoryGateway:
    """Keeps each submission once. script: id → list of what to do at the next submits: a fault to raise before or
    ("after", fault) after it was stored, or a function that changes the receipt."""

    signer: Signer
    script: dict[str, list[Any]] = field(default_factory=dict)
    status_script: list[Any] = field(default_factory=list)
    pull_script: list[Any] = field(default_factory=list)
    stored: dict[str, Stored] = field(default_factory=dict)
    answers: list[WireResponse | BadItem] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    at: Callable[[], dt.datetime] = lambda: AT
    openers: Openers = field(default_factory=Openers)

    def submit(self, parcel: Parcel) -> SignedReceipt:
        self.calls.append(("submit", parcel.submission_id))
        todo = self.script.get(parcel.submission_id) or self.script.get("*") or [None]
        what = todo.pop(0) if len(todo) > 1 or todo[0] is not None else None
        if isinstance(what, Exception):
            raise what
        manifest, content = canonical.loads(parcel.manifest), plain(parcel, self.openers)
        self.stored[parcel.submission_id] = Stored(
            parcel.submission_id, manifest["tcn"], hashlib.sha256(content).hexdigest(), len(content)
        )
        if isinstance(what, tuple):
            raise what[1]
        signed = self._receipt(parcel.submission_id)
        return what(signed) if callable(what) else signed

    def status(self, submission_id: str) -> SignedReceipt | None:
        self.calls.append(("status", submission_id))
        if self.status_script:
            raise self.status_script.pop(0)
        return self._receipt(submission_id) if submission_id in self.stored else None

    def responses(self, after: int, limit: int) -> ResponsePage:
        self.calls.append(("responses", str(after)))
        if self.pull_script:
            raise self.pull_script.pop(0)
        behind = [item for item in self.answers if item.seq is None or item.seq > after]
        return ResponsePage(tuple(behind[:limit]), len(behind) > limit)

    def close(self) -> None: ...

    def answer(self, seq: int, tcr: str, content: bytes = b"an answer", **changes: Any) -> None:
        values = {"seq": seq, "tcr": tcr, "tot": "SRE", "content": content}
        signature = cms.sign_detached(content, self.signer, self.at())
        self.answers.append(WireResponse(**({**values, "signature": signature} | changes)))

    def _receipt(self, submission_id: str) -> SignedReceipt:
        return sign(receipt_bytes(self.stored[submission_id]), self.signer, self.at())
