"""The signed manifest of one submission: canonical JSON that names the bytes, the station and the audit head.

{"schema":1, "submission_id", "tcn", "tot", "ori", "station_id", "seq", "created_at",
 "parts":[{"name":"transaction.an2","sha256","size"}], "prev_audit"}. A large body is hashed once; only this is signed.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from offline_queue import canonical
from offline_queue.clock import from_stamp, stamp
from offline_queue.errors import QueueError
from offline_queue.models import PART_NAME, Submission

SCHEMA = 1
LARGEST_PAYLOAD = 64 * 1024 * 1024
SHAPES = {
    "submission_id": r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",  # it is part of a URL
    "tcn": r"[\x21-\x7e]{1,40}",
    "tot": r"[A-Z0-9]{1,16}",
    "ori": r"[A-Z0-9]{1,20}",
    "station_id": r"[A-Za-z0-9._-]{1,40}",
}


@dataclass(frozen=True)
class Manifest:
    """What a manifest says. sha256 and prev_audit in hexadecimal digits, size in bytes."""

    submission_id: str
    tcn: str
    tot: str
    ori: str
    station_id: str
    seq: int
    created_at: dt.datetime
    sha256: str
    size: int
    prev_audit: str

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical.dumps(
            {
                "schema": SCHEMA,
                "submission_id": self.submission_id,
                "tcn": self.tcn,
                "tot": self.tot,
                "ori": self.ori,
                "station_id": self.station_id,
                "seq": self.seq,
                "created_at": stamp(self.created_at),
                "parts": [{"name": PART_NAME, "sha256": self.sha256, "size": self.size}],
                "prev_audit": self.prev_audit,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """The reverse. QueueError `manifest.malformed` for bytes that `to_bytes` would not have written."""
        try:
            value = canonical.loads(data)
            part = value["parts"][0]
            manifest = cls(
                **{name: _shaped(name, value[name]) for name in SHAPES},
                seq=_count(value["seq"]),
                created_at=from_stamp(value["created_at"]),
                sha256=_hex(part["sha256"]),
                size=_count(part["size"]),
                prev_audit=_hex(value["prev_audit"]),
            )
            same = manifest.to_bytes() == data
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
            raise QueueError("manifest.malformed", "this is not a manifest", "ask the sender") from error
        if not same:
            raise QueueError("manifest.malformed", "this is not a manifest of schema 1", "ask the sender")
        return manifest


def check(submission: Submission, station_id: str) -> None:
    """QueueError `queue.bad_submission` when an id has a shape the queue or a URL cannot carry, or no or
    too many
    bytes came."""
    try:
        for name in SHAPES:
            _shaped(name, station_id if name == "station_id" else getattr(submission, name))
    except ValueError as error:
        raise QueueError("queue.bad_submission", str(error), "this is a mistake in the program") from None
    if not 0 < len(submission.payload) <= LARGEST_PAYLOAD:
        raise QueueError(
            "queue.bad_submission",
            f"a payload of {len(submission.payload)} bytes",
            "send fewer or smaller images",
        )


def _shaped(name: str, value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(SHAPES[name], value):
        raise ValueError(f"{name} {value!r} does not have the shape {SHAPES[name]}")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a count")
    return value


def _hex(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("not a SHA-256")
    return value
